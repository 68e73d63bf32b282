"""What the metrics share: the counted values of a batch, and divisions by what was counted."""

import torch
from torch import Tensor

from lightning_taskonomy.tasks.losses import counted


def counted_values(values: Tensor, mask: Tensor | None) -> Tensor:
    """The values at counted pixels, in double precision.

    Args:
        values: (B, C, …).
        mask: (B, …), or None for all.

    Returns:
        (C, N), N being the number of counted pixels.

    Raises:
        ValueError: the mask does not fit.
    """
    columns = values.movedim(1, 0)
    if mask is None:
        return columns.flatten(1).double()
    return columns[:, counted(mask, columns[0])].double()


def share(part: Tensor, whole: Tensor) -> float:
    """Part of a whole; NaN where the whole is 0."""
    return float(part) / float(whole) if float(whole) else float("nan")


def zero(*shape: int) -> Tensor:
    """A state to add whole numbers to; 64 bits, since a large set has more pixels than 32 count."""
    return torch.zeros(shape, dtype=torch.int64)


def zero_sum(*shape: int) -> Tensor:
    """A state to add real numbers to; double precision, since a large set has billions of them."""
    return torch.zeros(shape, dtype=torch.float64)
