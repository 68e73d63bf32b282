"""The decoder's blocks: a convolution followed by a normalisation that depends on the task."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.embedding import EqualisedLinear

LEAK = 0.01
Runs = Sequence[tuple[int, int]]
"""The tasks of a batch sorted by task: each task's index and number of examples."""
Statistics = Literal["instance", "batch", "task_batch"]
"""Statistics of the normalisation: of each image, of the batch, or of the task's part of the batch."""


class Condition(NamedTuple):
    """The task information that the blocks receive.

    Attributes:
        runs: The tasks of the batch.
        embedding: Task embedding of each example, (B, d); None if no block needs it.
    """

    runs: Runs
    embedding: Tensor | None = None


class ByTask(nn.Module):
    """A separate module for each task, such as a normalisation.

    Shapes: (B, …) -> the modules' outputs, (B, …).
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        """Store the modules.

        Args:
            modules: One for each task.
        """
        super().__init__()
        self.of_task = nn.ModuleList(modules)

    def forward(self, features: Tensor, runs: Runs) -> Tensor:
        """Apply to each example the module of its task."""
        if len(runs) == 1:
            output: Tensor = self.of_task[runs[0][0]](features)
            return output
        parts = torch.split(features, [count for _, count in runs])
        return torch.cat([self.of_task[task](part) for (task, _), part in zip(runs, parts, strict=True)])


class ConditionalConvolution(nn.Module):
    """The conditional convolution module: LeakyReLU(γ(l) · norm(conv(x)) + β(l)), with l the task embedding.

    γ and β come from one equalised linear layer, with γ = 1 and β = 0 at an embedding of 0.

    Shapes: (B, inputs, h, w) -> (B, outputs, h, w).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        embedding: int,
        statistics: Statistics = "instance",
        tasks: int = 1,
    ) -> None:
        """Builds the block with fresh weights.

        Args:
            inputs: Input channels.
            outputs: Output channels.
            kernel: Side of the convolution's kernel, 1 or 3.
            embedding: Length of a task embedding.
            statistics: Statistics of the normalisation; `instance` as published.
            tasks: Number of tasks, for statistics per task.
        """
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.style = EqualisedLinear(embedding, 2 * outputs)
        nn.init.ones_(self.style.bias[:outputs])
        self.norm = ByTask(
            [_without_weights(statistics, outputs) for _ in range(tasks if statistics == "task_batch" else 1)]
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h, w)."""
        assert condition.embedding is not None
        gain, shift = self.style(condition.embedding)[:, :, None, None].chunk(2, dim=1)
        runs = condition.runs if len(self.norm.of_task) > 1 else [(0, len(features))]
        normalised = self.norm(self.convolution(features), runs)
        return functional.leaky_relu(torch.addcmul(shift, gain, normalised), LEAK)


class TaskNormalisedConvolution(nn.Module):
    """ReLU(norm(conv(x))): tasks share the convolution, and each has its own affine normalisation.

    With one task this is the ordinary block of the single-task and the multi-decoder networks.

    Shapes: (B, inputs, h, w) -> (B, outputs, h, w).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, norm: Literal["instance", "batch"], tasks: int = 1
    ) -> None:
        """Builds the block with fresh weights.

        Args:
            inputs: Input channels.
            outputs: Output channels.
            kernel: Side of the convolution's kernel, 1 or 3.
            norm: Kind of normalisation.
            tasks: Number of tasks.
        """
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = ByTask(
            [
                nn.InstanceNorm2d(outputs, affine=True) if norm == "instance" else nn.BatchNorm2d(outputs)
                for _ in range(tasks)
            ]
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h, w)."""
        normalised = self.norm(self.convolution(features), condition.runs)
        return functional.relu(normalised, inplace=True)


def _without_weights(statistics: Statistics, channels: int) -> nn.Module:
    if statistics == "instance":
        return nn.InstanceNorm2d(channels)
    if statistics in ("batch", "task_batch"):
        return nn.BatchNorm2d(channels, affine=False)
    raise InputError(f"statistics: expected instance, batch or task_batch, found {statistics!r}")
