"""Labels per pixel, decoded from their files' numbers to what networks put out.

All pictures are 8 or 16 bits as stored; 16-bit ones are taken as shares of 65,535. Where a label comes from
the surface, pixels without one do not count: those whose z-depth is 64,500 or more, at the stored size.
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
"""Shorter ones say that there is no surface: what files hold there, (127, 127, 127), has length 0.007."""
_FULL_SCALE = 65_535
_LOGARITHM = Logarithmic(2.0**16)
_CURVATURE = Linear((123.572, 120.1), (31.922, 21.658))


@dataclass(frozen=True)
class PixelLabel:
    """How a task of one picture and one label picture is read; an object, so that it can travel to workers.

    Attributes:
        domain: the label.
        decode: makes the target of the stored picture, at a size.
        masked: whether only pixels with a surface count.
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
    """Shares of the full 16-bit scale, 0 to `full` as −1 to 1, (1, size, size).

    Attributes:
        full: the share that becomes 1.
        clipped: whether larger ones become 1 too.
    """

    full: float
    clipped: bool = False

    def __call__(self, values: Picture, size: int) -> Stored:
        """The target of a stored picture."""
        return Stored(resized(values, size), self.scale)

    @property
    def scale(self) -> Linear:
        """Of the stored numbers."""
        half = _FULL_SCALE * self.full / 2
        return Linear(half, half, high=1.0 if self.clipped else None)


_OCCLUSION = ShareUpTo(0.00625).scale


def occlusion_edges(values: Picture, size: int) -> Stored:
    """0 to 0.00625 of the full scale as −1 to 1, not clipped, blurred; (1, size, size).

    At the borders the blur sees the picture mirrored, with the outermost pixels twice.
    """
    edges = np.asarray(resized(values, size), np.float32)
    return Stored(ndimage.gaussian_filter(edges, OCCLUSION_BLUR_PIXELS, mode="reflect"), _OCCLUSION)


def log_depth(values: Picture, size: int) -> Stored:
    """log(1 + v) / log(2^16) of units of 1/512 m, (1, size, size); averages are of these logarithms."""
    return Stored(resized(values, size, "depth"), _LOGARITHM)


def normals(values: Picture, size: int) -> Stored:
    """Unit normals (right, down, into the scene) from 8-bit colours, v·2/255 − 1; (3, size, size).

    Files have their zero at 127, which becomes −0.004: so the published networks have learned it.
    """
    return Stored(resized(values, size), COLOUR)


def curvature(values: Picture, size: int) -> Stored:
    """The two principal curvatures, standardised, (2, size, size)."""
    return Stored(resized(values[..., :2], size), _CURVATURE)


def grey(values: Picture, size: int) -> Stored:
    """A grey picture, −1 to 1, (1, size, size)."""
    plane = resized(values, size)
    return Stored(plane.mean(axis=-1, dtype=np.float32) if plane.ndim == 3 else plane, COLOUR)


def ids(values: Picture, size: int) -> npt.NDArray[Any]:
    """Segment ids, (size, size)."""
    return resized(values, size, "ids")


def read_semantic(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Semantic ids 1 (background) to 17 as classes 0 to 16; id 0 (uncertain) does not count."""
    stored = ids(views[0]["segment_semantic"], size)
    if stored.max() > 17:
        raise ValueError(f"expected ids 0 to 17, found {stored.max()}")
    return Example((colour_input(views[0]["rgb"], size),), np.maximum(stored, 1) - 1, stored > 0)
