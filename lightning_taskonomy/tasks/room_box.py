"""The room's bounding box in `point_info`, whose x and y ranges are swapped.

`camera_location` is in world axes (x, y, z). `bounding_box_ranges` is in the same world, but its x range
bounds the cameras' y and its y range their x, in all of Taskonomy's records. (The released reader reconciles
them differently: it takes the box as (x, −y, z) and rotates the camera by 90° to (y, −x, z).)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FIELD = "bounding_box_ranges"
_STORED_ORDER = ("y", "x", "z")
"""The record's range along the world's x, y and z."""
_TOLERANCE_M = 0.01
"""Many cameras of Taskonomy's records are on the edge of their boxes, and coordinates are rounded."""


def room_box(info: Mapping[str, Any]) -> Floats:
    """Minimum and maximum of a view's room along the world's x, y and z, metres, (3, 2).

    Args:
        info: The view's record.

    Raises:
        ValueError: the record has no box, or it does not consist of three ranges.
    """
    stored = info.get(FIELD)
    if stored is None:
        raise ValueError(f"its point_info has no {FIELD}, the room's box")
    ranges = np.array([stored[axis] for axis in _STORED_ORDER], np.float64)
    if ranges.shape != (3, 2) or not (ranges[:, 1] >= ranges[:, 0]).all():
        raise ValueError("expected three ranges from low to high")
    return ranges


def stored_ranges(low: npt.ArrayLike, high: npt.ArrayLike) -> dict[str, list[float]]:
    """The field of a record for a box with corners `low` and `high` in world coordinates, (3,) each."""
    ranges = np.column_stack([low, high]).astype(np.float64).tolist()
    return {axis: ranges["xyz".index(place)] for axis, place in zip("xyz", _STORED_ORDER, strict=True)}


def is_in_its_room(info: Mapping[str, Any]) -> bool:
    """Whether the camera of a record is inside its room's box, or on its edge.

    Raises:
        ValueError: as `room_box`.
    """
    box = room_box(info)
    place = np.asarray(info["camera_location"], np.float64)
    return bool(((box[:, 0] - _TOLERANCE_M <= place) & (place <= box[:, 1] + _TOLERANCE_M)).all())
