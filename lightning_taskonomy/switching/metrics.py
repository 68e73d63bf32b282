"""The metrics of several tasks for validation and testing, at the size of the labels."""

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

    Boundaries are matched in testing only, because that is slow.

    Args:
        tasks: all tasks.
        eight_bit: whether outputs are scored after quantisation to 8-bit images.
        over_all_classes: whether mean IoU is over all classes; see `MeanIoU`.
    """

    def __init__(
        self, tasks: Sequence[Task], eight_bit: bool = False, over_all_classes: bool = False
    ) -> None:
        super().__init__()
        self.eight_bit = eight_bit
        self._by_split = nn.ModuleDict()
        for task in tasks:
            for split in ("val", "test") if task.metric is not None else ():
                assert task.metric is not None
                metric = task.metric(task)
                if isinstance(metric, MeanIoU):
                    metric.over_all = over_all_classes
                if split == "test" or not isinstance(metric, BoundaryF):
                    self._by_split[f"{split}/{task.name}"] = metric

    def update(self, split: str, task: Task, output: Tensor, parts: Mapping[str, Any]) -> None:
        """Add a batch of a task.

        Args:
            split: val or test.
            task: whose output it is.
            output: of the network, (B, C, H, W).
            parts: the task's part of the batch; labels are scored at their own size where they have one.
        """
        metric = self._metrics(split).get(task.name)
        if metric is None:
            return
        for predicted, target, mask in _at_own_size(output, parts):
            if len(predicted):
                metric.update(as_scored(task, predicted, target.shape[-2:], self.eight_bit), target, mask)

    def numbers(self, split: str) -> Mapping[str, dict[str, float]]:
        """The metrics over the whole split, by task."""
        return {
            task: {name: float(value) for name, value in metric.compute().items()}
            for task, metric in self._metrics(split).items()
        }

    def reset(self, split: str) -> None:
        """Reset the metrics of a split."""
        for metric in self._metrics(split).values():
            metric.reset()

    def _metrics(self, split: str) -> dict[str, Metric]:
        prefix = f"{split}/"
        return {
            name.removeprefix(prefix): metric
            for name, metric in self._by_split.items()
            if name.startswith(prefix) and isinstance(metric, Metric)
        }


def labelled(output: Tensor, parts: Mapping[str, Any]) -> Labelled:
    """Output, target and mask of the examples that have the label, at the size of the network."""
    target, mask = parts["target"], parts.get("mask")
    if "present" not in parts:
        return output, target, mask
    rows = parts["present"]
    return output[rows], target[rows], None if mask is None else mask[rows]


def _at_own_size(output: Tensor, parts: Mapping[str, Any]) -> Iterator[Labelled]:
    """The whole batch, or image by image where labels have their own sizes."""
    if "own_target" not in parts:
        yield labelled(output, parts)
        return
    present = parts["present"].tolist() if "present" in parts else [True] * len(output)
    for place, is_present in enumerate(present):
        if is_present:
            yield output[place, None], parts["own_target"][place][None], parts["own_mask"][place][None]


def as_scored(task: Task, output: Tensor, size: Sequence[int], eight_bit: bool) -> Tensor:
    """An output at the size of its label, as the benchmarks of PASCAL-Context and NYUD score it.

    Class logits are resized by nearest neighbour; probabilities, unit normals and depths bilinearly. With
    `eight_bit`, normals and probabilities are then rounded down to 8 bits. Outputs of other tasks are
    unchanged.

    Args:
        task: whose output it is.
        output: logits (B, K, H, W) or (B, 1, H, W), normals of any length (B, 3, H, W), depths (B, 1, H, W).
        size: height and width of the label.
        eight_bit: whether to quantise it to 8 bits.
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
    """Bilinear interpolation between pixel centres; unchanged if the size is the same."""
    if values.shape[-2:] == (height, width):
        return values
    return functional.interpolate(values, (height, width), mode="bilinear", align_corners=False)
