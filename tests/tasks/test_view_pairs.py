from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lightning_taskonomy.tasks.task import Stored
from lightning_taskonomy.tasks.view_pairs import read_matching, read_poses, relative_pose

Floats = npt.NDArray[np.float64]
Camera = tuple[Rotation, Floats]


def random_camera(seed: int) -> Camera:
    random = np.random.default_rng(seed)
    return Rotation.random(rng=random), random.uniform(-5, 5, 3)


cameras = st.integers(0, 2**32 - 1).map(random_camera)


def info(camera: Camera) -> dict[str, Any]:
    rotation, place = camera
    return {"camera_rotation_final": rotation.as_euler("xyz").tolist(), "camera_location": place.tolist()}


def motion(pose: Floats) -> Camera:
    """Rotation and translation of a relative pose."""
    return Rotation.from_euler("xyz", pose[:3]), pose[3:]


def level_camera(heading_degrees: float, place: npt.ArrayLike) -> Camera:
    """Upright, looking along +y where the heading is 0 and along -x where it is 90."""
    turn = Rotation.from_euler("xyz", [90, 0, heading_degrees], degrees=True)
    return turn, np.asarray(place, np.float64)


def view(key: str, colour: int = 0, **labels: object) -> dict[str, Any]:
    return {"key": key, "rgb": np.full((4, 4, 3), colour, np.uint8), **labels}


def test_a_camera_two_metres_ahead_is_seen_two_metres_ahead() -> None:
    first, second = level_camera(0, [1, 2, 1]), level_camera(0, [1, 0, 1])
    np.testing.assert_allclose(relative_pose(info(first), info(second)), [0, 0, 0, 0, 0, -2], atol=1e-9)


def test_known_pose_of_a_camera_turned_to_the_left() -> None:
    # Seen from the second one: 3 m ahead, 1 m to the right and 0.5 m up, its head turned left by 30 degrees.
    first, second = level_camera(30, [1, 3, 2]), level_camera(0, [0, 0, 1.5])
    expected = [0, np.radians(30), 0, 1, 0.5, -3]
    np.testing.assert_allclose(relative_pose(info(first), info(second)), expected, atol=1e-9)


@given(cameras, cameras, st.integers(0, 2**32 - 1))
def test_the_pose_carries_points_from_the_first_axes_to_the_second(
    first: Camera, second: Camera, seed: int
) -> None:
    world = np.random.default_rng(seed).uniform(-5, 5, (7, 3))
    seen_first, seen_second = ((camera[0].inv().apply(world - camera[1])) for camera in (first, second))
    rotation, translation = motion(relative_pose(info(first), info(second)))
    np.testing.assert_allclose(rotation.apply(seen_first) + translation, seen_second, atol=1e-6)


@given(cameras, cameras, cameras)
def test_poses_compose(first: Camera, second: Camera, third: Camera) -> None:
    turn_12, move_12 = motion(relative_pose(info(first), info(second)))
    turn_23, move_23 = motion(relative_pose(info(second), info(third)))
    turn_13, move_13 = motion(relative_pose(info(first), info(third)))
    assert ((turn_23 * turn_12).inv() * turn_13).magnitude() < 1e-6
    np.testing.assert_allclose(turn_23.apply(move_12) + move_23, move_13, atol=1e-6)


@given(cameras)
def test_a_camera_has_no_pose_relative_to_itself(camera: Camera) -> None:
    np.testing.assert_allclose(relative_pose(info(camera), info(camera)), np.zeros(6), atol=1e-7)


@pytest.mark.parametrize("heading", [90, -90])
def test_level_cameras_at_right_angles(heading: float) -> None:
    first, second = level_camera(heading, [0, 0, 0]), level_camera(0, [0, 0, 0])
    rotation, _ = motion(relative_pose(info(first), info(second)))
    assert (rotation.inv() * second[0].inv() * first[0]).magnitude() < 1e-6


def test_three_views_give_the_pairs_in_order_and_two_views_the_first() -> None:
    three = [random_camera(seed) for seed in range(3)]
    views = [
        view(f"a/point_1_view_{number}", 100 + number, point_info=info(camera))
        for number, camera in enumerate(three)
    ]
    made = read_poses(views, 4, np.random.default_rng(0))
    expected = []
    for first, second in ((0, 1), (0, 2), (1, 2)):
        (from_first, place_first), (from_second, place_second) = three[first], three[second]
        to_second = from_second.inv()
        expected += [*(to_second * from_first).as_euler("xyz"), *to_second.apply(place_first - place_second)]
    assert isinstance(made.target, np.ndarray)
    assert made.target.dtype == np.float32
    np.testing.assert_allclose(made.target, expected, atol=1e-5)
    assert made.mask is None
    colours = [part.values[0, 0, 0] for part in made.inputs if isinstance(part, Stored)]
    assert colours == [100, 101, 102]
    two = read_poses(views[:2], 4, np.random.default_rng(0)).target
    assert isinstance(two, np.ndarray)
    np.testing.assert_allclose(two, expected[:6], atol=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("town/point_1_view_0", "town/point_1_view_12", 1),
        ("town/point_1_view_0", "town/point_11_view_0", 0),
        ("town/point_1_view_0", "city/point_1_view_0", 0),
        ("a_view_b/point_1_view_0", "a_view_b/point_2_view_0", 0),
        ("a_view_b/point_1_view_0", "a_view_b/point_1_view_3", 1),
    ],
)
def test_views_match_if_building_and_point_do(first: str, second: str, same: int) -> None:
    made = read_matching([view(first, 100), view(second, 101)], 4, np.random.default_rng(0))
    assert isinstance(made.target, np.ndarray)
    assert made.target.shape == ()
    assert made.target.dtype == np.int64
    assert made.target == same
    assert [part.values[0, 0, 0] for part in made.inputs if isinstance(part, Stored)] == [100, 101]
