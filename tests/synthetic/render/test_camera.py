import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.synthetic.render.camera import Camera, looking_at, relative_pose

places = st.tuples(*[st.floats(-5, 5)] * 3)


def random_camera(seed: int) -> Camera:
    random = np.random.default_rng(seed)
    place = random.uniform(-3, 3, 3)
    rotation = looking_at(place, place + random.normal(size=3) + [3.0, 0, 0], random.normal(0, 0.1))
    return Camera(place, rotation, float(random.uniform(0.6, 2.1)), 96)


@given(places, places, st.floats(-0.3, 0.3))
def test_a_camera_has_its_target_in_the_centre(
    place: tuple[float, float, float], target: tuple[float, float, float], roll: float
) -> None:
    way = np.subtract(target, place)
    if np.hypot(way[0], way[1]) < 0.1:
        return
    camera = Camera(np.array(place), looking_at(place, target, roll), 1.2, 64)
    pixels, depth = camera.project(np.array([target]))
    assert np.allclose(pixels, 32.0, atol=1e-6)
    assert depth[0] == pytest.approx(np.linalg.norm(way))


def test_roll_keeps_the_view_and_turns_the_horizon() -> None:
    level, rolled = looking_at([0, 0, 1], [5, 0, 1]), looking_at([0, 0, 1], [5, 0, 1], 0.2)
    assert np.allclose(level[:, 2], rolled[:, 2])
    assert level[2, 0] == pytest.approx(0.0)
    assert rolled[2, 0] == pytest.approx(np.sin(0.2))


@pytest.mark.parametrize("seed", range(5))
def test_projection_is_k_times_r_and_t(seed: int) -> None:
    camera = random_camera(seed)
    points = camera.location + np.random.default_rng(seed).normal(size=(20, 3))
    rotation, translation = camera.pose()
    homogeneous = (camera.intrinsics() @ (rotation @ points.T + translation[:, None])).T
    pixels, depth = camera.project(points)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.allclose(homogeneous[:, 2], depth)
    assert np.allclose(homogeneous[:, :2] / homogeneous[:, 2:], pixels)


@pytest.mark.parametrize("seed", range(5))
def test_points_along_a_pixels_direction_project_to_it_at_that_depth(seed: int) -> None:
    camera = random_camera(seed)
    pixels = np.random.default_rng(seed).uniform(0, 96, (20, 2))
    depths = np.linspace(0.5, 9.0, 20)
    found, depth = camera.project(camera.location + depths[:, None] * camera.directions(pixels))
    assert np.allclose(found, pixels)
    assert np.allclose(depth, depths)


def test_grid_directions_are_the_directions_of_pixel_centres() -> None:
    camera = random_camera(3)
    rows, columns = np.mgrid[:96, :96] + 0.5
    expected = camera.directions(np.column_stack([columns.ravel(), rows.ravel()]))
    assert np.allclose(camera.grid_directions(), expected, atol=1e-6)


def test_the_field_of_view_spans_the_whole_picture() -> None:
    camera = Camera(np.zeros(3), np.eye(3), 1.0, 200)
    left, right = camera.directions([[0.0, 100.0], [200.0, 100.0]])
    cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
    assert np.arccos(cosine) == pytest.approx(1.0)


def test_the_picture_is_upright_and_not_mirrored() -> None:
    camera = Camera(np.zeros(3), looking_at([0, 0, 0], [0, 5, 0]), 1.0, 100)
    pixels, _ = camera.project([[1.0, 5.0, 0.0], [0.0, 5.0, 1.0]])
    assert pixels[0, 0] > 50  # +x is to the right of a camera that looks along +y
    assert pixels[1, 1] < 50  # up is towards row 0


def test_relative_pose_maps_points_between_cameras() -> None:
    first, second = random_camera(1), random_camera(2)
    points = np.random.default_rng(0).normal(size=(10, 3))
    (r1, t1), (r2, t2) = first.pose(), second.pose()
    rotation, translation = relative_pose(first, second)
    assert np.allclose((points @ r1.T + t1) @ rotation.T + translation, points @ r2.T + t2)
