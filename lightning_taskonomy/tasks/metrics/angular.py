"""Angles between directions: surface normals, vanishing points."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import require_same_shape
from lightning_taskonomy.tasks.metrics.counting import counted_values, share, zero, zero_sum
from lightning_taskonomy.tasks.pixel_labels import SHORTEST_NORMAL

CLOSE_DEGREES = (11.25, 22.5, 30.0)
"""The usual thresholds for surface normals; Fouhey et al., Data-Driven 3D Primitives, 2013."""
_BINS_PER_DEGREE = 10
_BINS = 180 * _BINS_PER_DEGREE


class AngularError(Metric):
    """Angles between output and target directions over all valid pixels of the set, in degrees.

    Computes `mean`, `median`, and the fractions below 11.25°, 22.5° and 30° as `within_11.25` and so on.
    Outputs need not have length 1; one of length 0 counts as 90° off. Targets shorter than 0.01 have no
    direction and are ignored. To bound memory, the median is interpolated in a histogram with bins of 0.1°,
    and accurate to within one bin.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    degrees: Tensor
    within: Tensor
    histogram: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("degrees", zero_sum(), dist_reduce_fx="sum")
        self.add_state("within", zero(len(CLOSE_DEGREES)), dist_reduce_fx="sum")
        self.add_state("histogram", zero(_BINS), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: (B, 3·k, H, W) or (B, 3·k); every three channels are a direction.
            target: Target of the same shape.
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        found, right = _directions(output, mask), _directions(target, mask)
        directed = torch.linalg.vector_norm(right, dim=1) >= SHORTEST_NORMAL
        degrees = angles(found, right, dim=1)[directed]
        self.degrees += degrees.sum()
        self.within += torch.stack([(degrees < bound).sum() for bound in CLOSE_DEGREES])
        # An output of NaN makes the mean NaN; in the histogram it counts as 180° off.
        bins = (degrees.nan_to_num(nan=180.0) * _BINS_PER_DEGREE).long().clamp(0, _BINS - 1)
        self.histogram += torch.bincount(bins, minlength=_BINS)

    def compute(self) -> dict[str, float]:
        """`mean`, `median`, and the fractions `within_…`."""
        count = self.histogram.sum()
        shares = {f"within_{bound:g}": share(self.within[n], count) for n, bound in enumerate(CLOSE_DEGREES)}
        return {"mean": share(self.degrees, count), "median": _median(self.histogram), **shares}


def _directions(values: Tensor, mask: Tensor | None) -> Tensor:
    """Directions at valid pixels, (k, 3, N)."""
    if values.shape[1] % 3:
        raise ValueError(f"expected a multiple of 3 channels, found {values.shape[1]}")
    columns = counted_values(values, mask)
    return columns.reshape(values.shape[1] // 3, 3, columns.shape[1])


def angles(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Angles between vectors along a dimension of size 3, in degrees; 90 where one has no length."""
    # By the arc tangent: the arc cosine is off by hundredths of a degree near 0 and 180.
    cross = torch.linalg.vector_norm(torch.linalg.cross(a, b, dim=dim), dim=dim)
    dot = (a * b).sum(dim=dim)
    undefined = (cross == 0) & (dot == 0)
    return torch.where(undefined, 90.0, torch.atan2(cross, dot).rad2deg())


def _median(histogram: Tensor) -> float:
    """The median in degrees, assuming that angles are uniformly distributed within their bin."""
    total = int(histogram.sum())
    if not total:
        return float("nan")
    below = histogram.cumsum(dim=0).double()
    place = int(torch.searchsorted(below, total / 2))
    inside = float(histogram[place])
    return (place + (total / 2 - float(below[place]) + inside) / inside) / _BINS_PER_DEGREE
