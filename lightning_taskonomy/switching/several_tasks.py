"""A network for several tasks under Lightning: what it is for, and its outputs for the tasks of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pytorch_lightning
import torch
from torch import Tensor

from lightning_taskonomy.switching.methods import Method, NetworkOptions
from lightning_taskonomy.switching.metrics import TaskMetrics
from lightning_taskonomy.switching.networks import MultiTaskNet
from lightning_taskonomy.tasks.task import Task

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, from 0 to 1."""


class TaskOutputs(TypedDict):
    """Outputs for the pictures of a batch, as `predict` hands them to callbacks.

    Attributes:
        key: of each picture.
        outputs: of each task, (B, C, H, W).
    """

    key: list[str]
    outputs: dict[str, Tensor]


class SeveralTasks(pytorch_lightning.LightningModule):
    """A network for several tasks: all that its outputs, and what writes and draws them, depend on.

    Attributes:
        tasks: in the order of their numbers.
        method: which kind of network.
        options: its shape.
        network: itself.
        metrics: of its tasks.
    """

    tasks: list[Task]
    method: Method
    options: NetworkOptions
    network: MultiTaskNet
    metrics: TaskMetrics
    _gain: Tensor
    _shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (_MEAN, _DEVIATION))
        self.register_buffer("_gain", 0.5 / deviation, persistent=False)
        self.register_buffer("_shift", (0.5 - mean) / deviation, persistent=False)

    @property
    def parameter_count(self) -> int:
        """Parameters of the network, frozen ones too."""
        return sum(weight.numel() for weight in self.network.parameters())

    def forward(self, pictures: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The outputs of several tasks, (B, C, H, W) each; shared encoders run once.

        Args:
            pictures: (B, 3, H, W), from −1 to 1.
            tasks: names; by default all.
        """
        names = [task.name for task in self.tasks]
        wanted = list(tasks or names)
        outputs = self.network.tasks_of(self._standardised(pictures), [names.index(name) for name in wanted])
        return dict(zip(wanted, outputs, strict=True))

    def labels_by_task(self, batch: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """The labels of a batch by the tasks' numbers."""
        return {number: batch[task.name] for number, task in enumerate(self.tasks) if task.name in batch}

    def outputs_by_task(self, labels: Mapping[int, dict[str, Any]]) -> dict[int, Tensor]:
        """Of each task for its pictures, in one pass of the encoder where these are the same.

        Args:
            labels: of a batch, by the tasks' numbers.
        """
        given = [parts["input"] for parts in labels.values()]
        if all(pictures is given[0] for pictures in given):
            outputs = self.network.tasks_of(self._standardised(given[0].flatten(1, 2)), list(labels))
        else:
            runs = [(task, len(parts["input"])) for task, parts in labels.items()]
            outputs = self.network(self._standardised(torch.cat(given).flatten(1, 2)), runs)
        return dict(zip(labels, outputs, strict=True))

    def _standardised(self, pictures: Tensor) -> Tensor:
        """From −1 to 1 as ImageNet's pictures are standardised."""
        return torch.addcmul(self._shift, self._gain, pictures)
