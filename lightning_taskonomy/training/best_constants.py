"""Best constant outputs in closed form: means, medians, class frequencies, geometric medians.

The loss of an image is a mean over its valid pixels, and contenders are compared by the mean over images. So
a pixel weighs more in an image with few valid pixels, and means, medians and frequencies are weighted
accordingly. Positions that are never valid take the value over all positions.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from lightning_taskonomy.tasks.losses import CrossEntropy, SoftCrossEntropy, counted

_AT_ONCE = 2**22
"""Values sorted at a time."""


class Ranks(Protocol):
    """Communication between the processes of a run; all must make the same calls in the same order."""

    def total(self, values: Tensor) -> Tensor:
        """The sum over ranks of values of one shape."""

    def joined(self, rows: Tensor) -> Tensor:
        """The rows of all ranks, concatenated; their number may differ between ranks."""


class Fit(Protocol):
    """Accumulates targets and computes the best constant for them."""

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add the targets of a batch, with the mask of their valid pixels."""

    def best(self, ranks: Ranks) -> Tensor:
        """The best constant for the targets of all ranks, in the shape of an output without its batch."""


class MeanFit:
    """The mean at each position and channel, for `L2`, from running sums.

    Args:
        shape: of an output.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        channels, positions = shape[0], math.prod(shape[1:])
        self._sums = torch.zeros(channels, positions, dtype=torch.float64)
        self._weights = torch.zeros(positions, dtype=torch.float64)

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add targets (B, C, H, W) or (B, n)."""
        weights = _pixel_weights(target[:, 0], mask)
        values = torch.where(weights.unsqueeze(1) > 0, _flat(target).float(), 0.0)
        self._sums += torch.einsum("bcp,bp->cp", values, weights).double().cpu()
        self._weights += weights.sum(dim=0).double().cpu()

    def best(self, ranks: Ranks) -> Tensor:
        """The means."""
        sums, weights = ranks.total(self._sums), ranks.total(self._weights)
        anywhere = sums.sum(dim=1, keepdim=True) / weights.sum().clamp(min=1e-12)
        means = torch.where(weights > 0, sums / weights.clamp(min=1e-12), anywhere)
        return means.float().reshape(self.shape)


