"""Functions that make a task's metric; named functions, so that tasks can be pickled."""

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
    """Angular errors, in degrees."""
    return AngularError()


def colours(task: Task) -> Metric:
    """Colour errors, in CIE Lab."""
    return ColourError()


def depths(task: Task) -> Metric:
    """Depth errors, in metres and ratios."""
    return DepthError()


def edges(task: Task) -> Metric:
    """F measure of edges."""
    return EdgeF()


def segments(task: Task) -> Metric:
    """Accuracy on pairs of pixels: same segment or not."""
    return PairAccuracy()


def classes(task: Task) -> Metric:
    """Class indices: intersection over union, and accuracy."""
    return MeanIoU(task.output.outputs)


def labels(task: Task) -> Metric:
    """Soft labels: accuracy of the most probable classes."""
    return LabelAccuracy()


def poses(task: Task) -> Metric:
    """Pose errors, in degrees and metres.

    Raises:
        ValueError: the task's poses are not standardised.
    """
    if task.standard is None:
        raise ValueError(f"{task.name}: expected poses with a standard")
    return PoseError(task.standard)
