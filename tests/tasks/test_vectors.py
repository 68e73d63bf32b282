from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import softmax

from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENE_PLACES, SELECTED_OBJECTS
from lightning_taskonomy.tasks.task import Example
from lightning_taskonomy.tasks.vectors import (
    read_object_classes,
    read_room_layout,
    read_scene_classes,
    read_selected_classes,
    read_vanishing_points,
)

Floats = npt.NDArray[np.float64]

RGB = np.zeros((4, 4, 3), np.uint8)
LOW, HIGH = np.array([0.0, -1.0, 0.0]), np.array([6.0, 3.0, 2.5])
PLACE = np.array([1.0, 2.0, 1.5])
any_rotation = st.integers(0, 2**32 - 1).map(lambda seed: Rotation.random(rng=np.random.default_rng(seed)))


def numbers(made: Example) -> Floats:
    """The target, which is a plain vector of single precision."""
    assert isinstance(made.target, np.ndarray)
    assert made.target.dtype == np.float32
    assert made.mask is None
    return made.target.astype(np.float64)


def classes(logits: npt.ArrayLike) -> dict[str, Any]:
    return {"rgb": RGB, "class_object": np.asarray(logits, np.float32)}


def objects(logits: npt.ArrayLike) -> Floats:
    return numbers(read_object_classes([classes(logits)], 4, np.random.default_rng(0)))


def selected(logits: npt.ArrayLike) -> Floats:
    return numbers(read_selected_classes([classes(logits)], 4, np.random.default_rng(0)))


def scenes(shares: npt.ArrayLike) -> Floats:
    return numbers(read_scene_classes([{"rgb": RGB, "class_scene": shares}], 4, np.random.default_rng(0)))


def vanishing_points(camera: Rotation) -> Floats:
    view = {"rgb": RGB, "point_info": {"camera_rotation_final": camera.as_euler("xyz").tolist()}}
    return numbers(read_vanishing_points([view], 4, np.random.default_rng(0))).reshape(3, 3)


def layout(
    camera: Rotation, place: npt.ArrayLike = PLACE, low: npt.ArrayLike = LOW, high: npt.ArrayLike = HIGH
) -> Floats:
    ranges = np.column_stack([low, high]).tolist()
    info = {
        "camera_rotation_final": camera.as_euler("xyz").tolist(),
        "camera_location": np.asarray(place).tolist(),
        # Records have the world's y range as x, and its x range as y.
        "bounding_box_ranges": dict(zip("yxz", ranges, strict=True)),
    }
    return numbers(read_room_layout([{"rgb": RGB, "point_info": info}], 4, np.random.default_rng(0)))


def level_camera(heading_degrees: float) -> Rotation:
    """Upright, looking along +x where the heading is 0 and along +y where it is 90."""
    return Rotation.from_euler("xyz", [90, 0, heading_degrees - 90], degrees=True)


def quarter_is_clear(camera: Floats) -> bool:
    """Whether the view is not halfway between two of the world's axes, where rounding decides."""
    ahead = -camera[:, 2]
    return bool(abs(abs(ahead[0]) - abs(ahead[1])) > 1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 10.0, 1000.0]))
def test_object_classes_are_the_softmax_of_logits(seed: int, spread: float) -> None:
    logits = np.random.default_rng(seed).normal(0, spread, 1000).astype(np.float32)
    np.testing.assert_allclose(objects(logits), softmax(logits.astype(np.float64)), rtol=1e-6, atol=1e-30)


def test_large_logits_do_not_overflow() -> None:
    made = objects(np.where(np.arange(1000) < 2, 1e4, -1e4))
    np.testing.assert_array_equal(made, np.where(np.arange(1000) < 2, 0.5, 0))


def test_selected_classes_are_the_100_indoor_ones_among_themselves() -> None:
    logits = np.random.default_rng(0).normal(0, 3, 1000)
    few = softmax(logits)[list(SELECTED_OBJECTS)]
    np.testing.assert_allclose(selected(logits), few / few.sum(), rtol=1e-5)


def test_selected_classes_are_told_apart_where_others_are_far_more_likely() -> None:
    logits = np.zeros(1000)
    logits[np.setdiff1d(np.arange(1000), SELECTED_OBJECTS)] = 5000.0
    np.testing.assert_allclose(selected(logits), np.full(100, 0.01), rtol=1e-6)


def test_63_scene_classes_are_renormalised() -> None:
    shares = np.random.default_rng(0).random(63).astype(np.float32) / 100
    np.testing.assert_allclose(scenes(shares), shares / shares.sum(), rtol=1e-5)


def test_of_365_scene_classes_63_are_kept() -> None:
    shares = softmax(np.random.default_rng(0).normal(0, 2, 365)).astype(np.float32)
    kept = [shares[place] for place in SCENE_PLACES]
    np.testing.assert_allclose(scenes(shares), np.array(kept) / np.sum(kept), rtol=1e-5)
    certain = np.zeros(365)
    certain[203] = 0.25
    assert SCENE_CLASSES[int(scenes(certain).argmax())] == "kitchen"
    assert scenes(certain).max() == 1


@pytest.mark.parametrize("length", [62, 64, 364, 1000])
def test_other_numbers_of_scene_classes_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match=rf"expected 365 or 63 values, found \({length},\)"):
        scenes(np.full(length, 0.1))


@pytest.mark.parametrize("wrong", [[0.5, -0.01, 0.5], [0, 0, 0], [0.5, np.nan, 0.5], [0.5, np.inf, 0.5]])
def test_scene_classes_must_be_probabilities(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="expected probabilities"):
        scenes(wrong * 21)


