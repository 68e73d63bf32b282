"""Edge detection."""

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.counting import share, zero

THRESHOLDS = 99
"""Thresholds of the output, at 1/100 to 99/100 of the range from −1 to 1."""
_NEVER = -torch.inf


class EdgeF(Metric):
    """The best F measure of edge pixels over thresholds of the output, one threshold for the whole set.

    This is the ODS F measure of edge detection at one scale; Arbeláez et al., Contour Detection and
    Hierarchical Image Segmentation, section 3.1. A tolerance of one pixel replaces its matching: precision is
    the fraction of output edge pixels with a target edge pixel in their 3×3 neighbourhood, recall the
    fraction of target edge pixels with an output edge pixel in theirs. Computes `ods_f`, and the `threshold`,
    `precision` and `recall` at which it is reached, from exact counts at 99 thresholds.

    Args:
        target_from: Minimum target strength of an edge, in [−1, 1]; 0 is half of the task's full scale.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    output_edges: Tensor
    right_edges: Tensor
    found_edges: Tensor
    target_edges: Tensor

    def __init__(self, target_from: float = 0.0) -> None:
        super().__init__()
        self.target_from = target_from
        # Pixel counts by the number of thresholds they reach, 0 to 99.
        self.add_state("output_edges", zero(THRESHOLDS + 1), dist_reduce_fx="sum")
        self.add_state("right_edges", zero(THRESHOLDS + 1), dist_reduce_fx="sum")
        self.add_state("found_edges", zero(THRESHOLDS + 1), dist_reduce_fx="sum")
        self.add_state("target_edges", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Edge strengths, (B, 1, H, W).
            target: Target of the same shape, in [−1, 1].
            mask: Valid pixels, (B, H, W); others are neither output nor target edges.

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        strength, edges = output.float(), target >= self.target_from
        if mask is not None:
            counts = counted(mask, target[:, 0]).unsqueeze(1)
            strength, edges = torch.where(counts, strength, _NEVER), edges & counts
        near_edges = _dilated(edges.float()) > 0
        self.output_edges += _by_thresholds_reached(strength)
        self.right_edges += _by_thresholds_reached(strength[near_edges])
        self.found_edges += _by_thresholds_reached(_dilated(strength)[edges])
        self.target_edges += edges.sum()

    def compute(self) -> dict[str, float]:
        """`ods_f`, `threshold`, `precision`, `recall`; F is 0 if no output edge is correct."""
        if not int(self.target_edges):
            return dict.fromkeys(("ods_f", "threshold", "precision", "recall"), float("nan"))
        outputs, right, found = (
            counts.flip(0).cumsum(0).flip(0)[1:].double()
            for counts in (self.output_edges, self.right_edges, self.found_edges)
        )
        precision, recall = right / outputs.clamp(min=1), found / self.target_edges
        # Where both are 0, so is F.
        f = 2 * precision * recall / (precision + recall).clamp(min=torch.finfo(torch.float64).tiny)
        best = int(f.argmax())
        return {
            "ods_f": float(f[best]),
            "threshold": float(_thresholds(f.device)[best]),
            "precision": share(right[best], outputs[best]),
            "recall": float(recall[best]),
        }


def _thresholds(device: torch.device) -> Tensor:
    return torch.arange(1, THRESHOLDS + 1, device=device) / ((THRESHOLDS + 1) / 2) - 1


def _dilated(values: Tensor) -> Tensor:
    """The maximum over each pixel's 3×3 neighbourhood, (B, 1, H, W)."""
    return functional.max_pool2d(values, kernel_size=3, stride=1, padding=1)


def _by_thresholds_reached(strength: Tensor) -> Tensor:
    reached = torch.bucketize(strength.flatten().contiguous(), _thresholds(strength.device), right=True)
    return torch.bincount(reached, minlength=THRESHOLDS + 1)
