"""Segmentation by pixel embeddings."""

from math import log

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import PixelPairs
from lightning_taskonomy.tasks.metrics.counting import share, zero

_EVEN = log(3)
"""The squared distance where p = 2 / (1 + exp(s)) is one half."""


class PairAccuracy(Metric):
    """Accuracy on pixel pairs: predicted to share a segment if p ≥ 0.5, that is, ‖e_i − e_j‖² ≤ log 3.

    Computes `accuracy` on all pairs, on pairs of one segment (`same`) and on pairs of two (`different`). Most
    pairs are of two segments, so `accuracy` alone would be high for uninformative embeddings.

    Args:
        pixels: Pixels per image, all pairs of which are evaluated.
        seed: Seed of the fixed pixels, see `PixelPairs`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    right: Tensor
    pairs: Tensor

    def __init__(self, pixels: int = 300, seed: int = 0) -> None:
        super().__init__()
        self.choice = PixelPairs(pixels, seed)
        # Pairs of two segments, then of one.
        self.add_state("right", zero(2), dist_reduce_fx="sum")
        self.add_state("pairs", zero(2), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Embeddings, (B, D, H, W).
            target: Segment ids, (B, H, W).
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        pairs = self.choice.pairs(output, target, mask)
        predicted_same = pairs.squared_distance <= _EVEN
        kinds = [pairs.counted & ~pairs.same, pairs.counted & pairs.same]
        self.pairs += torch.stack([kind.sum() for kind in kinds])
        self.right += torch.stack([(kinds[0] & ~predicted_same).sum(), (kinds[1] & predicted_same).sum()])

    def compute(self) -> dict[str, float]:
        """`accuracy`, `same` and `different`."""
        return {
            "accuracy": share(self.right.sum(), self.pairs.sum()),
            "same": share(self.right[1], self.pairs[1]),
            "different": share(self.right[0], self.pairs[0]),
        }
