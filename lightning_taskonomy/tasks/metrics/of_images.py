"""Metrics that look at each image first: errors of depths, and parts of people."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.classes import MeanIoU

_SMALLEST_METRES = 1e-9


class DepthOfImages(Metric):
    """Errors of depths in metres, image by image.

    Computes `rmse`, the mean over images of each one's root mean squared error, and `log_rmse`, the median
    over images of that of logarithms. Images without a counted pixel do not count.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    errors: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        # Two numbers an image: a median needs them all.
        self.add_state("errors", [], dist_reduce_fx="cat")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: metres, (B, 1, H, W); what is not positive counts as 1e-9 m in logarithms.
            target: of the same shape.
            mask: which pixels count, (B, H, W).

        Raises:
            ValueError: the shapes do not fit.
        """
        require_same_shape(output, target)
        counts = torch.ones_like(target[:, 0]) if mask is None else counted(mask, target[:, 0])
        for found, right, own in zip(
            output[:, 0].double(), target[:, 0].double(), counts.bool(), strict=True
        ):
            if own.any():
                logs = [values[own].clamp(min=_SMALLEST_METRES).log() for values in (found, right)]
                apart = (found[own] - right[own]).square().mean().sqrt()
                self.errors.append(torch.stack([apart, (logs[0] - logs[1]).square().mean().sqrt()])[None])

    def compute(self) -> dict[str, float]:
        """`rmse` and `log_rmse`."""
        errors = torch.cat(self.errors) if isinstance(self.errors, list) and self.errors else self.errors
        if not isinstance(errors, Tensor):
            return dict.fromkeys(("rmse", "log_rmse"), float("nan"))
        return {"rmse": float(errors[:, 0].mean()), "log_rmse": float(errors[:, 1].quantile(0.5))}


class PartsIoU(MeanIoU):
    """Mean overlap of classes without the images on which there is no one.

    As `MeanIoU`; images whose counted pixels are all of class 0 are skipped.
    """

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch; arguments as of `MeanIoU`."""
        someone = target > 0 if mask is None else (target > 0) & counted(mask, target)
        kept = someone.flatten(1).any(dim=1)
        super().update(output[kept], target[kept], None if mask is None else mask[kept])
