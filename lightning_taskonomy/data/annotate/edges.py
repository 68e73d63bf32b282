"""Edges without thinning: the Sobel gradient of the smoothed image, and of the depth."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.data.annotate.resolution import share_of_original
from lightning_taskonomy.data.domains import DEPTH_INVALID

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]

TEXTURE_SIGMA_PIXELS = 3.0
"""Of the Gaussian, in an image of 512 pixels per side."""
_SOBEL_VARIANCE = 1 / 3
"""Smoothing of the gradient by a difference over two pixels, pixels²."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def edge_texture(rgb: Bytes) -> Words:
    """Strength of the edges of an image (H, W, 3), 16-bit, (H, W).

    The Sobel gradient of the luminance, smoothed by a Gaussian of σ = 3 pixels at 512 pixels per side; strong
    edges reach 0.08 of the full scale, where the task's decoding clips, and the strongest one possible 0.19.
    Smoothing uses only pixels inside the image; its outermost pixels are zero.
    """
    share = share_of_original(rgb.shape)
    grey = rgb.astype(np.float32) @ (_LUMINANCE / np.float32(255))
    # In a smaller image the Sobel filter itself smooths more of the scene, so the Gaussian smooths less.
    variance = (TEXTURE_SIGMA_PIXELS**2 + _SOBEL_VARIANCE) * share**2 - _SOBEL_VARIANCE
    smooth = _smooth_inside(grey, max(variance, 0.0) ** 0.5)
    return full_scale(share * sobel(smooth, np.ones(smooth.shape, np.bool_)))


def edge_occlusion(depth: Words) -> Words:
    """Strength of the discontinuities of a stored z-depth (H, W) in 1/512 m, 16-bit, (H, W).

    The Sobel gradient of the square root of the depth, relative to that of the largest depth stored (128 m):
    a step from 2 m to 3 m gives 0.02 of the full scale at 512 pixels per side. Zero at and beside pixels
    without a surface, and at the image's outermost pixels.
    """
    root = np.asarray(np.sqrt(depth.astype(np.float32)) / 256, np.float32)
    return full_scale(share_of_original(depth.shape) * sobel(root, depth != DEPTH_INVALID))


def sobel(image: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    """Sobel's gradient magnitude, (H, W): the root mean square of both directions, each over two pixels.

    This is scikit-image's `filters.sobel`: zero where a pixel or one of its eight neighbours is outside the
    mask or the image.
    """
    rows, columns = ndimage.sobel(image, axis=0), ndimage.sobel(image, axis=1)
    inner = ndimage.binary_erosion(mask, np.ones((3, 3), np.bool_), border_value=0)
    return np.asarray(np.where(inner, np.hypot(rows, columns) / np.float32(4 * np.sqrt(2)), 0), np.float32)


def full_scale(values: Floats) -> Words:
    """Values from 0 to 1 as 16-bit integers; values outside are clipped."""
    return np.rint(np.clip(values, 0.0, 1.0) * 65535).astype(np.uint16)


def _smooth_inside(image: Floats, sigma: float) -> Floats:
    """Gaussian means over the pixels inside the image."""
    smooth = ndimage.gaussian_filter(image, sigma, mode="constant")
    down, across = (
        ndimage.gaussian_filter(np.ones(length, np.float32), sigma, mode="constant") for length in image.shape
    )
    return np.asarray(smooth / (down[:, None] * across), np.float32)
