"""Colour errors: the distance of the most probable colour from the true one."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.colours import BINS
from lightning_taskonomy.tasks.metrics.counting import zero, zero_sum


class ColourError(Metric):
    """Distance in CIE Lab's a and b between the most probable bins of the output and of the target.

    Computes `ab_distance`, its mean over all pixels, and `same_bin`, the fraction of pixels where the bins
    agree.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    distance: Tensor
    same: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("distance", zero_sum(), dist_reduce_fx="sum")
        self.add_state("same", zero(), dist_reduce_fx="sum")
        self.add_state("pixels", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Logits or probabilities of the bins, (B, 313, H, W).
            target: Probabilities of the same shape.
            mask: Ignored: every pixel has a colour.
        """
        bins = torch.from_numpy(BINS).to(output.device)
        found, true = output.argmax(dim=1), target.argmax(dim=1)
        self.distance += (bins[found] - bins[true]).norm(dim=-1).sum()
        self.same += (found == true).sum()
        self.pixels += found.numel()

    def compute(self) -> dict[str, Tensor]:
        """`ab_distance` and `same_bin`; NaN if there are no pixels."""
        return {"ab_distance": self.distance / self.pixels, "same_bin": self.same / self.pixels}
