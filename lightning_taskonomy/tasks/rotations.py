"""Camera rotations: Euler angles as in `point_info`, and the world rotated towards a view.

A camera looks along its own -z, with +x to the right and +y up; its rotation maps camera directions to world
directions, with z up. Euler angles are in radians about the fixed axes x, then y, then z ("static xyz").
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
        # At 90° about y (level views at right angles), the x and z axes coincide; any split is valid.
        warnings.filterwarnings("ignore", "Gimbal lock")
        return np.asarray(turn.as_euler("xyz"))


class TurnedWorld(NamedTuple):
    """A camera in a world rotated by multiples of 90°, which keep walls parallel to the axes.

    Labels in such a world do not depend on the orientation of the building.

    Attributes:
        rotation: Rotation of the camera in the rotated world, 3x3.
        quarters: Quarter turns of the world about z; an odd number swaps x and y.
    """

    rotation: Floats
    quarters: int


def facing_x(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world rotated so that its heading is within 45° of +x, for room layout."""
    camera = np.asarray(rotation, dtype=np.float64)
    return _turned(camera, -int(np.floor(_heading_quarters(camera) + 0.5)))


def facing_between_x_and_y(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world rotated so that its heading is between +x and +y, for vanishing points.

    This quarter turn minimises the sum of the view's angles to +x and +y.
    """
    camera = np.asarray(rotation, dtype=np.float64)
    return _turned(camera, -int(np.floor(_heading_quarters(camera))))


def facing_minus_x(rotation: npt.ArrayLike) -> TurnedWorld:
    """A camera (3x3) in a world rotated so that its heading is within 45° of −x, for records."""
    camera = np.asarray(rotation, dtype=np.float64)
    return _turned(camera, facing_x(camera).quarters + 2)


def _heading_quarters(rotation: Floats) -> float:
    """The heading of a camera, in quarter turns from +x towards +y."""
    view = -rotation[:, 2]
    return float(np.arctan2(view[1], view[0]) / (np.pi / 2))


def _turned(rotation: Floats, quarters: int) -> TurnedWorld:
    turn = np.rint(rotation_from_euler([0.0, 0.0, quarters * np.pi / 2]))
    return TurnedWorld(np.asarray(turn @ rotation), quarters)
