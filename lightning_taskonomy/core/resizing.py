"""Resizing images and labels: the same way for packing and for reading."""

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]
Resampling = Literal["values", "depth", "ids"]
"""How new pixels are computed: averages, averages of logarithms, or the nearest original pixel."""

DEPTH_INVALID_FROM = 64_500
"""Depths from this value on, in units of 1/512 m, mean that there is no surface."""
_NO_SURFACE = 65_535
_LEAST_SURFACE = 0.99
"""The fraction of a pixel that must be surface, as in the published pipeline."""


def central_square(values: Picture) -> Picture:
    """The largest central square of an image; its aspect ratio is not changed."""
    height, width = values.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return values[top : top + side, left : left + side]


def resized(values: Picture, size: int, resampling: Resampling = "values") -> Picture:
    """Resize the largest central square of an image or label to (size, size) or (size, size, C).

    Both packing shards and reading labels use this function. So a label packed at a size reads the same as
    the original read at that size, up to the rounding of the stored type. Downsampling averages over areas,
    with pixels on their borders weighted by overlap; upsampling is bilinear.

    Args:
        values: (H, W) or (H, W, C), of any type.
        size: pixels per side.
        resampling: `values` are averaged. For `depth`, log(1 + v) is averaged, as Taskonomy's networks learn
            it, over the surface alone; where surface covers less than 0.99 of a pixel, the result is 65,535,
            no surface. `ids` keep their type and are never mixed: the pixel in the middle is taken.

    Returns:
        The values unchanged where the size is the same; averages are float32 in stored units, not rounded.
    """
    values = central_square(values)
    if values.shape[:2] == (size, size):
        return values
    if resampling == "ids":
        rows, columns = (_centres(side, size) for side in values.shape[:2])
        return np.asarray(values[rows[:, None], columns[None, :]])
    return _averaged_depth(values, size) if resampling == "depth" else _averaged(values, size)


def surface_mask(depth: Picture, size: int) -> npt.NDArray[np.bool_]:
    """True where surface covers at least 0.99 of the pixel, (size, size).

    The latest mask is cached, because several tasks of a view need the same mask one after another.
    """
    global _latest_mask
    if _latest_mask is None or _latest_mask[0] is not depth or _latest_mask[1] != size:
        known = central_square(depth) < DEPTH_INVALID_FROM
        if known.shape != (size, size):
            known = _averaged(known, size) >= _LEAST_SURFACE
        _latest_mask = depth, size, np.asarray(known)
    return _latest_mask[2]


_latest_mask: tuple[Picture, int, npt.NDArray[np.bool_]] | None = None


def _averaged(values: Picture, size: int) -> Floats:
    side = len(values)
    if side % size == 0:
        return _block_means(values, side // size)
    if side > size:
        bands = _area_means(values, size)
        return np.ascontiguousarray(_area_means(bands.swapaxes(0, 1), size).swapaxes(0, 1))
    values = np.asarray(values, np.float32)
    planes = values[..., None] if values.ndim == 2 else values
    images = [Image.fromarray(np.ascontiguousarray(planes[..., n])) for n in range(planes.shape[2])]
    enlarged = [np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in images]
    return np.stack(enlarged, axis=-1) if values.ndim == 3 else enlarged[0]


def _block_means(values: Picture, factor: int) -> Floats:
    """Means over squares of factor × factor pixels; several times faster than `_area_means`."""
    rows = values[::factor].astype(np.float32)
    for row in range(1, factor):
        rows += values[row::factor]
    blocks = rows.reshape(len(rows), -1, factor, *values.shape[2:])
    means = blocks[:, :, 0].copy()
    for column in range(1, factor):
        means += blocks[:, :, column]
    means /= factor * factor
    return means


def _area_means(values: Picture, size: int) -> Floats:
    """Means over bands of rows of equal height, (size, …); rows on a border are weighted by overlap."""
    height = len(values) / size
    means = np.empty((size, *values.shape[1:]), np.float32)
    for row in range(size):
        start, end = row * height, min((row + 1) * height, len(values))
        covered = np.arange(int(start), math.ceil(end))
        weights = (np.minimum(covered + 1, end) - np.maximum(covered, start)) / height
        means[row] = np.tensordot(weights.astype(np.float32), values[covered[0] : covered[-1] + 1], 1)
    return means


def _averaged_depth(depth: Picture, size: int) -> Floats:
    logarithms = np.log1p(depth, dtype=np.float32)
    known = depth < DEPTH_INVALID_FROM
    if known.all():
        return np.expm1(_averaged(logarithms, size))
    surface = _averaged(known, size)
    mean = _averaged(np.where(known, logarithms, np.float32(0)), size) / np.maximum(surface, _LEAST_SURFACE)
    return np.where(surface >= _LEAST_SURFACE, np.expm1(mean), np.float32(_NO_SURFACE))


def _centres(side: int, size: int) -> npt.NDArray[np.int64]:
    return np.minimum(((np.arange(size) + 0.5) * side / size).astype(np.int64), side - 1)
