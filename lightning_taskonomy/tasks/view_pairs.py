"""Labels of two or three views: their relative camera poses, and whether they show the same point."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.rotations import euler_from_rotation, rotation_from_euler
from lightning_taskonomy.tasks.task import Example, ViewLabels


def read_poses(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The relative poses of all pairs of views, concatenated: (6,) for two views, (18,) for three."""
    inputs = tuple(colour_input(view["rgb"], size) for view in views)
    infos = [view["point_info"] for view in views]
    poses = [relative_pose(first, second) for first, second in itertools.combinations(infos, 2)]
    return Example(inputs, np.concatenate(poses).astype(np.float32))


def relative_pose(first: ViewLabels, second: ViewLabels) -> npt.NDArray[np.float64]:
    """The pose of the first camera relative to the second, (6,).

    Euler angles (3, radians, static xyz) of its rotation, and its position (3, metres), in the axes of the
    second camera.

    Args:
        first: `point_info` of a view.
        second: `point_info` of another view.
    """
    (from_first, place_first), (from_second, place_second) = (
        (
            rotation_from_euler(info["camera_rotation_final"]),
            np.asarray(info["camera_location"], np.float64),
        )
        for info in (first, second)
    )
    to_second = from_second.T
    return np.concatenate(
        [euler_from_rotation(to_second @ from_first), to_second @ (place_first - place_second)]
    )


def read_matching(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Whether two views look at the same point, according to their keys: class 1 if so, else 0."""
    first, second = (view["key"].rsplit("_view_", 1)[0] for view in views)
    return Example(
        tuple(colour_input(view["rgb"], size) for view in views), np.array(first == second, np.int64)
    )
