"""Losses of the two multi-task data sets, as published with them.

They are means over the valid pixels of a whole batch: `of_batch` returns that mean, and calling a loss
returns the mean of each image, (B,), like every task's loss. Masks mark valid pixels, (B, H, W).
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
        formula: Function of output, target and mask that returns a scalar.
    """

    formula: Callable[[Tensor, Tensor, Tensor], Tensor]

    def of_batch(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of the whole batch, a scalar.

        Raises:
            ValueError: the shapes do not match.
        """
        like = output[:, 0]
        counts = torch.ones_like(like, dtype=torch.bool) if mask is None else counted(mask, like)
        return self.formula(output.float(), target, counts)

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image, (B,).

        Raises:
            ValueError: the shapes do not match.
        """
        masks = [None] * len(output) if mask is None else mask.unsqueeze(1)
        images = zip(output.unsqueeze(1), target.unsqueeze(1), masks, strict=True)
        return torch.stack([self.of_batch(*image) for image in images])


def mean_loss(
    loss: PerImageLoss, output: Tensor, target: Tensor, mask: Tensor | None, seed: int | None = None
) -> Tensor:
    """The objective of a training step: a batch loss itself, or the mean of another loss over the images.

    Args:
        loss: The task's loss.
        output: The network's output.
        target: The target, as the loss takes it.
        mask: Valid pixels, (B, H, W).
        seed: Fixes the pixels drawn by losses of random pixels, so that epochs are comparable.
    """
    if isinstance(loss, BatchLoss):
        return loss.of_batch(output, target, mask)
    if seed is not None and isinstance(loss, PixelPairs):
        loss = loss.pixels_at(seed)
    return loss(output, target, mask).mean()


def class_cross_entropy(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy with class indices (B, H, W), averaged over valid pixels."""
    require_same_shape(output[:, 0], target)
    losses = functional.cross_entropy(output, torch.where(mask, target.long(), 0), reduction="none")
    return _mean(losses, mask)


def directions_apart(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error of normals (B, 3, H, W) over valid pixels, with outputs normalised to length 1."""
    require_same_shape(output, target)
    errors = (functional.normalize(output, dim=1, eps=_SHORTEST) - target).abs()
    return _mean(errors.mean(dim=1), mask)


@dataclass(frozen=True)
class BalancedEdges:
    """Cross-entropy of edge logits (B, 1, H, W), with weight w for edges and 1 − w for other pixels.

    Attributes:
        edge_weight: w; None for the fraction of non-edge pixels in the batch.
    """

    edge_weight: float | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Mean over valid pixels; targets of 0.5 or more are edges."""
        require_same_shape(output, target)
        edges = (target >= 0.5)[:, 0]
        background = _mean((~edges).float(), mask)
        weight = background if self.edge_weight is None else torch.full_like(background, self.edge_weight)
        losses = functional.binary_cross_entropy_with_logits(
            output[:, 0], edges.to(output.dtype), reduction="none"
        )
        return _mean(torch.where(edges, weight, 1 - weight) * losses, mask)


def depths_and_steps_apart(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Absolute errors of depths (B, 1, H, W) plus those of their Sobel gradients in both directions.

    Both are means over valid pixels. Unknown depths enter the gradients as 0.
    """
    require_same_shape(output, target)
    known = torch.where(mask.unsqueeze(1), target.float(), 0.0)
    across = torch.tensor(_SOBEL, device=output.device)
    kernels = torch.stack([across, across.T]).unsqueeze(1)
    steps = [functional.conv2d(depths, kernels, padding=1) for depths in (output, known)]
    return _mean((output - known)[:, 0].abs(), mask) + _mean((steps[0] - steps[1]).abs().sum(dim=1), mask)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over valid pixels; 0 if there are none."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)
