from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lightning_taskonomy.tasks import Example, dictionary, task_named
from lightning_taskonomy.tasks.task import Stored

SIZE = 32
RANDOM = np.random.default_rng(0)
STORED: dict[str, npt.NDArray[Any]] = {
    "rgb": RANDOM.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8),
    "normal": RANDOM.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8),
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
}
STORED["depth_zbuffer"][:3] = 65535
STORED["depth_zbuffer"][3] = 64_500
STORED["depth_zbuffer"][4] = 64_499


def example(name: str, size: int = SIZE, **labels: npt.NDArray[Any]) -> Example:
    return task_named(name).read([{**STORED, **labels}], size, np.random.default_rng(0))


def numbers(part: Stored | npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The network's input: stored values, scaled."""
    assert isinstance(part, Stored)
    values = part.values[..., None] if part.values.ndim == 2 else part.values
    made: npt.NDArray[np.float32] = part.scale(torch.tensor(values)).numpy()
    assert made.dtype == np.float32
    return made


def target(name: str, size: int = SIZE, **labels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return numbers(example(name, size, **labels).target)


def as_is(name: str, size: int = SIZE, **labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A target that is not scaled."""
    made = example(name, size, **labels).target
    assert isinstance(made, np.ndarray)
    return made


def stored(domain: str) -> npt.NDArray[np.float64]:
    return STORED[domain].astype(np.float64)


@pytest.mark.parametrize("name", ["autoencoding", "normal", "curvature", "edge_texture", "depth_zbuffer"])
def test_images_of_the_right_size_stay_in_8_and_16_bits(name: str) -> None:
    made = example(name).target
    assert isinstance(made, Stored)
    assert made.values.dtype == STORED[[*task_named(name).domains, "rgb"][0]].dtype


def test_photos_are_scaled_from_minus_1_to_1() -> None:
    expected = stored("rgb").transpose(2, 0, 1) / 127.5 - 1
    made = example("depth_zbuffer")
    assert len(made.inputs) == 1
    np.testing.assert_allclose(numbers(made.inputs[0]), expected, atol=1e-6)
    np.testing.assert_allclose(target("autoencoding"), expected, atol=1e-6)
    ends = np.stack([np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 255)] * 2, axis=-1)[..., :3]
    black_and_white = numbers(example("autoencoding", rgb=ends.astype(np.uint8)).inputs[0])
    assert np.unique(black_and_white).tolist() == [-1, 1]


def test_photos_are_averaged_or_interpolated() -> None:
    averaged = stored("rgb").reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(target("autoencoding", 16), averaged, atol=1e-5)
    ramp = np.arange(SIZE, dtype=np.uint8)[None, :, None] * np.ones((SIZE, 1, 3), np.uint8)
    larger = (target("autoencoding", 2 * SIZE, rgb=ramp) + 1) * 127.5
    # A pixel of the larger picture has its centre a quarter of a pixel from the nearest one's.
    expected = np.clip(np.arange(2 * SIZE) / 2 - 0.25, 0, SIZE - 1)
    np.testing.assert_allclose(larger, np.broadcast_to(expected, larger.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "domain", "full", "clipped"),
    [
        ("edge_texture", "edge_texture", 0.08, True),
        ("keypoints2d", "keypoints2d", 0.005, True),
        ("keypoints3d", "keypoints3d", 1.0, False),
    ],
)
def test_shares_of_16_bits(name: str, domain: str, full: float, clipped: bool) -> None:
    shares = stored(domain) / 65_535
    assert not clipped or (shares > full).any()
    expected = np.clip(shares, 0, full if clipped else None) / full * 2 - 1
    np.testing.assert_allclose(target(name), expected[None], atol=1e-5)
    ends = np.where(np.arange(SIZE) % 2, round(65_535 * full), 0) * np.ones((SIZE, 1))
    made = target(name, SIZE, **{domain: ends.astype(np.uint16)})
    np.testing.assert_allclose(made[0], np.where(np.arange(SIZE) % 2, 1, -1) * np.ones((SIZE, 1)), atol=2e-3)


def test_occlusion_edges_are_blurred_as_scipy_does_and_not_clipped() -> None:
    share = stored("edge_occlusion") / 65_535
    expected = ndimage.gaussian_filter(share / 0.003125 - 1, 4)
    assert expected.max() > 1
    np.testing.assert_allclose(target("edge_occlusion")[0], expected, rtol=1e-4, atol=1e-4)


def test_depths_are_logarithms() -> None:
    for name, domain in (("depth_zbuffer", "depth_zbuffer"), ("depth_euclidean", "depth_euclidean")):
        np.testing.assert_allclose(target(name), [np.log(1 + stored(domain)) / np.log(2**16)], atol=1e-6)


def test_smaller_depths_are_means_of_logarithms() -> None:
    for name, domain in (("depth_zbuffer", "depth_zbuffer"), ("depth_euclidean", "depth_euclidean")):
        logarithms = np.log(1 + stored(domain)) / np.log(2**16)
        expected = logarithms.reshape(8, 4, 8, 4).mean(axis=(1, 3))
        made, mask = target(name, 8)[0], example(name, 8).mask
        assert mask is not None
        np.testing.assert_allclose(made[mask], expected[mask], atol=1e-6)


def test_normals_are_the_bytes_from_minus_1_to_1() -> None:
    np.testing.assert_allclose(target("normal"), stored("normal").transpose(2, 0, 1) * 2 / 255 - 1, atol=1e-6)


def test_curvatures_are_standardised() -> None:
    expected = (stored("principal_curvature")[..., :2] - [123.572, 120.1]) / [31.922, 21.658]
    np.testing.assert_allclose(target("curvature"), expected.transpose(2, 0, 1), atol=1e-5)


def test_reshading_is_one_grey_channel_however_it_is_stored() -> None:
    expected = stored("reshading")[None, ..., 0] / 127.5 - 1
    np.testing.assert_allclose(target("reshading"), expected, atol=1e-6)
    np.testing.assert_allclose(
        target("reshading", reshading=STORED["reshading"][..., 0]), expected, atol=1e-6
    )


def test_surface_tasks_are_masked_to_surfaces() -> None:
    masked = [task for task in dictionary().values() if "depth_zbuffer" in task.domains]
    assert len(masked) == 7
    for task in masked:
        mask = example(task.name).mask
        assert mask is not None
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, np.indices((SIZE, SIZE))[0] >= 4)
        smaller = example(task.name, 8).mask
        assert smaller is not None
        np.testing.assert_array_equal(smaller, np.indices((8, 8))[0] >= 1)
        uneven = example(task.name, 20).mask
        assert uneven is not None
        np.testing.assert_array_equal(uneven, np.indices((20, 20))[0] >= 3)


def test_tasks_of_the_photo_alone_have_no_mask() -> None:
    for name in (
        "edge_texture",
        "keypoints2d",
        "segment_unsup2d",
        "segment_unsup25d",
        "autoencoding",
        "denoising",
        "inpainting_whole",
    ):
        assert example(name).mask is None


def test_semantic_classes_start_at_background_and_uncertain_is_masked() -> None:
    made, ids = example("segmentsemantic"), STORED["segment_semantic"]
    assert made.mask is not None
    assert made.mask.dtype == np.bool_
    np.testing.assert_array_equal(made.mask, ids > 0)
    classes = as_is("segmentsemantic")
    assert classes.dtype == np.uint8
    assert classes.max() == 16
    np.testing.assert_array_equal(classes[ids > 0], ids[ids > 0].astype(int) - 1)


def test_semantic_ids_beyond_17_are_refused() -> None:
    wrong = np.full((SIZE, SIZE), 18, np.uint8)
    with pytest.raises(ValueError, match="expected ids 0 to 17, found 18"):
        example("segmentsemantic", segment_semantic=wrong)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
def test_ids_keep_their_type_and_their_place(kind: type[np.generic]) -> None:
    ids = STORED["segment_unsup2d"].astype(kind)
    made = as_is("segment_unsup2d", segment_unsup2d=ids)
    assert made.dtype == kind
    np.testing.assert_array_equal(made, ids)
    # Every second pixel of every second row, or each twice.
    smaller, larger = (as_is("segment_unsup2d", size, segment_unsup2d=ids) for size in (SIZE // 2, 2 * SIZE))
    np.testing.assert_array_equal(smaller, ids[1::2, 1::2])
    np.testing.assert_array_equal(larger, ids.repeat(2, axis=0).repeat(2, axis=1))


@given(st.integers(4, 80))
def test_resizing_creates_no_new_ids(size: int) -> None:
    for name, domain in (("segment_unsup2d", "segment_unsup2d"), ("segment_unsup25d", "segment_unsup25d")):
        assert set(np.unique(as_is(name, size))) <= set(np.unique(STORED[domain]))


def test_masks_of_a_view_are_computed_once() -> None:
    view = {**STORED, "depth_zbuffer": STORED["depth_zbuffer"].copy()}
    masks = [
        task_named(name).read([view], 16, np.random.default_rng(0)).mask
        for name in ("reshading", "curvature", "depth_zbuffer")
    ]
    assert masks[0] is masks[1] is masks[2]


def test_noise_to_be_removed_has_its_variance_and_leaves_the_clean_picture() -> None:
    flat = np.full((200, 200, 3), 127, np.uint8)
    noisy = example("denoising", 200, rgb=flat)
    clean = numbers(noisy.target)
    np.testing.assert_allclose(clean, 127 / 127.5 - 1, atol=1e-6)
    noise = (numbers(noisy.inputs[0]) - clean) / 2
    assert noise.mean() == pytest.approx(0, abs=2e-3)
    assert noise.var() == pytest.approx(0.01, rel=0.03)
    black = numbers(example("denoising", 200, rgb=np.zeros_like(flat)).inputs[0])
    assert black.min() == -1


def test_inpainting_has_its_hole_in_the_middle_half() -> None:
    holed, whole = numbers(example("inpainting_whole").inputs[0]), target("inpainting")
    inside = np.zeros((SIZE, SIZE), np.bool_)
    inside[8:24, 8:24] = True
    assert (holed[:, inside] == 0).all()
    np.testing.assert_array_equal(holed[:, ~inside], whole[:, ~inside])
    np.testing.assert_allclose(whole, stored("rgb").transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_reading_does_not_modify_labels() -> None:
    before = {domain: values.copy() for domain, values in STORED.items()}
    for name in (
        "denoising",
        "inpainting_whole",
        "edge_occlusion",
        "curvature",
        "segmentsemantic",
        "reshading",
    ):
        made = example(name)
        numbers(made.inputs[0])
        if isinstance(made.target, Stored):
            numbers(made.target)
    for domain, values in before.items():
        np.testing.assert_array_equal(STORED[domain], values)
