"""Which metric says how good a task's outputs are: functions, so that tasks travel to other processes."""

from torchmetrics import Metric

from lightning_taskonomy.tasks.metrics.angular import AngularError
from lightning_taskonomy.tasks.metrics.classes import LabelAccuracy, MeanIoU
from lightning_taskonomy.tasks.metrics.colours import ColourError
from lightning_taskonomy.tasks.metrics.depth import DepthError
from lightning_taskonomy.tasks.metrics.edges import EdgeF
from lightning_taskonomy.tasks.metrics.pixels import PixelError
from lightning_taskonomy.tasks.metrics.poses import PoseError
from lightning_taskonomy.tasks.metrics.segments import PairAccuracy
from lightning_taskonomy.tasks.task import Task


def pixels(task: Task) -> Metric:
    """Absolute and squared errors."""
    return PixelError()


def directions(task: Task) -> Metric:
    """Errors of directions, in degrees."""
    return AngularError()


def colours(task: Task) -> Metric:
    """Errors of colours, in CIE Lab."""
    return ColourError()


def depths(task: Task) -> Metric:
    """Errors of depths, in metres and ratios."""
    return DepthError()


def edges(task: Task) -> Metric:
    """How well edges are found."""
    return EdgeF()


def segments(task: Task) -> Metric:
    """Which pairs of pixels are taken for one segment rightly."""
    return PairAccuracy()


def classes(task: Task) -> Metric:
    """Class numbers: overlap and accuracy."""
    return MeanIoU(task.output.outputs)


def labels(task: Task) -> Metric:
    """Soft labels: the share that the most likely classes have."""
    return LabelAccuracy()


def poses(task: Task) -> Metric:
    """Errors of poses, in degrees and metres.

    Raises:
        ValueError: the task's poses are not standardised.
    """
    if task.standard is None:
        raise ValueError(f"{task.name}: expected poses with a standard")
    return PoseError(task.standard)
