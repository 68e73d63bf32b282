"""Metrics computed per image first: depth errors, and human parts."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.classes import MeanIoU

_SMALLEST_METRES = 1e-9


class DepthOfImages(Metric):
    """Depth errors in metres, image by image.

    Computes `rmse`, the mean over images of the root mean squared error, and `log_rmse`, the median over
    images of the root mean squared error of logarithms. Images without a valid pixel are skipped.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    errors: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        # Two values per image: a median needs them all.
        self.add_state("errors", [], dist_reduce_fx="cat")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Metres, (B, 1, H, W); in logarithms, values of 0 or less count as 1e-9 m.
            target: Target of the same shape.
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        counts = torch.ones_like(target[:, 0]) if mask is None else counted(mask, target[:, 0])
        for found, right, valid in zip(
            output[:, 0].double(), target[:, 0].double(), counts.bool(), strict=True
        ):
            if valid.any():
                logs = [values[valid].clamp(min=_SMALLEST_METRES).log() for values in (found, right)]
                rmse = (found[valid] - right[valid]).square().mean().sqrt()
                self.errors.append(torch.stack([rmse, (logs[0] - logs[1]).square().mean().sqrt()])[None])

    def compute(self) -> dict[str, float]:
        """`rmse` and `log_rmse`."""
        errors = torch.cat(self.errors) if isinstance(self.errors, list) and self.errors else self.errors
        if not isinstance(errors, Tensor):
            return dict.fromkeys(("rmse", "log_rmse"), float("nan"))
        return {"rmse": float(errors[:, 0].mean()), "log_rmse": float(errors[:, 1].quantile(0.5))}


class PartsIoU(MeanIoU):
    """Mean intersection over union on images with people.

    As `MeanIoU`, but images whose valid pixels are all of class 0 are skipped.
    """

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch; arguments as in `MeanIoU`."""
        people = target > 0 if mask is None else (target > 0) & counted(mask, target)
        kept = people.flatten(1).any(dim=1)
        super().update(output[kept], target[kept], None if mask is None else mask[kept])
