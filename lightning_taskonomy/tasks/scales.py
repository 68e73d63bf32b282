"""Scaling of stored values to network inputs and targets, applied to batches on the device.

Worker processes send labels to the trainer as they are stored, at a quarter of the size of floats; a scale
then converts them to targets. Scales are objects, so that they can be pickled and compared.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch


class Scale(Protocol):
    """Converts stored values (…, H, W, C) to float32 (…, C, H, W)."""

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """The network's input or target."""


@dataclass(frozen=True)
class Linear:
    """(value − zero) / unit, clipped.

    Attributes:
        zero: Stored value that becomes 0; one for all channels, or one each.
        unit: Difference of stored values that becomes 1, likewise.
        low: Lower bound of the result.
        high: Upper bound of the result.
    """

    zero: float | tuple[float, ...]
    unit: float | tuple[float, ...]
    low: float | None = None
    high: float | None = None

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Scale stored values (…, H, W, C) to (…, C, H, W)."""
        zero, unit = _per_channel(self.zero, stored), _per_channel(self.unit, stored)
        values = torch.empty(stored.shape, dtype=torch.float32, device=stored.device)
        for scaled, raw in _cache_sized_parts(values, stored):
            scaled.copy_(raw).sub_(zero).div_(unit)
            if self.low is not None or self.high is not None:
                scaled.clamp_(self.low, self.high)
        return channels_first(values)


@dataclass(frozen=True)
class Logarithmic:
    """log(1 + value) / log(full).

    Attributes:
        full: 1 plus the stored value that becomes 1.
    """

    full: float

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Scale stored values (…, H, W, C) to (…, C, H, W)."""
        values = torch.empty(stored.shape, dtype=torch.float32, device=stored.device)
        for scaled, raw in _cache_sized_parts(values, stored):
            scaled.copy_(raw).log1p_().div_(math.log(self.full))
        return channels_first(values)


@dataclass(frozen=True)
class ShareOfClasses:
    """Scatters the probabilities of a few classes per pixel to a distribution over all classes.

    Attributes:
        classes: Number of classes.
    """

    classes: int

    def __call__(self, stored: torch.Tensor) -> torch.Tensor:
        """Scatter (…, H, W, 2 K), K class indices and then their K probabilities, to (…, classes, H, W)."""
        few = stored.shape[-1] // 2
        numbers, shares = stored[..., :few].long(), stored[..., few:].to(torch.float32)
        spread = torch.zeros(*stored.shape[:-1], self.classes, device=stored.device)
        return channels_first(spread.scatter_add_(-1, numbers, shares))


def channels_first(values: torch.Tensor) -> torch.Tensor:
    """(…, H, W, C) as a view (…, C, H, W), which keeps the channels-last memory format."""
    return values.movedim(-1, -3)


def _cache_sized_parts(
    values: torch.Tensor, stored: torch.Tensor
) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Parts for step-by-step computation: on a CPU single examples, which fit into its caches."""
    if stored.device.type != "cpu" or stored.ndim < 4:
        return [(values, stored)]
    return zip(values, stored, strict=True)


def _per_channel(number: float | tuple[float, ...], like: torch.Tensor) -> torch.Tensor | float:
    return number if isinstance(number, float) else torch.tensor(number, device=like.device)
