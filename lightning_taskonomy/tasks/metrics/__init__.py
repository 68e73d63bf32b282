"""How good outputs are, in units a reader knows; torchmetrics that count over a whole set, bounded in memory.

Every metric is updated with `(output, target, mask=None)`, the mask (B, H, W) being true or non-zero where a
pixel counts, and computes a dictionary of numbers. A number of nothing (no counted pixel) is NaN.
"""

from lightning_taskonomy.tasks.metrics.angular import AngularError
from lightning_taskonomy.tasks.metrics.classes import LabelAccuracy, MeanIoU
from lightning_taskonomy.tasks.metrics.colours import ColourError
from lightning_taskonomy.tasks.metrics.depth import DepthError
from lightning_taskonomy.tasks.metrics.edges import EdgeF
from lightning_taskonomy.tasks.metrics.pixels import PixelError
from lightning_taskonomy.tasks.metrics.poses import PoseError
from lightning_taskonomy.tasks.metrics.segments import PairAccuracy

__all__ = [
    "AngularError",
    "ColourError",
    "DepthError",
    "EdgeF",
    "LabelAccuracy",
    "MeanIoU",
    "PairAccuracy",
    "PixelError",
    "PoseError",
]
