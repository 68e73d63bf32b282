"""Losses of the two multi-task data sets, as published with them.

They are means over the counted pixels of a whole batch: `of_batch` gives that number, and calling a loss
gives the same of each image alone, (B,), as every task's loss does. Masks say which pixels count, (B, H, W).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.tasks.losses import PerImageLoss, PixelPairs, counted, require_same_shape

_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
_SHORTEST = 1e-12


@dataclass(frozen=True)
class BatchLoss:
    """A loss of a whole batch.

    Attributes:
        formula: takes output, target and a mask, and gives a scalar.
    """

    formula: Callable[[Tensor, Tensor, Tensor], Tensor]

    def of_batch(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """One number for all images.

        Raises:
            ValueError: the shapes do not fit.
        """
        like = output[:, 0]
        counts = torch.ones_like(like, dtype=torch.bool) if mask is None else counted(mask, like)
        return self.formula(output.float(), target, counts)

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """One number for each image, (B,).

        Raises:
            ValueError: the shapes do not fit.
        """
        masks = [None] * len(output) if mask is None else mask.unsqueeze(1)
        pairs = zip(output.unsqueeze(1), target.unsqueeze(1), masks, strict=True)
        return torch.stack([self.of_batch(given, right, counts) for given, right, counts in pairs])


def mean_loss(
    loss: PerImageLoss, output: Tensor, target: Tensor, mask: Tensor | None, seed: int | None = None
) -> Tensor:
    """What a training step minimises: a batch loss as it is, another's mean over the images.

    Args:
        loss: of a task.
        output: of its network.
        target: as the loss takes it.
        mask: which pixels count, (B, H, W).
        seed: makes losses of drawn pixels draw the same ones every time, so that epochs can be compared.
    """
    if isinstance(loss, BatchLoss):
        return loss.of_batch(output, target, mask)
    if seed is not None and isinstance(loss, PixelPairs):
        loss = loss.pixels_at(seed)
    return loss(output, target, mask).mean()


def class_cross_entropy(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy to class numbers (B, H, W), mean over counted pixels."""
    require_same_shape(output[:, 0], target)
    losses = functional.cross_entropy(output, torch.where(mask, target.long(), 0), reduction="none")
    return _mean(losses, mask)


def directions_apart(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Absolute differences of normals (B, 3, H, W), the output's at length 1; mean over counted numbers."""
    require_same_shape(output, target)
    apart = (functional.normalize(output, dim=1, eps=_SHORTEST) - target).abs()
    return _mean(apart.mean(dim=1), mask)


@dataclass(frozen=True)
class BalancedEdges:
    """Cross-entropy of edge logits (B, 1, H, W): w times that of edges, 1 − w times that of the rest.

    Attributes:
        edge_weight: w; None takes the share of pixels that are none in the batch.
    """

    edge_weight: float | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Mean over all pixels; targets from 0.5 on are edges."""
        require_same_shape(output, target)
        edges = (target >= 0.5)[:, 0]
        share = _mean((~edges).float(), mask)
        weight = share if self.edge_weight is None else torch.full_like(share, self.edge_weight)
        losses = functional.binary_cross_entropy_with_logits(
            output[:, 0], edges.to(output.dtype), reduction="none"
        )
        return _mean(torch.where(edges, weight, 1 - weight) * losses, mask)


def depths_and_steps_apart(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Absolute differences of depths (B, 1, H, W), and of their Sobel gradients in both directions.

    Both are means over counted pixels; gradients see a depth of 0 where none is known.
    """
    require_same_shape(output, target)
    known = torch.where(mask.unsqueeze(1), target.float(), 0.0)
    across = torch.tensor(_SOBEL, device=output.device)
    kernels = torch.stack([across, across.T]).unsqueeze(1)
    steps = [functional.conv2d(depths, kernels, padding=1) for depths in (output, known)]
    return _mean((output - known)[:, 0].abs(), mask) + _mean((steps[0] - steps[1]).abs().sum(dim=1), mask)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Over counted pixels; 0 of none."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)
