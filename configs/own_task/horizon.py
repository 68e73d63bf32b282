"""A custom task: where the horizon lies in the image, from the camera's tilt and roll.

    python -m lightning_taskonomy fit --config configs/own_task/horizon.yaml --config configs/small.yaml

A task is data: its name, the labels that it needs, its network's output, the loss, and a function that makes
an example from the stored labels. Nothing in the package needs to be changed.
"""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.tasks import Example, Task, Vector, ViewLabels
from lightning_taskonomy.tasks.losses import l1
from lightning_taskonomy.tasks.metrics.of_task import pixels
from lightning_taskonomy.tasks.pictures import colour_input


def read_horizon(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The horizon's height at the middle column, in half image heights from the centre, and its slope."""
    info = views[0]["point_info"]
    # Where the world's z axis points in the camera (x right, y up, looking along -z). A pixel's direction
    # (x, y, -1) is horizontal where it is perpendicular to that axis.
    across, up, behind = info["vanishing_points_gaussian_sphere"]["z"]
    half_image = np.tan(info["field_of_view_rads"] / 2)
    horizon = np.array([behind / up / half_image, -across / up], np.float32)
    return Example((colour_input(views[0]["rgb"], size),), horizon)


HORIZON = Task(
    "horizon", "Horizon line", ("point_info",), Vector(2, hidden=256), l1, read_horizon, metric=pixels
)
