"""A task of one's own: where the horizon lies in the picture, from the camera's tilt and roll.

    python -m lightning_taskonomy fit --config configs/own_task/horizon.yaml --config configs/small.yaml

A task is data: what it is called, which labels it needs, what its network puts out, how that is judged, and a
function that makes an example of the stored labels. Nothing in the package needs to be touched.
"""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.tasks import Example, Task, Vector, ViewLabels
from lightning_taskonomy.tasks.losses import l1
from lightning_taskonomy.tasks.metrics.of_task import pixels
from lightning_taskonomy.tasks.pictures import colour_input


def read_horizon(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The horizon's height in the middle of the picture, in half pictures from its centre, and its slope."""
    info = views[0]["point_info"]
    # Where the world's z axis points in the camera (x right, y up, looking along -z). A pixel's direction
    # (x, y, -1) is level where it is at right angles to that axis.
    across, up, behind = info["vanishing_points_gaussian_sphere"]["z"]
    half_picture = np.tan(info["field_of_view_rads"] / 2)
    horizon = np.array([behind / up / half_picture, -across / up], np.float32)
    return Example((colour_input(views[0]["rgb"], size),), horizon)


HORIZON = Task(
    "horizon", "Horizon line", ("point_info",), Vector(2, hidden=256), l1, read_horizon, metric=pixels
)
