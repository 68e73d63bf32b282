import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lightning_taskonomy.data.folder.conventions import camera_is_outside, normals_are_inverted

SIDE = 48


def seen_in_a_box(heading: float, tilt: float, roll: float, field_of_view: float) -> npt.NDArray[np.float64]:
    """Normals (right, down, ahead) that a camera in the middle of a room sees, by the walls its rays hit."""
    steps = (np.arange(SIDE) + 0.5 - SIDE / 2) / (SIDE / 2 / np.tan(field_of_view / 2))
    rays = np.dstack([*np.meshgrid(steps, steps), np.ones((SIDE, SIDE))])
    # Right, down, ahead in a world of x right, y ahead, z up; then the camera is turned.
    level = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    turned = Rotation.from_euler("ZXY", [heading, tilt, roll]).as_matrix() @ level
    ways = rays @ turned.T
    nearest = np.argmin(np.array([2.0, 3.0, 1.3]) / np.maximum(np.abs(ways), 1e-9), axis=-1)
    world = -np.sign(np.take_along_axis(ways, nearest[..., None], -1)) * np.eye(3)[nearest]
    return np.asarray(world @ turned)


def stored(normals: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    return np.rint(127 + 127 * normals).astype(np.uint8)


@given(
    st.floats(-3.2, 3.2),
    st.floats(-0.6, 0.6),
    st.floats(-0.1, 0.1),
    st.floats(np.radians(30), np.radians(125)),
)
def test_normals_into_the_scene_are_told_from_those_towards_the_camera(
    heading: float, tilt: float, roll: float, field_of_view: float
) -> None:
    normals = seen_in_a_box(heading, tilt, roll, field_of_view)
    assert not normals_are_inverted(stored(normals))
    assert normals_are_inverted(stored(normals * [1, 1, -1]))


def test_nothing_is_said_of_pictures_without_normals() -> None:
    assert not normals_are_inverted(np.full((SIDE, SIDE, 3), 127, np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert not normals_are_inverted(noise)


@pytest.mark.parametrize(
    ("info", "outside"),
    [
        ({"x": [1, 3], "y": [0, 2], "z": [0, 2]}, False),
        ({"x": [0, 1.5], "y": [1.5, 4], "z": [0, 2]}, True),
        ({"x": [1, 3], "y": [0, 2]}, None),
        ({"x": [3, 1], "y": [0, 2], "z": [0, 2]}, None),
        ({"x": "ab", "y": [0, 2], "z": [0, 2]}, None),
        (None, None),
        (7, None),
    ],
)
def test_cameras_outside_their_boxes(info: object, outside: bool | None) -> None:
    assert camera_is_outside({"camera_location": [1.0, 2.0, 1.5], "bounding_box_ranges": info}) is outside
