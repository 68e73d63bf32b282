import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lightning_taskonomy.tasks import Example, Pixels, dictionary, task_named

SIZE = 32
RANDOM = np.random.default_rng(0)
STORED: dict[str, Any] = {
    "rgb": RANDOM.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8),
    "normal": RANDOM.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8),
    "principal_curvature": RANDOM.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8),
    "reshading": RANDOM.integers(0, 256, (SIZE, SIZE, 1)).astype(np.uint8).repeat(3, axis=2),
    "depth_zbuffer": RANDOM.integers(200, 9000, (SIZE, SIZE)).astype(np.uint16),
    "depth_euclidean": RANDOM.integers(200, 9000, (SIZE, SIZE)).astype(np.uint16),
    "edge_texture": RANDOM.integers(0, 12000, (SIZE, SIZE)).astype(np.uint16),
    "edge_occlusion": RANDOM.integers(0, 4000, (SIZE, SIZE)).astype(np.uint16),
    "keypoints2d": RANDOM.integers(0, 1200, (SIZE, SIZE)).astype(np.uint16),
    "keypoints3d": RANDOM.integers(0, 61000, (SIZE, SIZE)).astype(np.uint16),
    "segment_unsup2d": RANDOM.integers(0, 40, (SIZE, SIZE)).astype(np.uint8),
    "segment_unsup25d": RANDOM.integers(0, 40, (SIZE, SIZE)).astype(np.uint8),
    "segment_semantic": RANDOM.integers(0, 18, (SIZE, SIZE)).astype(np.uint8),
    "class_object": RANDOM.normal(size=1000).astype(np.float32),
    "class_scene": RANDOM.random(63).astype(np.float32),
    "point_info": {
        "vanishing_points_gaussian_sphere": {"x": [0, 0, -1.0], "y": [-1.0, 0, 0], "z": [0, 1.0, 0]}
    },
}
STORED["depth_zbuffer"][:3] = 65535


def example(name: str, size: int = SIZE) -> Example:
    return task_named(name).read([STORED], size, np.random.default_rng(0))


