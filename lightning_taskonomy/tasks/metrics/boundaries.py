"""Boundary detection: output and target pixels are matched one to one."""

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from scipy.spatial import cKDTree
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.counting import share, zero

Flags = npt.NDArray[np.bool_]


class BoundaryF(Metric):
    """The best F measure of boundary pixels over thresholds, one threshold for the whole set (ODS).

    As in the Berkeley benchmark (Martin et al., 2004; Arbeláez et al., 2011): at each threshold the output is
    thinned to lines, and as many of its pixels as possible are matched one to one to target pixels within a
    maximum distance. Precision is the fraction of output pixels that are matched, recall that of target
    pixels. Computes `ods_f`, and the `threshold`, `precision` and `recall` at which it is reached.

    Args:
        max_distance: Maximum distance of matched pixels, as a fraction of the image diagonal: 0.0075 for
            PASCAL-Context, 0.011 for NYUD.
        thresholds: Number of thresholds, evenly spaced between 0 and 1.
        thinned: Whether outputs are thinned first.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    matches: Tensor
    output_pixels: Tensor
    target_pixels: Tensor

    def __init__(self, max_distance: float = 0.0075, thresholds: int = 99, thinned: bool = True) -> None:
        super().__init__()
        self.max_distance, self.thresholds, self.thinned = max_distance, thresholds, thinned
        self.add_state("matches", zero(thresholds), dist_reduce_fx="sum")
        self.add_state("output_pixels", zero(thresholds), dist_reduce_fx="sum")
        self.add_state("target_pixels", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Boundary logits, (B, 1, H, W).
            target: Target of the same shape; 0.5 or more is a boundary.
            mask: Valid pixels, (B, H, W); others are neither output nor target boundaries.

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        counts = torch.ones_like(output[:, 0]) if mask is None else counted(mask, output[:, 0])
        strengths = torch.where(counts.bool(), torch.sigmoid(output[:, 0].float()), -1.0).cpu().numpy()
        edges = ((target[:, 0] >= 0.5) & counts.bool()).cpu().numpy()
        for strength, edge in zip(strengths, edges, strict=True):
            radius = self.max_distance * float(np.hypot(*edge.shape))
            self.target_pixels += int(edge.sum())
            for place in range(self.thresholds):
                predicted = strength >= (place + 1) / (self.thresholds + 1)
                lines = _thin(predicted) if self.thinned else predicted
                self.output_pixels[place] += int(lines.sum())
                self.matches[place] += most_matches(lines, edge, radius)

    def compute(self) -> dict[str, float]:
        """`ods_f`, `threshold`, `precision`, `recall`; F is 0 if nothing is matched."""
        if not int(self.target_pixels):
            return dict.fromkeys(("ods_f", "threshold", "precision", "recall"), float("nan"))
        matches = self.matches.double()
        f = 2 * matches / (self.output_pixels + self.target_pixels)
        best = int(f.argmax())
        return {
            "ods_f": float(f[best]),
            "threshold": (best + 1) / (self.thresholds + 1),
            "precision": share(matches[best], self.output_pixels[best]),
            "recall": share(matches[best], self.target_pixels),
        }


def most_matches(predicted: Flags, edges: Flags, radius: float) -> int:
    """The maximum number of pixels that can be matched one to one within a distance.

    Args:
        predicted: Boundary pixels of the output, (H, W).
        edges: Boundary pixels of the target, (H, W).
        radius: Maximum distance of a pair, in pixels.
    """
    outputs, targets = np.argwhere(predicted), np.argwhere(edges)
    if not len(outputs) or not len(targets):
        return 0
    near = cKDTree(outputs).query_ball_tree(cKDTree(targets), radius)
    row = np.repeat(np.arange(len(outputs)), [len(neighbours) for neighbours in near])
    column = np.concatenate([np.asarray(neighbours, np.int64) for neighbours in near]) + len(outputs)
    # A matching is a unit flow from source to outputs to targets to sink. Dinic's algorithm takes 0.1 s for a
    # photo that scipy's own matching does not finish in minutes.
    nodes = len(outputs) + len(targets)
    source, sink = nodes, nodes + 1
    starts = np.concatenate([row, np.full(len(outputs), source), np.arange(len(outputs), nodes)])
    ends = np.concatenate([column, np.arange(len(outputs)), np.full(len(targets), sink)])
    capacities = csr_array((np.ones(len(starts), np.int32), (starts, ends)), (nodes + 2, nodes + 2))
    return int(maximum_flow(capacities, source, sink).flow_value)


def _thin(predicted: Flags) -> Flags:
    from skimage.morphology import thin  # the import takes half a second, and only boundaries need it

    thinned: Flags = thin(predicted)  # type: ignore[no-untyped-call]
    return thinned
