import itertools
import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from lightning_taskonomy.synthetic.render.camera import Camera
from lightning_taskonomy.synthetic.render.point_info import point_info
from lightning_taskonomy.synthetic.render.scene import Room
from lightning_taskonomy.synthetic.render.viewpoints import Stand, Target, View
from lightning_taskonomy.tasks.room_box import is_in_its_room, room_box
from lightning_taskonomy.tasks.task import Example
from lightning_taskonomy.tasks.vectors import read_room_layout, read_vanishing_points

Floats = npt.NDArray[np.float64]

RGB = np.zeros((4, 4, 3), np.uint8)
REAL_VIEWS: tuple[tuple[list[float], list[float], list[float]], ...] = (
    # Of a building of Taskonomy's training set: camera_rotation_final, and x and y of
    # vanishing_points_gaussian_sphere.
    (
        [1.474778652191162, -0.004216436762362719, 1.7584909200668335],
        [-0.18659281726096202, -0.09340330127414932, 0.9779871900274092],
        [0.982428288636378, -0.022012141575635524, 0.18533786259221774],
    ),
    (
        [1.5490883588790894, 0.00824354961514473, -0.7163470983505249],
        [0.6566116953632665, -0.010959408706956332, 0.7541491714992273],
        [0.7541837487915329, 0.020468897594193486, -0.6563443435347246],
    ),
    (
        [1.2163771390914917, 0.007759430445730686, 0.35705119371414185],
        [-0.3495024054288902, -0.32770151087477545, 0.8777583883790626],
        [0.9369033360208153, -0.11447882218970362, 0.3303130912076079],
    ),
)


def rendered(rotation: Rotation, place: Floats, low: Floats, high: Floats, size: int = 64) -> dict[str, Any]:
    """The record of a camera in a room, as read from a file."""
    matrix = rotation.as_matrix()
    camera = Camera(place, matrix, 1.3089969389957472, size)
    target = Target(0, place - 2 * matrix[:, 2], matrix[:, 2])
    room = Room("hall", tuple(low.tolist()), tuple(high.tolist()))
    read: dict[str, Any] = json.loads(
        json.dumps(point_info(View(target, 0, Stand(0, place, 0), camera, 0.0), room))
    )
    return read


def numbers(made: Example) -> Floats:
    assert isinstance(made.target, np.ndarray)
    return made.target.astype(np.float64)


class Restated(NamedTuple):
    """The facts about real records, written as described: a box and a camera that are both rotated.

    The box is (x, −y from high to low, z) of the record; the camera's matrix has its second row first, and
    its first row, negated, second. Of the four quarter turns of that world the best one is searched for.
    """

    layout: Floats
    vanishing_points: Floats
    is_inside: bool

    @classmethod
    def of(cls, info: dict[str, Any]) -> "Restated":
        ranges = info["bounding_box_ranges"]
        box = np.array([ranges["x"], [-ranges["y"][1], -ranges["y"][0]], ranges["z"]])
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_euler("xyz", info["camera_rotation_final"]).as_matrix()
        matrix[:3, 3] = info["camera_location"]
        matrix = np.array([matrix[1], -matrix[0], matrix[2], matrix[3]])
        place = matrix[:3, 3]
        turns = [np.eye(4) for _ in range(4)]
        for turn, (c, s) in zip(turns, [(1, 0), (0, 1), (-1, 0), (0, -1)], strict=True):
            turn[:2, :2] = [[c, -s], [s, c]]
        views = [-(turn @ matrix)[:3, 2] for turn in turns]
        to_x, to_y = ([float(np.arccos(np.clip(view[axis], -1, 1))) for view in views] for axis in (0, 1))
        facing = turns[int(np.argmin(to_x))]
        between = turns[int(np.argmin(np.add(to_x, to_y)))]
        turned_box = np.sort(facing[:3, :3] @ box, axis=1)
        turned = facing @ matrix
        corners = np.array(list(itertools.product(*turned_box)))
        seen = (np.linalg.inv(turned) @ np.column_stack([corners, np.ones(8)]).T)[:3]
        angles = Rotation.from_matrix(turned[:3, :3]).as_euler("xyz")
        directions = [np.linalg.inv((between @ matrix)[:3, :3]) @ axis for axis in np.eye(3)]
        return cls(
            np.concatenate([seen.mean(axis=1), angles, turned_box[:, 1] - turned_box[:, 0]]),
            np.concatenate(directions),
            bool(((box[:, 0] <= place) & (place <= box[:, 1])).all()),
        )


