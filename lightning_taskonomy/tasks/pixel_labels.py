"""Labels per pixel, decoded from stored values to targets.

All label images are stored with 8 or 16 bits; 16-bit values are fractions of 65,535. For labels of surfaces,
pixels without a surface are masked: those whose z-depth is 64,500 or more at the stored size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.core.resizing import resized, surface_mask
from lightning_taskonomy.tasks.pictures import COLOUR, colour_input
from lightning_taskonomy.tasks.scales import Linear, Logarithmic
from lightning_taskonomy.tasks.task import Example, Stored, ViewLabels

Picture = npt.NDArray[Any]
Decode = Callable[[Picture, int], Stored | npt.NDArray[Any]]

OCCLUSION_BLUR_PIXELS = 4.0
SHORTEST_NORMAL = 0.01
"""Shorter normals mean that there is no surface: the files' (127, 127, 127) there has length 0.007."""
_FULL_SCALE = 65_535
_LOGARITHM = Logarithmic(2.0**16)
_CURVATURE = Linear((123.572, 120.1), (31.922, 21.658))


@dataclass(frozen=True)
class PixelLabel:
    """Reader of a task with one photo and one label image; an object, so that it can be pickled for workers.

    Attributes:
        domain: Domain of the label.
        decode: Function from the stored label and a size to the target.
        masked: Whether pixels without a surface are masked.
    """

    domain: str
    decode: Decode
    masked: bool = True

    def __call__(self, views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
        """The example of a view."""
        view = views[0]
        mask = surface_mask(view["depth_zbuffer"], size) if self.masked else None
        return Example((colour_input(view["rgb"], size),), self.decode(view[self.domain], size), mask)


@dataclass(frozen=True)
class ShareUpTo:
    """Maps fractions of the full 16-bit scale from 0 to `full` to −1 to 1, (1, size, size).

    Attributes:
        full: The fraction that becomes 1.
        clipped: Whether larger values are clipped to 1.
    """

    full: float
    clipped: bool = False

    def __call__(self, values: Picture, size: int) -> Stored:
        """The target of a stored label."""
        return Stored(resized(values, size), self.scale)

    @property
    def scale(self) -> Linear:
        """Scale of the stored values."""
        half = _FULL_SCALE * self.full / 2
        return Linear(half, half, high=1.0 if self.clipped else None)


_OCCLUSION = ShareUpTo(0.00625).scale


def occlusion_edges(values: Picture, size: int) -> Stored:
    """Occlusion edges, blurred, 0 to 0.00625 of the full scale as −1 to 1, not clipped; (1, size, size).

    At the borders the image is reflected, with the outermost pixels repeated.
    """
    edges = np.asarray(resized(values, size), np.float32)
    return Stored(ndimage.gaussian_filter(edges, OCCLUSION_BLUR_PIXELS, mode="reflect"), _OCCLUSION)


def log_depth(values: Picture, size: int) -> Stored:
    """log(1 + v) / log(2^16) with v in units of 1/512 m, (1, size, size); resizing averages logarithms."""
    return Stored(resized(values, size, "depth"), _LOGARITHM)


def normals(values: Picture, size: int) -> Stored:
    """Unit normals (right, down, into the scene) from 8-bit colours, v·2/255 − 1; (3, size, size).

    The files encode zero as 127, which becomes −0.004, as the published networks have learned it.
    """
    return Stored(resized(values, size), COLOUR)


def curvature(values: Picture, size: int) -> Stored:
    """The two principal curvatures, standardised, (2, size, size)."""
    return Stored(resized(values[..., :2], size), _CURVATURE)


def grey(values: Picture, size: int) -> Stored:
    """A grey image, −1 to 1, (1, size, size)."""
    plane = resized(values, size)
    return Stored(plane.mean(axis=-1, dtype=np.float32) if plane.ndim == 3 else plane, COLOUR)


def ids(values: Picture, size: int) -> npt.NDArray[Any]:
    """Segment ids, (size, size)."""
    return resized(values, size, "ids")


def read_semantic(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Semantic ids 1 (background) to 17 as classes 0 to 16; id 0 (uncertain) is masked."""
    stored = ids(views[0]["segment_semantic"], size)
    if stored.max() > 17:
        raise ValueError(f"expected ids 0 to 17, found {stored.max()}")
    return Example((colour_input(views[0]["rgb"], size),), np.maximum(stored, 1) - 1, stored > 0)