class MedianFit:
    """The median at each position and channel, for `l1`, from all targets; images in half precision.

    Args:
        shape: of an output.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._rows: list[Tensor] = []
        self._weights: list[Tensor] = []

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add targets (B, C, H, W) or (B, n)."""
        weights = _pixel_weights(target[:, 0], mask)
        rows = torch.where(weights.unsqueeze(1) > 0, _flat(target).float(), torch.nan).flatten(1)
        self._rows.append(kept(rows, halved=target.ndim > 2))
        self._weights.append(weights.amax(dim=1).cpu())

    def best(self, ranks: Ranks) -> Tensor:
        """The medians; where no target is valid, the median of the other positions' medians."""
        weights = ranks.joined(torch.cat(self._weights) if self._weights else torch.zeros(0))
        if len(weights) == 0:
            return torch.zeros(self.shape)
        numbers = math.prod(self.shape)
        step = max(_AT_ONCE // len(weights), 1)
        parts = []
        for start in range(0, numbers, step):
            stop = min(start + step, numbers)
            columns = [rows[:, start:stop].float() for rows in self._rows]
            parts.append(
                weighted_median(ranks.joined(torch.cat([torch.zeros(0, stop - start), *columns])), weights)
            )
        medians = torch.cat(parts).reshape(self.shape[0], -1)
        anywhere = medians.nanmedian(dim=1, keepdim=True).values.nan_to_num(0.0)
        return torch.where(medians.isnan(), anywhere, medians).reshape(self.shape)


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """The lower median of each column.

    Args:
        values: (n, m); NaN is ignored.
        weights: of each row, (n,).

    Returns:
        (m,); NaN for a column without values.
    """
    ordered, order = values.T.contiguous().sort(dim=1)  # nan last
    reached = torch.where(ordered.isnan(), 0.0, weights.double()[order]).cumsum(dim=1)
    # The tolerance covers rounding in long sums; no weight is as small.
    half = reached[:, -1:] * (0.5 - 1e-12)
    place = (reached >= half).to(torch.uint8).argmax(dim=1, keepdim=True)
    return ordered.gather(1, place).squeeze(1)


class SharesFit:
    """Logarithms of the class frequencies at each position, for `CrossEntropy` and `SoftCrossEntropy`.

    One more image is added whose frequencies are those over all images and positions: a class that happens
    not to occur at a position is improbable there, not impossible.

    Args:
        loss: its class weights apply to the pixels.
        shape: of an output.
    """

    def __init__(self, loss: CrossEntropy | SoftCrossEntropy, shape: tuple[int, ...]) -> None:
        self.loss, self.shape = loss, shape
        self._sums = torch.zeros(shape[0], math.prod(shape[1:]), dtype=torch.float64)

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add class indices, (B, H, W) or (B,), or class probabilities, (B, K, H, W) or (B, K)."""
        sums = self._of_classes if isinstance(self.loss, CrossEntropy) else self._of_shares
        self._sums += sums(target, mask).double().cpu()

    def _of_classes(self, target: Tensor, mask: Tensor | None) -> Tensor:
        weights = _pixel_weights(target, mask)
        classes = torch.where(weights > 0, target.long().reshape(len(target), -1), 0)
        if self.loss.weights is not None:
            weights = weights * weights.new_tensor(self.loss.weights)[classes]
            weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return weights.new_zeros(self._sums.shape).scatter_add_(0, classes, weights)

    def _of_shares(self, target: Tensor, mask: Tensor | None) -> Tensor:
        weights = _pixel_weights(target[:, 0], mask)
        shares = torch.where(weights.unsqueeze(1) > 0, _flat(target).float(), 0.0)
        if self.loss.weights is not None:
            weights = weights * weights.new_tensor(self.loss.weights)[shares.argmax(dim=1)]
        return torch.einsum("bkp,bp->kp", shares, weights)

    def best(self, ranks: Ranks) -> Tensor:
        """Logits whose softmax gives the frequencies."""
        sums = ranks.total(self._sums)
        anywhere = sums.sum(dim=1, keepdim=True) / sums.sum().clamp(min=1e-12) + 1e-7
        shares = sums + anywhere / sums.shape[1]
        return shares.log().log_softmax(dim=0).float().reshape(self.shape)


class GeometricMedianFit:
    """The geometric median of each pose's targets, for `PoseNorm`.

    Args:
        poses: number of poses, six values each.
    """

    def __init__(self, poses: int) -> None:
        self.poses = poses
        self._rows: list[Tensor] = []

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add targets (B, 6·poses)."""
        self._rows.append(target.float().cpu())

    def best(self, ranks: Ranks) -> Tensor:
        """The medians, concatenated, (6·poses,)."""
        rows = ranks.joined(torch.cat([torch.zeros(0, 6 * self.poses), *self._rows]))
        return torch.cat(
            [geometric_median(rows[:, first : first + 6]) for first in range(0, rows.shape[1], 6)]
        )


def geometric_median(points: Tensor, steps: int = 1000) -> Tensor:
    """The point of least total distance to points, (n, d) to (d,), by Weiszfeld's iteration.

    Iterates that coincide with one of the points are handled as in Vardi and Zhang, The multivariate
    L1-median and associated data depth.
    """
    points = points.double()
    if len(points) == 0:
        return torch.zeros(points.shape[1])
    guess = points.mean(dim=0)
    for _ in range(steps):
        away = points - guess
        distances = torch.linalg.vector_norm(away, dim=1)
        elsewhere = distances > 1e-12
        inverse = torch.where(elsewhere, 1 / distances.clamp(min=1e-12), 0.0)
        pull = (inverse.unsqueeze(1) * away).sum(dim=0)
        force, here = pull.norm(), (~elsewhere).sum()
        if force <= here:
            break
        step = (1 - here / force) * pull / inverse.sum()
        guess = guess + step
        if step.norm() <= 1e-10 * (1 + guess.norm()):
            break
    return guess.float()


def kept(values: Tensor, halved: bool) -> Tensor:
    """On the CPU: integers as int32, floats in half precision if `halved` and if none overflows."""
    if not values.is_floating_point():
        return values.to(torch.int32).cpu()
    half = values.half()
    return (half if halved and not half.isinf().any() else values.float()).cpu()


def _flat(target: Tensor) -> Tensor:
    """(B, C, positions); a vector has one position."""
    return target.reshape(*target.shape[:2], -1)


def _pixel_weights(like: Tensor, mask: Tensor | None) -> Tensor:
    """The weight of each pixel, (B, positions): 1 divided equally among an image's valid pixels."""
    counts = torch.ones_like(like, dtype=torch.bool) if mask is None else counted(mask, like)
    weights = counts.reshape(len(like), -1).float()
    return weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