def test_400_cameras_in_known_rooms_by_the_facts_about_real_records() -> None:
    random = np.random.default_rng(16)
    checked = 0
    while checked < 400:
        low = random.uniform([-20, -20, -1], [20, 20, 1])
        high = low + random.uniform([2, 2, 2], [9, 9, 4])
        place = random.uniform(low, high)
        tilt, roll, heading = random.normal(0, 0.25), random.normal(0, 0.05), random.uniform(-np.pi, np.pi)
        rotation = Rotation.from_euler("xyz", [np.pi / 2 + tilt, roll, heading])
        matrix = rotation.as_matrix()
        ahead = np.abs(matrix[:2, 2])
        if abs(ahead[0] - ahead[1]) < 1e-5 or ahead.min() < 1e-5:
            continue  # rounding decides to which quarter the view belongs
        checked += 1
        info = rendered(rotation, place, low, high)
        restated = Restated.of(info)
        assert restated.is_inside
        assert is_in_its_room(info)
        np.testing.assert_allclose(room_box(info), np.column_stack([low, high]), atol=1e-9)
        view = {"rgb": RGB, "point_info": info}
        found = numbers(read_room_layout([view], 4, np.random.default_rng(0)))
        np.testing.assert_allclose(found, restated.layout, atol=1e-5)
        found = numbers(read_vanishing_points([view], 4, np.random.default_rng(0)))
        np.testing.assert_allclose(found, restated.vanishing_points, atol=1e-6)
        # Seen from the camera, its own place is the origin: it lies in the turned box.
        middle, sides = restated.layout[:3], restated.layout[6:]
        turned = Rotation.from_euler("xyz", restated.layout[3:6])
        assert (np.abs(turned.apply(middle)) <= sides / 2 + 1e-6).all()


@pytest.mark.parametrize(("rotation", "x", "y"), REAL_VIEWS)
def test_vanishing_points_are_those_of_real_records(
    rotation: list[float], x: list[float], y: list[float]
) -> None:
    place = np.array([1.0, 1.0, 1.5])
    info = rendered(Rotation.from_euler("xyz", rotation), place, place - 1, place + 1)
    sphere = info["vanishing_points_gaussian_sphere"]
    np.testing.assert_allclose(
        [sphere["x"], sphere["y"], sphere["z"]], np.array([x, y, np.cross(x, y).tolist()]), atol=1e-12
    )


def test_pixels_of_vanishing_points_are_those_of_a_real_record() -> None:
    place = np.array([1.0, 1.0, 1.5])
    info = rendered(Rotation.from_euler("xyz", REAL_VIEWS[0][0]), place, place - 1, place + 1, 512)
    found = info["vanishing_points_image"]
    assert found["x"] == pytest.approx([195.08867108442794, 286.490558474998])
    assert found["y"] == pytest.approx([436.6194741527286, 260.04693297450257])
    assert found["z"] == pytest.approx([256.7387662612113, 81.5970451304784])


def test_a_camera_of_a_real_record_is_on_the_edge_of_its_box() -> None:
    info = {
        "camera_location": [-6.19, 4.65, 1.5],
        "bounding_box_ranges": {"x": [-0.42, 6.69], "y": [-6.19, 1.50], "z": [0.0, 2.5]},
    }
    assert is_in_its_room(info)
    assert not is_in_its_room({**info, "camera_location": [4.65, -6.19, 1.5]})
    assert not is_in_its_room({**info, "camera_location": [-6.3, 4.65, 1.5]})
    assert not is_in_its_room({**info, "camera_location": [-6.19, 4.65, 2.6]})


def test_a_rooms_x_and_y_ranges_are_swapped() -> None:
    low, high = np.array([0.0, 10.0, -1.0]), np.array([3.0, 14.0, 2.0])
    info = rendered(Rotation.from_euler("x", 1.5), np.array([1.0, 12.0, 0.5]), low, high)
    assert info["bounding_box_ranges"] == {"x": [10.0, 14.0], "y": [0.0, 3.0], "z": [-1.0, 2.0]}
