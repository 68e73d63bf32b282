"""The metrics of several tasks, for validation and for testing, at the size of the labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric

from lightning_taskonomy.tasks.metrics.boundaries import BoundaryF
from lightning_taskonomy.tasks.metrics.classes import MeanIoU
from lightning_taskonomy.tasks.pascal_nyud import DenseLabel
from lightning_taskonomy.tasks.task import Task

_FULL = 255
Labelled = tuple[Tensor, Tensor, Tensor | None]
"""Output, target and mask of the examples that have a label."""


class TaskMetrics(nn.Module):
    """A metric for each task that has one, for each split.

    Matching boundaries is left to testing: it takes long.

    Args:
        tasks: what there are.
        eight_bit: whether outputs are scored as they are read back from pictures of 8 bits.
        over_all_classes: whether mean intersections over unions are over all classes; see `MeanIoU`.
    """

    def __init__(
        self, tasks: Sequence[Task], eight_bit: bool = False, over_all_classes: bool = False
    ) -> None:
        super().__init__()
        self.eight_bit = eight_bit
        self._of = nn.ModuleDict()
        for task in tasks:
            for split in ("val", "test") if task.metric is not None else ():
                assert task.metric is not None
                metric = task.metric(task)
                if isinstance(metric, MeanIoU):
                    metric.over_all = over_all_classes
                if split == "test" or not isinstance(metric, BoundaryF):
                    self._of[f"{split}/{task.name}"] = metric

    def update(self, split: str, task: Task, output: Tensor, parts: Mapping[str, Any]) -> None:
        """Add a batch of a task.

        Args:
            split: val or test.
            task: which one.
            output: of the network, (B, C, H, W).
            parts: its labels, as a batch has them; scored at their own size where they have one.
        """
        metric = self._metrics(split).get(task.name)
        if metric is None:
            return
        for found, target, mask in _at_own_size(output, parts):
            if len(found):
                metric.update(as_scored(task, found, target.shape[-2:], self.eight_bit), target, mask)

    def numbers(self, split: str) -> Mapping[str, dict[str, float]]:
        """What they say of the whole split, by task."""
        return {
            task: {name: float(value) for name, value in metric.compute().items()}
            for task, metric in self._metrics(split).items()
        }

    def reset(self, split: str) -> None:
        """Forget what has been added."""
        for metric in self._metrics(split).values():
            metric.reset()

    def _metrics(self, split: str) -> dict[str, Metric]:
        start = f"{split}/"
        return {
            name.removeprefix(start): metric
            for name, metric in self._of.items()
            if name.startswith(start) and isinstance(metric, Metric)
        }


def labelled(output: Tensor, parts: Mapping[str, Any]) -> Labelled:
    """Output, target and mask of the examples that have the label, at the size of the network."""
    target, mask = parts["target"], parts.get("mask")
    if "present" not in parts:
        return output, target, mask
    rows = parts["present"]
    return output[rows], target[rows], None if mask is None else mask[rows]


def _at_own_size(output: Tensor, parts: Mapping[str, Any]) -> Iterator[Labelled]:
    """The batch as it is, or image by image where labels have sizes of their own."""
    if "own_target" not in parts:
        yield labelled(output, parts)
        return
    present = parts["present"].tolist() if "present" in parts else [True] * len(output)
    for place, there in enumerate(present):
        if there:
            yield output[place, None], parts["own_target"][place][None], parts["own_mask"][place][None]


def as_scored(task: Task, output: Tensor, size: Sequence[int], eight_bit: bool) -> Tensor:
    """An output at the size of its label, as the benchmarks of PASCAL-Context and NYUD score it.

    Classes are resized by nearest neighbour; chances, normals of length 1 and depths linearly. As pictures of
    8 bits, normals and chances then lose what is below a level. Outputs of other tasks stay as they are.

    Args:
        task: which one.
        output: logits (B, K, H, W) or (B, 1, H, W), normals of any length (B, 3, H, W), depths (B, 1, H, W).
        size: height and width of the label.
        eight_bit: whether it goes through a picture of 8 bits.
    """
    kind = task.read.kind if isinstance(task.read, DenseLabel) else None
    height, width = size
    if kind == "classes" and output.shape[-2:] != (height, width):
        return functional.interpolate(output, (height, width))
    if kind == "normals":
        levels = _resized((functional.normalize(output, dim=1) + 1) * (_FULL / 2), height, width)
        return 2 * (levels.floor() if eight_bit else levels) / _FULL - 1
    if kind == "flags":
        levels = _resized(torch.sigmoid(output) * _FULL, height, width)
        return torch.logit((levels.floor() if eight_bit else levels) / _FULL)
    return _resized(output, height, width) if kind == "depth" else output


def _resized(values: Tensor, height: int, width: int) -> Tensor:
    """Linear interpolation between pixels' middles; the same where the size is."""
    if values.shape[-2:] == (height, width):
        return values
    return functional.interpolate(values, (height, width), mode="bilinear", align_corners=False)
