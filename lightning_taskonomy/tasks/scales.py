"""From stored numbers to those that networks take: done where the batch is, on the device.

Labels travel from worker processes to the trainer as they are stored, a quarter of the size of floating-point
numbers; a scale then makes the target of them. Scales are objects, so that they travel and compare.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch


class Scale(Protocol):
    """Makes float32 numbers (…, C, H, W) of stored ones (…, H, W, C)."""

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """The numbers that a network takes or should put out."""


@dataclass(frozen=True)
class Linear:
    """(value − zero) / unit, clipped.

    Attributes:
        zero: the stored value that becomes 0; one for all channels, or one each.
        unit: how many stored steps make 1, likewise.
        low: smaller results become this.
        high: larger results become this.
    """

    zero: float | tuple[float, ...]
    unit: float | tuple[float, ...]
    low: float | None = None
    high: float | None = None

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Scale stored numbers (…, H, W, C) to (…, C, H, W)."""
        zero, unit = _per_channel(self.zero, stored), _per_channel(self.unit, stored)
        values = torch.empty(stored.shape, dtype=torch.float32, device=stored.device)
        for made, given in _few_at_a_time(values, stored):
            made.copy_(given).sub_(zero).div_(unit)
            if self.low is not None or self.high is not None:
                made.clamp_(self.low, self.high)
        return channels_first(values)


@dataclass(frozen=True)
class Logarithmic:
    """log(1 + value) / log(full).

    Attributes:
        full: one more than the stored value that becomes 1.
    """

    full: float

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Scale stored numbers (…, H, W, C) to (…, C, H, W)."""
        values = torch.empty(stored.shape, dtype=torch.float32, device=stored.device)
        for made, given in _few_at_a_time(values, stored):
            made.copy_(given).log1p_().div_(math.log(self.full))
        return channels_first(values)


@dataclass(frozen=True)
class ShareOfClasses:
    """Shares of a few classes per pixel, spread out to a share for every class.

    Attributes:
        classes: how many there are.
    """

    classes: int

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Spread (…, H, W, 2 K), K class numbers and then their K shares, to (…, classes, H, W)."""
        few = stored.shape[-1] // 2
        numbers, shares = stored[..., :few].long(), stored[..., few:].to(torch.float32)
        spread = torch.zeros(*stored.shape[:-1], self.classes, device=stored.device)
        return channels_first(spread.scatter_add_(-1, numbers, shares))


def channels_first(values: torch.Tensor) -> torch.Tensor:
    """(…, H, W, C) as (…, C, H, W), without moving anything: networks like this order of memory."""
    return values.movedim(-1, -3)


def _few_at_a_time(values: torch.Tensor, stored: torch.Tensor) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Parts on which one can compute step after step: one example each on a CPU, whose caches hold it."""
    if stored.device.type != "cpu" or stored.ndim < 4:
        return [(values, stored)]
    return zip(values, stored, strict=True)


def _per_channel(number: float | tuple[float, ...], like: torch.Tensor) -> torch.Tensor | float:
    return number if isinstance(number, float) else torch.tensor(number, device=like.device)