@pytest.mark.parametrize("heading", [30, 120, 210, 300])
def test_vanishing_points_of_a_level_camera(heading: int) -> None:
    # 30 degrees to the left of +x: x lies ahead to the right, y ahead to the left, z above.
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    expected = [[s, 0, -c], [-c, 0, -s], [0, 1, 0]]
    np.testing.assert_allclose(vanishing_points(level_camera(heading)), expected, atol=1e-6)


@given(any_rotation)
def test_turned_vanishing_points_are_the_same_lines_with_x_and_y_ahead(camera: Rotation) -> None:
    axes = camera.inv().apply(np.eye(3))
    made = vanishing_points(camera)
    assume((np.abs(axes[:2, 2]) > 1e-5).all())  # else rounding decides
    assert made[0, 2] < 0
    assert made[1, 2] < 0
    np.testing.assert_allclose(made[2], axes[2], atol=1e-6)
    # Each axis is still one of the building's horizontal lines, in one of its two directions.
    along = np.abs(made[:2] @ axes[:2].T)
    np.testing.assert_allclose(along.sum(axis=0), [1, 1], atol=1e-6)
    np.testing.assert_allclose(along.max(axis=1), [1, 1], atol=1e-6)
    np.testing.assert_allclose(np.cross(made[0], made[1]), made[2], atol=1e-6)


@given(any_rotation, st.integers(-3, 3))
def test_vanishing_points_do_not_depend_on_the_buildings_orientation(camera: Rotation, quarters: int) -> None:
    assume((np.abs(camera.as_matrix()[:2, 2]) > 1e-5).all())
    elsewhere = Rotation.from_euler("z", 90 * quarters, degrees=True) * camera
    np.testing.assert_allclose(vanishing_points(elsewhere), vanishing_points(camera), atol=1e-5)


def test_vanishing_points_need_a_rotation() -> None:
    with pytest.raises(ValueError, match="angles"):
        read_vanishing_points(
            [{"rgb": RGB, "point_info": {"camera_rotation_final": [0.1, 0.2]}}], 4, np.random.default_rng(0)
        )


@pytest.mark.parametrize(
    ("heading", "centre", "sides"),
    [
        # The box's centre is (3, 1, 1.25): from the camera +2 along x, -1 along y, -0.25 along z.
        (0, [1, -0.25, -2], [6, 4, 2.5]),
        (90, [2, -0.25, 1], [4, 6, 2.5]),
        (180, [-1, -0.25, 2], [6, 4, 2.5]),
        (-90, [-2, -0.25, -1], [4, 6, 2.5]),
    ],
)
@pytest.mark.parametrize("aside", [-40, 0, 25])
def test_layout_of_a_known_room(heading: int, aside: int, centre: list[float], sides: list[float]) -> None:
    made = layout(level_camera(heading + aside))
    # Turning the head to the left moves the room to the right.
    right, up, back = centre
    c, s = np.cos(np.radians(aside)), np.sin(np.radians(aside))
    np.testing.assert_allclose(made[:3], [c * right - s * back, up, s * right + c * back], atol=1e-6)
    np.testing.assert_allclose(np.degrees(made[3:6]), [90, 0, aside - 90], atol=1e-4)
    np.testing.assert_allclose(made[6:], sides, atol=1e-6)


@given(any_rotation, st.integers(0, 2**32 - 1))
def test_layout_of_any_camera(camera: Rotation, seed: int) -> None:
    matrix = camera.as_matrix()
    assume(quarter_is_clear(matrix))
    random = np.random.default_rng(seed)
    place, low = random.uniform(-5, 5, (2, 3))
    high = low + random.uniform(0, 5, 3)
    made = layout(camera, place, low, high)
    np.testing.assert_allclose(camera.apply(made[:3]) + place, (low + high) / 2, atol=1e-5)
    turned = Rotation.from_euler("xyz", made[3:6])
    assert -turned.as_matrix()[0, 2] >= abs(turned.as_matrix()[1, 2])
    sideways = abs(matrix[1, 2]) > abs(matrix[0, 2])
    np.testing.assert_allclose(made[6:], (high - low)[[1, 0, 2] if sideways else [0, 1, 2]], atol=1e-5)


@given(any_rotation, st.integers(-3, 3))
def test_layout_does_not_depend_on_the_buildings_orientation(camera: Rotation, quarters: int) -> None:
    assume(quarter_is_clear(camera.as_matrix()))
    turn = Rotation.from_euler("z", 90 * quarters, degrees=True)
    corners = turn.apply([LOW, HIGH])
    here = layout(camera)
    there = layout(turn * camera, turn.apply(PLACE), corners.min(axis=0), corners.max(axis=0))
    np.testing.assert_allclose(there[[0, 1, 2, 6, 7, 8]], here[[0, 1, 2, 6, 7, 8]], atol=1e-5)
    apart = Rotation.from_euler("xyz", there[3:6]).inv() * Rotation.from_euler("xyz", here[3:6])
    assert apart.magnitude() < 1e-5


@pytest.mark.parametrize("high", [[-0.1, 3, 2.5], [6, np.nan, 2.5], [6, 3, -1]])
def test_layout_needs_ranges_from_low_to_high(high: list[float]) -> None:
    with pytest.raises(ValueError, match="expected three ranges from low to high"):
        layout(level_camera(0), high=high)


def test_a_record_without_a_box_is_named() -> None:
    info = {"camera_rotation_final": [1.5, 0.0, 0.3], "camera_location": [1.0, 2.0, 1.5]}
    with pytest.raises(ValueError, match="its point_info has no bounding_box_ranges, the room's box"):
        read_room_layout([{"rgb": RGB, "point_info": info}], 4, np.random.default_rng(0))
