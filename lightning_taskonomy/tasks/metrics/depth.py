"""Depth and distance errors, in metres."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import require_same_shape
from lightning_taskonomy.tasks.metrics.counting import counted_values, share, zero, zero_sum

UNITS_PER_METRE = 512
RATIO = 1.25
_POWERS = (1, 2, 3)


class DepthError(Metric):
    """Errors of log-encoded depths over all valid pixels of the set.

    Computes `rmse` in metres, `absolute_relative` (mean of |output − target| / target), and the fractions of
    pixels with max(output / target, target / output) below 1.25, 1.25² and 1.25³ as `within_1.25` and so on;
    Eigen et al., Depth Map Prediction from a Single Image, section 4. Both depths are clamped to the range of
    the files, 1/512 m to 128 m, so that every ratio is finite.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    squared: Tensor
    relative: Tensor
    within: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("squared", zero_sum(), dist_reduce_fx="sum")
        self.add_state("relative", zero_sum(), dist_reduce_fx="sum")
        self.add_state("within", zero(len(_POWERS)), dist_reduce_fx="sum")
        self.add_state("pixels", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: log(1 + v) / log(2^16) with v in 1/512 m, (B, 1, H, W).
            target: Target of the same shape.
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        found, right = metres(counted_values(output, mask)), metres(counted_values(target, mask))
        self.squared += (found - right).square().sum()
        self.relative += ((found - right).abs() / right).sum()
        ratio = torch.maximum(found / right, right / found)
        self.within += torch.stack([(ratio < RATIO**power).sum() for power in _POWERS])
        self.pixels += found.numel()

    def compute(self) -> dict[str, float]:
        """`rmse`, `absolute_relative`, and the fractions `within_…`."""
        names = ("within_1.25", "within_1.25^2", "within_1.25^3")
        return {
            "rmse": math.sqrt(share(self.squared, self.pixels)),
            "absolute_relative": share(self.relative, self.pixels),
            **{name: share(self.within[n], self.pixels) for n, name in enumerate(names)},
        }


def metres(code: Tensor) -> Tensor:
    """Log-encoded depths in metres, from 1/512 m to 128 m."""
    units = torch.expm1(code.clamp(0, 1) * math.log(2.0**16))
    return units.clamp(min=1) / UNITS_PER_METRE
