import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lightning_taskonomy.tasks.rotations import (
    euler_from_rotation,
    facing_between_x_and_y,
    facing_minus_x,
    facing_x,
    rotation_from_euler,
)

Floats = npt.NDArray[np.float64]

angles = st.floats(-1.4, 1.4)
any_rotation = st.integers(0, 2**32 - 1).map(lambda seed: Rotation.random(rng=np.random.default_rng(seed)))


def about(axis: int, angle: float) -> Floats:
    """The textbook rotation about x, y or z."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[i, i], turn[j, j], turn[j, i], turn[i, j] = c, c, s, -s
    return turn


def heading(rotation: Floats) -> float:
    """Heading of a camera, in radians from +x."""
    return float(np.angle(complex(-rotation[0, 2], -rotation[1, 2])))


def is_between_two_walls(rotation: Floats) -> bool:
    """Whether rounding decides to which quarter the heading belongs."""
    return abs(abs(heading(rotation)) % (np.pi / 2) - np.pi / 4) < 1e-6


@given(angles, angles, angles)
def test_euler_angles_round_trip(x: float, y: float, z: float) -> None:
    assert np.allclose(euler_from_rotation(rotation_from_euler([x, y, z])), [x, y, z], atol=1e-9)


def test_euler_angles_turn_about_fixed_axes_in_the_order_x_y_z() -> None:
    expected = about(2, 0.9) @ about(1, -0.4) @ about(0, 0.3)
    assert np.allclose(rotation_from_euler([0.3, -0.4, 0.9]), expected)


@given(any_rotation)
def test_rotations_round_trip(rotation: Rotation) -> None:
    given_matrix = rotation.as_matrix()
    assert np.allclose(rotation_from_euler(euler_from_rotation(given_matrix)), given_matrix, atol=1e-9)


@pytest.mark.parametrize("quarter", [-1, 1])
@given(st.floats(-3, 3))
def test_a_quarter_turn_about_y_round_trips_without_a_warning(quarter: int, x: float) -> None:
    # Level cameras that look at right angles to each other: angles about x and z are then one.
    rotation = about(1, quarter * np.pi / 2) @ about(0, x)
    assert np.allclose(rotation_from_euler(euler_from_rotation(rotation)), rotation, atol=1e-6)


def test_the_usual_blender_camera_looks_along_y_with_z_up() -> None:
    rotation = rotation_from_euler([np.pi / 2, 0.0, 0.0])
    assert np.allclose(-rotation[:, 2], [0, 1, 0])
    assert np.allclose(rotation[:, 1], [0, 0, 1])


@given(any_rotation)
def test_the_turned_view_is_within_45_degrees_of_x(rotation: Rotation) -> None:
    turned, _ = facing_x(rotation.as_matrix())
    assert abs(heading(turned)) <= np.pi / 4 + 1e-9


@given(any_rotation)
def test_no_other_quarter_brings_the_view_nearer_to_both_x_and_y(rotation: Rotation) -> None:
    view = -rotation.as_matrix()[:, 2]
    assume(np.abs(view[:2]).min() > 1e-6)
    sums = {}
    for quarters in range(4):
        turned = about(2, quarters * np.pi / 2) @ view
        sums[quarters] = np.arccos(np.clip(turned[:2], -1, 1)).sum()
    made, quarters = facing_between_x_and_y(rotation.as_matrix())
    assert quarters % 4 == min(sums, key=lambda number: sums[number])
    assert np.allclose(made, about(2, quarters * np.pi / 2) @ rotation.as_matrix(), atol=1e-12)
    assert 0 < heading(made) < np.pi / 2


@given(any_rotation)
def test_the_view_of_records_is_the_opposite_one(rotation: Rotation) -> None:
    made = facing_minus_x(rotation.as_matrix()).rotation
    assert np.allclose(made, np.diag([-1, -1, 1]) @ facing_x(rotation.as_matrix()).rotation, atol=1e-12)


@given(any_rotation)
def test_only_whole_quarters_about_the_vertical_are_turned(rotation: Rotation) -> None:
    given_matrix = rotation.as_matrix()
    turned, quarters = facing_x(given_matrix)
    assert np.allclose(turned, about(2, quarters * np.pi / 2) @ given_matrix, atol=1e-12)
    np.testing.assert_array_equal(turned[2], given_matrix[2])


@given(any_rotation)
def test_views_that_face_x_are_unchanged(rotation: Rotation) -> None:
    assume(not is_between_two_walls(rotation.as_matrix()))
    once = facing_x(rotation.as_matrix()).rotation
    again, quarters = facing_x(once)
    assert quarters == 0
    np.testing.assert_array_equal(again, once)


@given(any_rotation, st.integers(-4, 4))
def test_the_buildings_orientation_does_not_matter(rotation: Rotation, quarters: int) -> None:
    given_matrix = rotation.as_matrix()
    assume(not is_between_two_walls(given_matrix))
    elsewhere = about(2, quarters * np.pi / 2) @ given_matrix
    assert np.allclose(facing_x(elsewhere).rotation, facing_x(given_matrix).rotation, atol=1e-9)


@pytest.mark.parametrize(
    ("degrees", "quarters"), [(0, 0), (44, 0), (-44, 0), (46, -1), (90, -1), (-90, 1), (134, -1), (-134, 1)]
)
def test_quarters_of_some_headings(degrees: float, quarters: int) -> None:
    # Level, looking along y, then turned from +y to the heading.
    camera = about(2, np.radians(degrees - 90)) @ about(0, np.pi / 2)
    assert heading(camera) == pytest.approx(np.radians(degrees))
    assert facing_x(camera).quarters == quarters


def test_looking_back_is_half_a_turn() -> None:
    for degrees in (180, -179, 136, -136):
        camera = about(2, np.radians(degrees - 90)) @ about(0, np.pi / 2)
        assert facing_x(camera).quarters % 4 == 2
