"""Rotations of cameras: Euler angles as `point_info` holds them, and the world turned towards a view.

A camera looks along its own -z, +x is right and +y is up; its rotation turns camera directions into world
directions, z up. Euler angles are in radians about the fixed axes x, then y, then z ("static xyz").
"""

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

Floats = npt.NDArray[np.float64]


def rotation_from_euler(angles: npt.ArrayLike) -> Floats:
    """The 3x3 rotation of Euler angles (3, radians) about the fixed axes x, y, z, in this order."""
    return np.asarray(Rotation.from_euler("xyz", np.asarray(angles, dtype=np.float64)).as_matrix())


def euler_from_rotation(rotation: npt.ArrayLike) -> Floats:
    """Euler angles (3, radians) of a 3x3 rotation; the inverse of `rotation_from_euler`."""
    turn = Rotation.from_matrix(np.asarray(rotation, dtype=np.float64))
    with warnings.catch_warnings():
        # After a quarter turn about y (level views at right angles), x and z are one; any split is right.
        warnings.filterwarnings("ignore", "Gimbal lock")
        return np.asarray(turn.as_euler("xyz"))


class TurnedWorld(NamedTuple):
    """A camera in the world after quarter turns, which leave walls along x and y along x and y.

    Labels that are told in such a world do not depend on how a building happens to lie.

    Attributes:
        rotation: of the camera in the turned world, 3x3.
        quarters: by how many quarters the world was turned about z; an odd number swaps x and y.
    """

    rotation: Floats
    quarters: int


def facing_x(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world turned so that its view, from above, is within 45° of +x: for room layout."""
    given = np.asarray(rotation, dtype=np.float64)
    return _turned(given, -int(np.floor(_heading_quarters(given) + 0.5)))


def facing_between_x_and_y(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world turned so that its view lies between +x and +y: for vanishing points.

    No other quarter turn has a smaller sum of the view's angles to +x and +y.
    """
    given = np.asarray(rotation, dtype=np.float64)
    return _turned(given, -int(np.floor(_heading_quarters(given))))


def facing_minus_x(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world turned so that its view is within 45° of −x: for records."""
    given = np.asarray(rotation, dtype=np.float64)
    return _turned(given, facing_x(given).quarters + 2)


def _heading_quarters(rotation: Floats) -> float:
    """Where a camera looks, seen from above: quarters of a turn from +x to +y."""
    view = -rotation[:, 2]
    return float(np.arctan2(view[1], view[0]) / (np.pi / 2))


def _turned(rotation: Floats, quarters: int) -> TurnedWorld:
    turn = np.rint(rotation_from_euler([0.0, 0.0, quarters * np.pi / 2]))
    return TurnedWorld(np.asarray(turn @ rotation), quarters)
