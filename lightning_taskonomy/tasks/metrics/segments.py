"""How well embeddings tell segments apart."""

from math import log

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import PixelPairs
from lightning_taskonomy.tasks.metrics.counting import share, zero

_EVEN = log(3)
"""The squared distance where p = 2 / (1 + exp(s)) is one half."""


class PairAccuracy(Metric):
    """Share of pixel pairs told right: of the same segment where p ≥ 0.5, that is ‖e_i − e_j‖² ≤ log 3.

    Computes `accuracy` of all pairs, and of those of one segment (`same`) and of two (`different`): most
    pairs are of two, so the first alone would praise embeddings that tell nothing.

    Args:
        pixels: per image; all pairs of them are judged.
        seed: of the fixed pixels, see `PixelPairs`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    right: Tensor
    pairs: Tensor

    def __init__(self, pixels: int = 300, seed: int = 0) -> None:
        super().__init__()
        self.choice = PixelPairs(pixels, seed)
        # Of two segments, of one.
        self.add_state("right", zero(2), dist_reduce_fx="sum")
        self.add_state("pairs", zero(2), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: embeddings, (B, D, H, W).
            target: segment ids, (B, H, W).
            mask: which pixels count, (B, H, W).

        Raises:
            ValueError: the shapes do not fit.
        """
        pairs = self.choice.pairs(output, target, mask)
        told_same = pairs.squared_distance <= _EVEN
        kinds = [pairs.counted & ~pairs.same, pairs.counted & pairs.same]
        self.pairs += torch.stack([kind.sum() for kind in kinds])
        self.right += torch.stack([(kinds[0] & ~told_same).sum(), (kinds[1] & told_same).sum()])

    def compute(self) -> dict[str, float]:
        """`accuracy`, `same` and `different`."""
        return {
            "accuracy": share(self.right.sum(), self.pairs.sum()),
            "same": share(self.right[1], self.pairs[1]),
            "different": share(self.right[0], self.pairs[0]),
        }
