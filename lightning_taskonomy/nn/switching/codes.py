"""Task codes: blocks of ones, Gaussian vectors, or learned vectors."""

from typing import Literal

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError

CodeKind = Literal["blocks", "gaussian", "learned"]


class TaskCodes(nn.Module):
    """A code for each task.

    `blocks`: ones in the task's own block of `size // tasks` entries and zeros elsewhere; `gaussian`: fixed
    standard normal vectors; `learned`: such vectors, trained. Tasks added later have learned codes, whatever
    the kind of the others.
    """

    fixed: Tensor

    def __init__(
        self, tasks: int, size: int, kind: CodeKind = "blocks", added: int = 0, seed: int = 0
    ) -> None:
        """Create the codes.

        Args:
            tasks: Number of tasks, without added ones.
            size: Length of a code.
            kind: Kind of the codes.
            added: Number of learned codes for added tasks.
            seed: Seed of the random codes, which makes them independent of the run.

        Raises:
            InputError: There is no task, or there are more tasks than entries for blocks.
        """
        super().__init__()
        if tasks < 1:
            raise InputError(f"tasks: expected at least 1, found {tasks}")
        if kind == "blocks" and tasks > size:
            raise InputError(f"code: expected at least {tasks} places for {tasks} tasks, found {size}")
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(tasks, size, generator=generator)
        initial = _blocks(tasks, size) if kind == "blocks" else drawn
        added_codes = torch.randn(added, size, generator=generator)
        self.register_buffer("fixed", initial[:0] if kind == "learned" else initial)
        trained = torch.cat([initial, added_codes]) if kind == "learned" else added_codes
        # No empty parameter: every parameter is expected to have a gradient.
        self.learned = nn.Parameter(trained) if len(trained) else None

    def forward(self) -> Tensor:
        """All codes, (tasks + added, size)."""
        return self.fixed if self.learned is None else torch.cat([self.fixed, self.learned])


def _blocks(tasks: int, size: int) -> Tensor:
    """Ones in a block of each row, (tasks, size); entries beyond the last block are 0."""
    blocks = torch.eye(tasks).repeat_interleave(size // tasks, dim=1)
    return torch.cat([blocks, torch.zeros(tasks, size - blocks.shape[1])], dim=1)
