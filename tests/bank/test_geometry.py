import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.bank.geometry import DrawnLayout, project, turn_and_way
from lightning_taskonomy.bank.tiles import SIDE
from lightning_taskonomy.synthetic.render.camera import Camera
from lightning_taskonomy.tasks.rotations import euler_from_rotation, rotation_from_euler
from lightning_taskonomy.tasks.task import Example
from lightning_taskonomy.tasks.vectors import read_room_layout

angles = st.floats(-3.0, 3.0)


@given(st.tuples(angles, st.floats(-1.4, 1.4), angles), st.floats(30, 120))
def test_box_lies_where_the_camera_sees_the_rooms_corners(euler: tuple[float, ...], degrees: float) -> None:
    ranges = {"x": [-2.0, 3.0], "y": [-1.0, 1.5], "z": [0.0, 2.5]}
    location = [0.3, 0.2, 1.4]
    stored = {"x": ranges["y"], "y": ranges["x"], "z": ranges["z"]}
    info = {"bounding_box_ranges": stored, "camera_location": location, "camera_rotation_final": euler}
    example: Example = read_room_layout(
        [{"rgb": np.zeros((16, 16, 3), np.uint8), "point_info": info}], 16, np.random.default_rng(0)
    )
    assert isinstance(example.target, np.ndarray)
    found = DrawnLayout.of(example.target).corners().reshape(-1, 3)
    camera = Camera(np.array(location), rotation_from_euler(euler), np.radians(degrees), SIDE)
    corners = np.stack(np.meshgrid(*ranges.values(), indexing="ij"), axis=-1).reshape(-1, 3)
    pixels, depths = camera.project(corners)
    seen = found[:, 2] < -0.1
    assert seen.sum() == (depths > 0.1).sum()
    ours = project(found[seen], degrees)
    for pixel in pixels[depths > 0.1]:
        scale = 1 + np.abs(pixel).max()
        assert np.abs(ours - pixel).max(axis=1).min() < 1e-3 * scale


@given(st.floats(0.01, 3.1), st.tuples(*[st.floats(-1, 1)] * 3))
def test_turn_is_the_angle_about_the_axis(angle: float, axis: tuple[float, ...]) -> None:
    direction = np.array(axis) + np.array([0, 0, 2])
    direction /= np.linalg.norm(direction)
    cross = np.cross(np.eye(3), direction)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    turn, way = turn_and_way(np.concatenate([euler_from_rotation(rotation), [3.0, 0.0, 4.0]]))
    assert turn == pytest.approx(np.degrees(angle), abs=1e-4)
    assert way == pytest.approx(5.0)
