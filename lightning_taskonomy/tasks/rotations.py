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


class FacingX(NamedTuple):
    """A camera in the world after quarter turns.

    Attributes:
        rotation: of the camera in the turned world, 3x3.
        quarters: by how many quarters the world was turned about z; an odd number swaps x and y.
    """

    rotation: Floats
    quarters: int


def facing_x(rotation: npt.ArrayLike) -> FacingX:
    """A camera's rotation (3x3) after quarter turns of the world that bring its view to about +x.

    The view is then within 45 degrees of +x, seen from above. Room layout and vanishing points are told in
    this turned world, so that they do not depend on how a building happens to lie; walls along x and y stay
    along x and y.
    """
    given = np.asarray(rotation, dtype=np.float64)
    view = -given[:, 2]
    heading = float(np.arctan2(view[1], view[0]))
    quarters = -int(np.floor(heading / (np.pi / 2) + 0.5))
    turn = np.rint(rotation_from_euler([0.0, 0.0, quarters * np.pi / 2]))
    return FacingX(np.asarray(turn @ given), quarters)
