"""The box of a room as `point_info` holds it: its x and y ranges stand in each other's place.

`camera_location` is in the world's axes (x, y, z). `bounding_box_ranges` is of the same world, but its x
range bounds the cameras' y and its y range their x, in all of Taskonomy's records. (The released reader mends
it otherwise: the box is taken as (x, −y, z), the camera turned by a quarter to (y, −x, z); so they agree.)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FIELD = "bounding_box_ranges"
_STORED_ORDER = ("y", "x", "z")
"""Which of the record's ranges is along the world's x, y and z."""
_TOLERANCE_M = 0.01
"""Many cameras of Taskonomy's records stand on the very edge of their boxes, and places are rounded."""


def room_box(info: Mapping[str, Any]) -> Floats:
    """Low and high of a view's room along the world's x, y and z, metres, (3, 2).

    Args:
        info: the view's record.

    Raises:
        ValueError: the record has no box, or it is not three ranges.
    """
    stored = info.get(FIELD)
    if stored is None:
        raise ValueError(f"its point_info has no {FIELD}, the room's box")
    ranges = np.array([stored[axis] for axis in _STORED_ORDER], np.float64)
    if ranges.shape != (3, 2) or not (ranges[:, 1] >= ranges[:, 0]).all():
        raise ValueError("expected three ranges from low to high")
    return ranges


def stored_ranges(low: npt.ArrayLike, high: npt.ArrayLike) -> dict[str, list[float]]:
    """The field of a record for a box whose corners are `low` and `high` in the world, (3) each."""
    ranges = np.column_stack([low, high]).astype(np.float64).tolist()
    return {axis: ranges["xyz".index(place)] for axis, place in zip("xyz", _STORED_ORDER, strict=True)}


def is_in_its_room(info: Mapping[str, Any]) -> bool:
    """Whether the camera of a record stands in its room's box, or on its edge.

    Raises:
        ValueError: as `room_box` says.
    """
    box = room_box(info)
    place = np.asarray(info["camera_location"], np.float64)
    return bool(((box[:, 0] - _TOLERANCE_M <= place) & (place <= box[:, 1] + _TOLERANCE_M)).all())
