"""The Lightning module of a multi-task network: its tasks, and its outputs for the tasks of a batch."""

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
"""Of ImageNet's images, from 0 to 1."""


class TaskOutputs(TypedDict):
    """Outputs for the images of a batch, as `predict` passes them to callbacks.

    Attributes:
        key: of each image.
        outputs: of each task, (B, C, H, W).
    """

    key: list[str]
    outputs: dict[str, Tensor]


class SeveralTasks(pytorch_lightning.LightningModule):
    """A multi-task network: what its outputs, and the callbacks that write and draw them, depend on.

    Attributes:
        tasks: in the order of their indices.
        method: kind of network.
        options: shape of the network.
        network: the network itself.
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
        """Parameter count of the network, including frozen parameters."""
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
        """The tasks' parts of a batch, by the tasks' indices."""
        return {number: batch[task.name] for number, task in enumerate(self.tasks) if task.name in batch}

    def outputs_by_task(self, labels: Mapping[int, dict[str, Any]]) -> dict[int, Tensor]:
        """The outputs of each task for its images, in one pass of the encoder where these are the same.

        Args:
            labels: the tasks' parts of a batch, by the tasks' indices.
        """
        inputs = [parts["input"] for parts in labels.values()]
        if all(pictures is inputs[0] for pictures in inputs):
            outputs = self.network.tasks_of(self._standardised(inputs[0].flatten(1, 2)), list(labels))
        else:
            runs = [(task, len(parts["input"])) for task, parts in labels.items()]
            outputs = self.network(self._standardised(torch.cat(inputs).flatten(1, 2)), runs)
        return dict(zip(labels, outputs, strict=True))

    def _standardised(self, pictures: Tensor) -> Tensor:
        """Standardise images in [−1, 1] with ImageNet's mean and deviation."""
        return torch.addcmul(self._shift, self._gain, pictures)
