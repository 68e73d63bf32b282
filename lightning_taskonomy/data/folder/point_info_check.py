"""Checking the record of a view, `point_info`: camera, point, room and vanishing points."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.data.folder.conventions import camera_is_outside
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.report import OUTSIDE, WITHOUT_ROOM

_ANY = 0
FIELDS: Mapping[str, int] = {
    # How many finite numbers the field holds; 0 for anything that is there.
    "camera_uuid": _ANY,
    "point_uuid": _ANY,
    "view_id": _ANY,
    "camera_location": 3,
    "camera_rotation_final": 3,
    "camera_rotation_original": 3,
    "camera_rotation_from_original_to_final": 3,
    "point_location": 3,
    "point_normal": 3,
    "point_pitch": 1,
    "obliqueness_angle": 1,
    "camera_distance": 1,
    "field_of_view_rads": 1,
    "resolution": 1,
    "room": _ANY,
    "bounding_box_ranges": _ANY,
    "vanishing_points_gaussian_sphere": _ANY,
    # Points at infinity are valid here.
    "vanishing_points_image": _ANY,
    "nonfixated_points_in_view": _ANY,
}
"""The fields of Taskonomy's own records."""
ROOM_FIELDS = (
    "room",
    "bounding_box_ranges",
    "vanishing_points_gaussian_sphere",
    "vanishing_points_image",
)
"""Some releases, such as Replica's, lack them: such records support every task but room layout."""

_UNIT_TOLERANCE = 1e-3


def check_point_info(path: Path, view: ViewName) -> Iterator[tuple[str, str]]:
    """Read a record and yield its damage: the kind, and what was found.

    Args:
        path: a JSON file.
        view: the view that it should describe.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        yield "unreadable JSON", str(error)
        return
    if not isinstance(info, dict):
        yield "unreadable JSON", "expected an object"
        return
    missing = [
        field for field in FIELDS if field not in info or (field in ROOM_FIELDS and info[field] is None)
    ]
    if missing:
        kind = WITHOUT_ROOM if set(missing) <= set(ROOM_FIELDS) else "missing field"
        yield kind, ", ".join(missing)
    for field, count in FIELDS.items():
        if field in info and count and not _is_numbers(info[field], count):
            yield "not finite", f"{field}: expected {count} finite number{'s' * (count > 1)}"
    for field, number in (("point_uuid", view.point), ("view_id", view.view)):
        if field in info and str(info[field]) != str(number):
            yield "name and content differ", f"{field} is {info[field]}"
    yield from _check_values(info)


def _check_values(info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    angle = info.get("field_of_view_rads")
    if angle is not None and _is_numbers(angle, 1) and not 0 < float(np.ravel(angle)[0]) < math.pi:
        yield (
            "value out of range",
            f"field_of_view_rads: expected more than 0 and less than pi, found {angle}",
        )
    for field, is_right, expected in (
        ("bounding_box_ranges", _is_range, "low and high, in this order"),
        ("vanishing_points_gaussian_sphere", _is_unit, "a unit vector"),
    ):
        axes = info.get(field)
        if axes is None:
            continue
        for axis in "xyz":
            if not isinstance(axes, dict) or not is_right(axes.get(axis)):
                yield "value out of range", f"{field}, axis {axis}: expected {expected}"
                break
    if camera_is_outside(info):
        yield OUTSIDE, "in real records the box's x range bounds the camera's y, its y range the camera's x"


def _is_range(value: object) -> bool:
    return _is_numbers(value, 2) and bool(np.less(*np.asarray(value)))


def _is_unit(value: object) -> bool:
    return _is_numbers(value, 3) and abs(float(np.linalg.norm(np.asarray(value))) - 1) < _UNIT_TOLERANCE


def _is_numbers(value: object, count: int) -> bool:
    numbers = [value] if count == 1 and not isinstance(value, list) else value
    return (
        isinstance(numbers, list)
        and len(numbers) == count
        and all(
            isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
            for number in numbers
        )
    )
