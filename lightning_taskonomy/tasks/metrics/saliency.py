"""Saliency detection."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.counting import zero, zero_sum

THRESHOLDS = tuple(0.2 + 0.05 * step for step in range(15))
"""0.2 to 0.9."""


class SaliencyF(Metric):
    """Intersection over union and F measure of salient pixels, averaged over images, at the best threshold.

    Computes `miou`, the largest mean over images of intersection over union (1 if both are empty), and
    `max_f`, the largest F of mean precision and mean recall over images. Each is the maximum over 15
    thresholds of a mean over images, not the mean of each image's maximum.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    overlap: Tensor
    precision: Tensor
    recall: Tensor
    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("overlap", "precision", "recall"):
            self.add_state(name, zero_sum(len(THRESHOLDS)), dist_reduce_fx="sum")
        self.add_state("images", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Logits, (B, 1, H, W).
            target: Target of the same shape; 0.5 or more is salient.
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        counts = torch.ones_like(output[:, 0]) if mask is None else counted(mask, output[:, 0])
        chance = torch.where(counts.bool(), torch.sigmoid(output[:, 0].float()), -1.0)
        salient = (target[:, 0] >= 0.5) & counts.bool()
        for place, threshold in enumerate(THRESHOLDS):
            predicted = chance > threshold
            both, positives, relevant = (
                flags.flatten(1).sum(dim=1).double() for flags in (predicted & salient, predicted, salient)
            )
            either = positives + relevant - both
            self.overlap[place] += torch.where(either > 0, both / either.clamp(min=1), 1.0).sum()
            self.precision[place] += (both / positives.clamp(min=1)).sum()
            self.recall[place] += (both / relevant.clamp(min=1)).sum()
        self.images += len(output)

    def compute(self) -> dict[str, float]:
        """`miou` and `max_f`."""
        if not int(self.images):
            return dict.fromkeys(("miou", "max_f"), float("nan"))
        precision, recall = self.precision / self.images, self.recall / self.images
        f = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
        return {"miou": float((self.overlap / self.images).max()), "max_f": float(f.max())}
