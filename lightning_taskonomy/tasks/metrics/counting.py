"""Shared by the metrics: the valid values of a batch, and division by counts."""

import torch
from torch import Tensor

from lightning_taskonomy.tasks.losses import counted


def counted_values(values: Tensor, mask: Tensor | None) -> Tensor:
    """The values at valid pixels, in double precision.

    Args:
        values: (B, C, …).
        mask: (B, …), or None for all.

    Returns:
        (C, N) for N valid pixels.

    Raises:
        ValueError: the mask has another shape.
    """
    columns = values.movedim(1, 0)
    if mask is None:
        return columns.flatten(1).double()
    return columns[:, counted(mask, columns[0])].double()


def share(part: Tensor, whole: Tensor) -> float:
    """Part divided by whole; NaN if the whole is 0."""
    return float(part) / float(whole) if float(whole) else float("nan")


def zero(*shape: int) -> Tensor:
    """An initial state for counts, in 64 bits: the pixels of a large set overflow 32."""
    return torch.zeros(shape, dtype=torch.int64)


def zero_sum(*shape: int) -> Tensor:
    """An initial state for sums of floats, in double precision: a large set has billions of them."""
    return torch.zeros(shape, dtype=torch.float64)
