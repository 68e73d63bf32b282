"""Labels per pixel, decoded from their files' numbers to what networks put out.

All pictures are 8 or 16 bits as stored; 16-bit ones are taken as shares of 65,535. Where a label comes from
the surface, pixels without one do not count: those whose z-depth is 64,500 or more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.tasks.pictures import colour_input, mapped, nearest, smooth
from lightning_taskonomy.tasks.task import Example, ViewLabels

Floats = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]
Decode = Callable[[Stored, int], npt.NDArray[Any]]

DEPTH_INVALID_FROM = 64_500
CURVATURE_MEAN = np.array([123.572, 120.1], np.float32)
CURVATURE_STD = np.array([31.922, 21.658], np.float32)
OCCLUSION_BLUR_PIXELS = 4.0
_FULL_SCALE = 65_535


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
        return Example(colour_input(view["rgb"], size)[None], self.decode(view[self.domain], size), mask)


def surface_mask(depth: Stored, size: int) -> Floats:
    """1 where there is a surface, (size, size)."""
    return np.asarray(nearest(depth, size) < DEPTH_INVALID_FROM, np.float32)


@dataclass(frozen=True)
class ShareUpTo:
    """Shares of the full 16-bit scale, 0 to `full` as −1 to 1, (1, size, size).

    Attributes:
        full: the share that becomes 1.
        clipped: whether larger ones become 1 too.
    """

    full: float
    clipped: bool = False

    def __call__(self, values: Stored, size: int) -> Floats:
        """The target of a stored picture."""
        return mapped(values, size, self.of_stored)[None]

    def of_stored(self, values: Floats) -> Floats:
        """The formula for stored numbers."""
        share = values / np.float32(_FULL_SCALE * self.full)
        return np.asarray(2 * (np.minimum(share, 1) if self.clipped else share) - 1)


_OCCLUSION = ShareUpTo(0.00625)


def occlusion_edges(values: Stored, size: int) -> Floats:
    """0 to 0.00625 of the full scale as −1 to 1, not clipped, blurred; (1, size, size)."""
    edges = _OCCLUSION(values, size)[0]
    return np.asarray(ndimage.gaussian_filter(edges, OCCLUSION_BLUR_PIXELS, mode="nearest"), np.float32)[None]


def log_depth(values: Stored, size: int) -> Floats:
    """log(1 + v) / log(2^16) of units of 1/512 m, (1, size, size)."""
    return mapped(nearest(values, size), size, _logarithm)[None]


def _logarithm(units: Floats) -> Floats:
    return np.asarray(np.log1p(units.astype(np.float64)) / np.log(2.0**16), np.float32)


def normals(values: Stored, size: int) -> Floats:
    """Unit normals from 127-centred colours, −1 to 1, (3, size, size)."""
    return mapped(values, size, _centred)


def _centred(values: Floats) -> Floats:
    return np.asarray(np.clip((values - 127) / 127, -1, 1))


def curvature(values: Stored, size: int) -> Floats:
    """The two principal curvatures, standardised, (2, size, size)."""
    both = (smooth(values, size)[..., :2] - CURVATURE_MEAN) / CURVATURE_STD
    return np.ascontiguousarray(both.transpose(2, 0, 1), np.float32)


def grey(values: Stored, size: int) -> Floats:
    """A grey picture, −1 to 1, (1, size, size)."""
    plane = smooth(values, size)
    plane = plane.mean(axis=-1) if plane.ndim == 3 else plane
    return np.asarray(plane / np.float32(127.5) - 1, np.float32)[None]


def ids(values: Stored, size: int) -> npt.NDArray[np.int64]:
    """Segment ids, (size, size)."""
    return nearest(values, size).astype(np.int64)


def read_semantic(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Semantic ids 1 (background) to 17 as classes 0 to 16; id 0 (uncertain) does not count."""
    stored = ids(views[0]["segment_semantic"], size)
    mask = (stored > 0).astype(np.float32)
    return Example(colour_input(views[0]["rgb"], size)[None], np.maximum(stored - 1, 0), mask)
