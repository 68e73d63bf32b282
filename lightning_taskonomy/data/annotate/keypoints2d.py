"""Where a picture has corners and blobs: SURF's response before its maxima are picked."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.data.annotate.edges import Bytes, Floats, Words, full_scale, grey_of
from lightning_taskonomy.data.compiled import compiled

_FILTER_SIZES = (9, 15, 21, 27)
"""SURF's first octave, in pixels."""
_RELATIVE_WEIGHT = np.float32(0.9)
"""Balances the mixed derivative against the others, whose box filters differ from Gaussians otherwise."""
_BLUR_PIXELS = 1.5


def keypoints2d(rgb: Bytes) -> Words:
    """SURF response of a picture (H, W, 3), 16-bit, (H, W).

    The determinant of the Hessian by box filters on an integral image (Bay et al. 2008), its largest value
    over the scales of the first octave, blurred. Corners reach about 0.005 of the full scale, where the
    task's decoding clips.
    """
    grey = grey_of(rgb)
    margin = max(_FILTER_SIZES) // 2 + 1
    padded = np.pad(grey, margin, mode="edge").astype(np.float64)
    sums = np.zeros((padded.shape[0] + 1, padded.shape[1] + 1))
    sums[1:, 1:] = padded.cumsum(axis=0).cumsum(axis=1)
    response = np.zeros(grey.shape, np.float32)
    for size in _FILTER_SIZES:
        _raise_to_determinant(sums, size, margin, response)
    return full_scale(ndimage.gaussian_filter(response, _BLUR_PIXELS, mode="nearest"))


@compiled
def _box(sums: npt.NDArray[np.float64], top: int, left: int, height: int, width: int) -> float:
    bottom, right = top + height, left + width
    total: float = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return total


@compiled
def _raise_to_determinant(sums: npt.NDArray[np.float64], size: int, margin: int, response: Floats) -> None:
    """Raise `response` to the normalised determinant at one filter size, where that is higher."""
    lobe = size // 3
    half = size // 2
    wide = 2 * lobe - 1
    area = 1.0 / (size * size)
    for row in range(response.shape[0]):
        for column in range(response.shape[1]):
            y, x = row + margin, column + margin
            across = _box(sums, y - lobe + 1, x - half, wide, size)
            across -= 3 * _box(sums, y - lobe + 1, x - lobe // 2, wide, lobe)
            down = _box(sums, y - half, x - lobe + 1, size, wide)
            down -= 3 * _box(sums, y - lobe // 2, x - lobe + 1, lobe, wide)
            mixed = _box(sums, y - lobe, x + 1, lobe, lobe) + _box(sums, y + 1, x - lobe, lobe, lobe)
            mixed -= _box(sums, y - lobe, x - lobe, lobe, lobe) + _box(sums, y + 1, x + 1, lobe, lobe)
            determinant = (across * down - (_RELATIVE_WEIGHT * mixed) ** 2) * area * area
            response[row, column] = max(response[row, column], np.float32(determinant))
