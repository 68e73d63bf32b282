"""Corners and blobs of an image: SURF's response before its maxima are picked."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.data.annotate.edges import Bytes, Floats, Words, full_scale
from lightning_taskonomy.data.annotate.resolution import share_of_original

SIGMAS_PIXELS = np.linspace(1.0, 30.0, 10)
"""Scales of the filters, in an image of 512 pixels per side."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_RELATIVE_WEIGHT = 0.81
"""Weight of the mixed derivative, whose box filter differs from a Gaussian in another way."""

Sums = npt.NDArray[np.float64]


def keypoints2d(rgb: Bytes) -> Words:
    """Largest determinant of the Hessian over ten scales of an image (H, W, 3), 16-bit, (H, W).

    The box-filter determinant of Bay et al. (SURF, 2008) with the filter sizes and borders of scikit-image's
    `blob_doh`, negative values clipped. Filters whose size is not a multiple of three also respond to
    brightness alone: a white wall has 0.0014 of the full scale. The task's decoding clips at 0.005.

    An image below 512 pixels per side is enlarged first and the response averaged back, as the smallest
    filters have no smaller counterpart.
    """
    grey = rgb.astype(np.float32) @ (_GREY / np.float32(255))
    share = share_of_original(grey.shape)
    if share < 1:
        size = (round(grey.shape[0] / share), round(grey.shape[1] / share))
        enlarged = _resized(grey, size, Image.Resampling.BILINEAR)
        response = _resized(_response(enlarged, 1.0), grey.shape, Image.Resampling.BOX)
    else:
        response = _response(grey, share)
    return full_scale(response)


def _response(grey: Floats, scale: float) -> Floats:
    response = np.zeros(grey.shape, np.float32)
    sums = _summed(grey)
    for sigma in SIGMAS_PIXELS:
        _raise_to_determinant(sums, int(3 * sigma * scale), response)
    return response


def _resized(image: Floats, size: tuple[int, ...], how: Image.Resampling) -> Floats:
    height, width = size
    return np.asarray(Image.fromarray(image).resize((width, height), how), np.float32)


@compiled
def _summed(image: Floats) -> Sums:
    """Integral image: sums over all pixels above and to the left of each pixel, including itself."""
    height, width = image.shape
    sums, below = np.empty((height, width)), np.zeros(width)
    for row in range(height):
        total = 0.0
        for column in range(width):
            below[column] += image[row, column]
            total += below[column]
            sums[row, column] = total
    return sums


@compiled
def _add_box(
    sums: Sums, top: int, height: int, left: int, width: int, weight: float, row: npt.NDArray[np.float64]
) -> None:
    """Add weighted sums over boxes to a row; each pixel's box begins `left` columns from it.

    As in scikit-image, a box's near corner is clipped to the image first, then its far end.
    """
    last_row, last = sums.shape[0] - 1, sums.shape[1] - 1
    top = min(max(top, 0), last_row)
    upper, lower = sums[top], sums[min(top + height, last_row)]
    inner_start, inner_end = max(-left, 0), max(min(last + 1, last + 1 - left - width), max(-left, 0))
    for column in range(inner_start):
        far = min(width, last)
        row[column] += weight * (lower[far] - lower[0] - upper[far] + upper[0])
    # Slices have no negative indices, so the compiler can add several pixels at once.
    count = inner_end - inner_start
    near, far = inner_start + left, inner_start + left + width
    upper_near, upper_far = upper[near : near + count], upper[far : far + count]
    lower_near, lower_far = lower[near : near + count], lower[far : far + count]
    inner = row[inner_start:inner_end]
    for k in range(count):
        inner[k] += weight * (lower_far[k] - lower_near[k] - upper_far[k] + upper_near[k])
    for column in range(inner_end, last + 1):
        near = min(max(column + left, 0), last)
        far = min(near + width, last)
        row[column] += weight * (lower[far] - lower[near] - upper[far] + upper[near])


@compiled
def _raise_to_determinant(sums: Sums, size: int, response: Floats) -> None:
    """Raise `response` to the normalised determinant at one filter size, where that is higher."""
    lobe, half = size // 3, (size - 1) // 2
    wide = 2 * lobe - 1
    area = 1.0 / (size * size)
    across, down, mixed = np.empty(sums.shape[1]), np.empty(sums.shape[1]), np.empty(sums.shape[1])
    for y in range(sums.shape[0]):
        across[:], down[:], mixed[:] = 0.0, 0.0, 0.0
        _add_box(sums, y - lobe + 1, wide, -half, size, area, across)
        _add_box(sums, y - lobe + 1, wide, -(lobe // 2), lobe, -3 * area, across)
        _add_box(sums, y - half, size, 1 - lobe, wide, area, down)
        _add_box(sums, y - lobe // 2, lobe, 1 - lobe, wide, -3 * area, down)
        _add_box(sums, y - lobe, lobe, -lobe, lobe, area, mixed)
        _add_box(sums, y + 1, lobe, 1, lobe, area, mixed)
        _add_box(sums, y - lobe, lobe, 1, lobe, -area, mixed)
        _add_box(sums, y + 1, lobe, -lobe, lobe, -area, mixed)
        for x in range(sums.shape[1]):
            determinant = across[x] * down[x] - _RELATIVE_WEIGHT * mixed[x] * mixed[x]
            response[y, x] = max(response[y, x], np.float32(determinant))
