"""The metrics of several tasks, for validation and for testing."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric

from lightning_taskonomy.tasks.dense_sets import DenseLabel
from lightning_taskonomy.tasks.metrics.boundaries import BoundaryF
from lightning_taskonomy.tasks.task import Task

_FULL = 255


class TaskMetrics(nn.Module):
    """A metric for each task that has one, for each split.

    Matching boundaries is left to testing: it takes long.

    Args:
        tasks: what there are.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self._of = nn.ModuleDict()
        for task in tasks:
            for split in ("val", "test") if task.metric is not None else ():
                assert task.metric is not None
                metric = task.metric(task)
                if split == "test" or not isinstance(metric, BoundaryF):
                    self._of[f"{split}/{task.name}"] = metric

    def update(self, split: str, task: str, output: Tensor, target: Tensor, mask: Tensor | None) -> None:
        """Add a batch."""
        metric = self._metrics(split).get(task)
        if metric is not None:
            metric.update(output, target, mask)

    def numbers(self, split: str) -> Mapping[str, dict[str, float]]:
        """What they say of the whole split, by task."""
        return {
            task: {name: float(value) for name, value in metric.compute().items()}
            for task, metric in self._metrics(split).items()
        }

    def forget(self, split: str) -> None:
        """Begin again."""
        for metric in self._metrics(split).values():
            metric.reset()

    def _metrics(self, split: str) -> dict[str, Metric]:
        start = f"{split}/"
        return {
            name.removeprefix(start): metric
            for name, metric in self._of.items()
            if name.startswith(start) and isinstance(metric, Metric)
        }


def through_eight_bits(task: Task, output: Tensor) -> Tensor:
    """An output as it is read back from a picture of 8 bits: normals and chances lose what is below a level.

    Args:
        task: of PASCAL-Context or NYUD; others' outputs stay as they are, as do classes and depths.
        output: normals of any length (B, 3, H, W), or logits (B, 1, H, W).
    """
    kind = task.read.kind if isinstance(task.read, DenseLabel) else None
    if kind == "normals":
        levels = ((functional.normalize(output, dim=1) + 1) * (_FULL / 2)).floor()
        return 2 * levels / _FULL - 1
    if kind == "flags":
        return torch.logit((torch.sigmoid(output) * _FULL).floor() / _FULL)
    return output