@pytest.mark.parametrize("name", dictionary())
@pytest.mark.parametrize("size", [SIZE, 16, 48])
def test_every_task_gives_what_its_output_promises(name: str, size: int) -> None:
    task, made = task_named(name), example(name, size)
    assert made.inputs.shape == (1, 3, size, size)
    assert made.inputs.dtype == np.float32
    assert np.abs(made.inputs).max() <= 1
    if not isinstance(task.output, Pixels):
        assert made.target.shape == (task.output.outputs,)
    elif task.loss in ("metric_pairs", "cross_entropy"):
        assert made.target.shape == (size, size)
        assert made.target.dtype == np.int64
    else:
        assert made.target.shape == (task.output.channels, size, size)
        assert made.target.dtype == np.float32
    assert made.mask is None or set(np.unique(made.mask).tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", dictionary())
def test_tasks_travel_to_other_processes(name: str) -> None:
    assert pickle.loads(pickle.dumps(task_named(name))) == task_named(name)


def test_surface_tasks_count_only_where_there_is_a_surface() -> None:
    for task in dictionary().values():
        if "depth_zbuffer" in task.domains:
            mask = example(task.name).mask
            assert mask is not None
            np.testing.assert_array_equal(mask, STORED["depth_zbuffer"] < 64_500)


def test_formulas() -> None:
    def stored(domain: str) -> np.ndarray:
        return np.asarray(STORED[domain], np.float64)

    np.testing.assert_allclose(
        example("edge2d").target[0], np.clip(stored("edge_texture") / 65535, 0, 0.08) / 0.04 - 1, atol=1e-5
    )
    np.testing.assert_allclose(
        example("keypoint2d").target[0],
        np.clip(stored("keypoints2d") / 65535, 0, 0.005) / 0.0025 - 1,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        example("keypoint3d").target[0], stored("keypoints3d") / 65535 * 2 - 1, atol=1e-5
    )
    occlusion = ndimage.gaussian_filter(stored("edge_occlusion") / 65535 / 0.003125 - 1, 4, mode="nearest")
    np.testing.assert_allclose(example("edge3d").target[0], occlusion, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        example("rgb2depth").target[0], np.log(1 + stored("depth_zbuffer")) / np.log(2**16), atol=1e-6
    )
    np.testing.assert_allclose(
        example("rgb2mist").target[0], np.log(1 + stored("depth_euclidean")) / np.log(2**16), atol=1e-6
    )
    np.testing.assert_allclose(
        example("rgb2sfnorm").target, (stored("normal").transpose(2, 0, 1) - 127) / 127, atol=1e-6
    )
    expected = (stored("principal_curvature")[..., :2] - [123.572, 120.1]) / [31.922, 21.658]
    np.testing.assert_allclose(example("curvature").target, expected.transpose(2, 0, 1), atol=1e-5)
    np.testing.assert_allclose(
        example("reshade").target[0], stored("reshading")[..., 0] / 127.5 - 1, atol=1e-6
    )
    np.testing.assert_allclose(
        example("autoencoder").target, stored("rgb").transpose(2, 0, 1) / 127.5 - 1, atol=1e-6
    )


def test_semantic_classes_start_at_background_and_uncertain_does_not_count() -> None:
    made, ids = example("segmentsemantic"), STORED["segment_semantic"]
    assert made.mask is not None
    np.testing.assert_array_equal(made.mask, ids > 0)
    np.testing.assert_array_equal(made.target[ids > 0], ids[ids > 0].astype(int) - 1)


@given(st.integers(4, 80))
def test_ids_and_depths_are_never_made_up(size: int) -> None:
    for name, domain in (("segment2d", "segment_unsup2d"), ("segment25d", "segment_unsup25d")):
        assert set(np.unique(example(name, size).target)) <= set(np.unique(STORED[domain]))
    depths = np.expm1(example("rgb2depth", size).target.astype(np.float64) * np.log(2**16)).round()
    nearest = np.unique(STORED["depth_zbuffer"]).astype(float)
    assert np.abs(depths.ravel()[:, None] - nearest).min(axis=1).max() <= 1


def test_denoising_noise_has_its_variance_and_inpainting_its_hole() -> None:
    flat = {"rgb": np.full((200, 200, 3), 127, np.uint8)}
    noisy = task_named("denoise").read([flat], 200, np.random.default_rng(0))
    noise = (noisy.inputs[0] - noisy.target) / 2
    assert noise.var() == pytest.approx(0.01, rel=0.03)
    holed = example("inpainting_whole").inputs[0]
    assert (holed[:, 8:24, 8:24] == 0).all()
    target = example("impainting_whole").target
    np.testing.assert_array_equal(holed[:, :8], target[:, :8])
    np.testing.assert_array_equal(holed[:, :, 24:], target[:, :, 24:])


def test_classes_are_distributions() -> None:
    logits = STORED["class_object"].astype(np.float64)
    np.testing.assert_allclose(example("class_1000").target, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)
    scenes = STORED["class_scene"]
    np.testing.assert_allclose(example("class_places").target, scenes / scenes.sum(), rtol=1e-5)
    with pytest.raises(ValueError, match="expected probabilities"):
        task_named("class_places").read([{**STORED, "class_scene": -scenes}], SIZE, np.random.default_rng(0))


def test_vanishing_points_are_three_unit_vectors() -> None:
    assert example("vanishing_point").target.tolist() == [0, 0, -1, -1, 0, 0, 0, 1, 0]
    wrong = {"vanishing_points_gaussian_sphere": {"x": [0, 0, 2.0], "y": [1.0, 0, 0], "z": [0, 1.0, 0]}}
    with pytest.raises(ValueError, match="expected three unit vectors"):
        task_named("vanishing_point").read([{**STORED, "point_info": wrong}], SIZE, np.random.default_rng(0))
