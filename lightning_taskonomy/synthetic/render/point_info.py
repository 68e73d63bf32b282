"""The JSON record of one view: camera, point, room, vanishing points; with the fields of Taskonomy's records.

Everything is in metres and radians, in the axes of `camera`. The rotation before the camera was turned to its
point ("original") is level and has the heading of the final one; `camera_rotation_from_original_to_final` is
in the axes of the original camera: final = original x this rotation (as 3x3 camera-to-world rotations).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.synthetic.render.camera import Camera
from lightning_taskonomy.synthetic.render.scene import Room
from lightning_taskonomy.synthetic.render.viewpoints import View
from lightning_taskonomy.tasks.room_box import stored_ranges
from lightning_taskonomy.tasks.rotations import euler_from_rotation, facing_minus_x, rotation_from_euler

Floats = npt.NDArray[np.float64]

_AXIS_LENGTH_M, _AXES_AHEAD_M = 0.1, 0.2


def point_info(view: View, room: Room | None) -> dict[str, Any]:
    """The record of a view, ready for JSON.

    Args:
        view: The view.
        room: The room that contains the camera, or None.
    """
    camera, target = view.camera, view.target
    towards = target.location - camera.location
    distance = float(np.linalg.norm(towards))
    original = _level_rotation(camera.rotation)
    sphere = vanishing_points(camera.rotation)
    return {
        "camera_uuid": f"{view.stand.number:04d}",
        "point_uuid": str(target.number),
        "view_id": view.number,
        "camera_location": _list(camera.location),
        "camera_rotation_final": _list(euler_from_rotation(camera.rotation)),
        "camera_rotation_original": _list(euler_from_rotation(original)),
        "camera_rotation_from_original_to_final": _list(euler_from_rotation(original.T @ camera.rotation)),
        "camera_roll": view.roll_rads,
        "point_location": _list(target.location),
        "point_normal": _list(target.normal),
        "point_pitch": float(np.arcsin(np.clip(towards[2] / distance, -1, 1))),
        "obliqueness_angle": float(np.arccos(np.clip(-(towards @ target.normal) / distance, -1, 1))),
        "camera_distance": distance,
        "field_of_view_rads": camera.field_of_view_rads,
        "resolution": camera.resolution,
        **({} if room is None else _room_fields(room)),
        "vanishing_points_gaussian_sphere": {
            axis: _list(row) for axis, row in zip("xyz", sphere, strict=True)
        },
        "vanishing_points_image": {
            axis: _list(pixel) for axis, pixel in zip("xyz", _on_image(sphere, camera), strict=True)
        },
        "nonfixated_points_in_view": list(view.others_in_view),
    }


def _room_fields(room: Room) -> dict[str, Any]:
    return {"room": room.name, "bounding_box_ranges": stored_ranges(room.low, room.high)}


def vanishing_points(rotation: npt.ArrayLike) -> Floats:
    """Directions (3, 3) of the world's x, y and z axes in camera axes (x right, y up, looking along -z).

    As in Taskonomy's records, the world is first rotated by a multiple of 90°, so that x points behind the
    camera (within 45° of its +z, seen from above) and y to its right.
    """
    return facing_minus_x(rotation).rotation


def _on_image(sphere: Floats, camera: Camera) -> Floats:
    """Pixels (3, 2; column, row) as in Taskonomy's records: ends of axes of 10 cm, starting 20 cm ahead.

    They are therefore finite for any camera, and the true vanishing points are on the lines through them and
    the image centre.
    """
    ends = _AXIS_LENGTH_M * sphere - [0.0, 0.0, _AXES_AHEAD_M]
    flat = np.column_stack([-ends[:, 0], ends[:, 1]]) / ends[:, 2:]
    return flat * camera.focal_pixels + 0.5 * camera.resolution


def _level_rotation(rotation: Floats) -> Floats:
    heading = float(np.arctan2(-rotation[1, 2], -rotation[0, 2]))
    return rotation_from_euler([np.pi / 2, 0.0, heading - np.pi / 2])


def _list(values: Floats) -> list[float]:
    return [float(value) for value in values]
