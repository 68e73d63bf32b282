"""Pictures and labels at another size: one way for packing and for reading."""

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]
Resampling = Literal["values", "depth", "ids"]
"""What pixels are made of: averages, averages of logarithms, or one of those there were."""

DEPTH_INVALID_FROM = 64_500
"""Depths of so many units of 1/512 m, and larger ones, say that there is no surface."""
_NO_SURFACE = 65_535
_LEAST_SURFACE = 0.99
"""The share of a pixel that must be surface, as in the published pipeline."""


def central_square(values: Picture) -> Picture:
    """The largest square in the middle of a picture: its proportions stay as they are."""
    height, width = values.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return values[top : top + side, left : left + side]


def resized(values: Picture, size: int, resampling: Resampling = "values") -> Picture:
    """The largest central square of a picture or label at another size, (size, size) or (size, size, C).

    Shards are packed by this function and labels are read by it: what is packed and read at a size is what is
    read at it from the original, up to the rounding of the stored type. Smaller pictures are averages over
    areas, to which pixels on their borders belong in part; larger ones are interpolated linearly between the
    pixels' centres.

    Args:
        values: (H, W) or (H, W, C), of any type.
        size: pixels per side.
        resampling: `values` are averaged. Of `depth`, log(1 + v) is averaged, as Taskonomy's networks learn
            it; where less than 0.99 of a pixel is surface there is none (65,535), else
            the surface alone counts. `ids` keep their type and are never made up: the pixel in the middle is
            taken.

    Returns:
        The values as they are where the size stays; averages are float32 in stored units, not rounded.
    """
    values = central_square(values)
    if values.shape[:2] == (size, size):
        return values
    if resampling == "ids":
        rows, columns = (_centres(side, size) for side in values.shape[:2])
        return np.asarray(values[rows[:, None], columns[None, :]])
    return _averaged_depth(values, size) if resampling == "depth" else _averaged(values, size)


def surface_mask(depth: Picture, size: int) -> npt.NDArray[np.bool_]:
    """True where there is a surface, (size, size): under 0.99 of the pixel it does not count.

    Several tasks of one view ask for the same one after another, and get the same object.
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
    given = np.asarray(values, np.float32)
    planes = given[..., None] if given.ndim == 2 else given
    pictures = [Image.fromarray(np.ascontiguousarray(planes[..., n])) for n in range(planes.shape[2])]
    made = [np.asarray(one.resize((size, size), Image.Resampling.BILINEAR)) for one in pictures]
    return np.stack(made, axis=-1) if given.ndim == 3 else made[0]


def _block_means(values: Picture, factor: int) -> Floats:
    """Means over squares of factor × factor pixels; several times faster than areas in general."""
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
    """Means over bands of rows of equal height, (size, …); those on a border count in part."""
    height = len(values) / size
    means = np.empty((size, *values.shape[1:]), np.float32)
    for row in range(size):
        start, end = row * height, min((row + 1) * height, len(values))
        touched = np.arange(int(start), math.ceil(end))
        shares = (np.minimum(touched + 1, end) - np.maximum(touched, start)) / height
        means[row] = np.tensordot(shares.astype(np.float32), values[touched[0] : touched[-1] + 1], 1)
    return means


def _averaged_depth(depth: Picture, size: int) -> Floats:
    logarithms = np.log1p(depth, dtype=np.float32)
    known = depth < DEPTH_INVALID_FROM
    if known.all():
        return np.expm1(_averaged(logarithms, size))
    share = _averaged(known, size)
    mean = _averaged(np.where(known, logarithms, np.float32(0)), size) / np.maximum(share, _LEAST_SURFACE)
    return np.where(share >= _LEAST_SURFACE, np.expm1(mean), np.float32(_NO_SURFACE))


def _centres(given: int, wanted: int) -> npt.NDArray[np.int64]:
    return np.minimum(((np.arange(wanted) + 0.5) * given / wanted).astype(np.int64), given - 1)
