"""Quality of outputs in familiar units, as torchmetrics that accumulate over a whole set in bounded memory.

Every metric is updated with `(output, target, mask=None)`, where the mask (B, H, W) is true or non-zero at
valid pixels, and computes a dictionary of values. Values are NaN if there are no valid pixels.
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
