"""The codes that name tasks: blocks of ones, Gaussian vectors, or learned ones."""

from typing import Literal

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError

CodeKind = Literal["blocks", "gaussian", "learned"]


class TaskCodes(nn.Module):
    """A code for each task.

    `blocks`: a task has ones in its own block of `size // tasks` places and zeros elsewhere; `gaussian`:
    fixed standard normal vectors; `learned`: such vectors, trained. Tasks that are added later have learned
    codes, whatever kind the others are.
    """

    fixed: Tensor

    def __init__(
        self, tasks: int, size: int, kind: CodeKind = "blocks", added: int = 0, seed: int = 0
    ) -> None:
        """Makes the codes.

        Args:
            tasks: How many tasks there are, without added ones.
            size: Length of a code.
            kind: Which codes.
            added: How many learned codes follow.
            seed: Of what is drawn, so that the codes belong to the seed and not to the run.

        Raises:
            InputError: No task, or blocks for more tasks than a code has places.
        """
        super().__init__()
        if tasks < 1:
            raise InputError(f"tasks: expected at least 1, found {tasks}")
        if kind == "blocks" and tasks > size:
            raise InputError(f"code: expected at least {tasks} places for {tasks} tasks, found {size}")
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(tasks, size, generator=generator)
        own = _blocks(tasks, size) if kind == "blocks" else drawn
        free = torch.randn(added, size, generator=generator)
        self.register_buffer("fixed", own[:0] if kind == "learned" else own)
        trained = torch.cat([own, free]) if kind == "learned" else free
        # No parameter without numbers: gradients are asked of every one there is.
        self.learned = nn.Parameter(trained) if len(trained) else None

    def forward(self) -> Tensor:
        """All codes, (tasks + added, size)."""
        return self.fixed if self.learned is None else torch.cat([self.fixed, self.learned])


def _blocks(tasks: int, size: int) -> Tensor:
    """Ones in a block of each row, (tasks, size); where blocks do not fill the row, its end is 0."""
    blocks = torch.eye(tasks).repeat_interleave(size // tasks, dim=1)
    return torch.cat([blocks, torch.zeros(tasks, size - blocks.shape[1])], dim=1)
