"""Edges without thinning: the gradient that Canny's detector would suppress its non-maxima in."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.data.domains import DEPTH_MAXIMUM_M

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]

TEXTURE_SIGMA_PIXELS = 2.5
_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)


def grey_of(rgb: Bytes) -> Floats:
    """Luminance of a picture (H, W, 3), 0 to 1, (H, W)."""
    return np.asarray(rgb.astype(np.float32) @ _LUMINANCE / 255.0, np.float32)


def edge_texture(rgb: Bytes) -> Words:
    """Strength of the edges of a picture (H, W, 3), 16-bit, (H, W).

    The Sobel gradient of the smoothed luminance; strong edges reach about 0.08 of the full scale, where the
    task's decoding clips.
    """
    smooth = ndimage.gaussian_filter(grey_of(rgb), TEXTURE_SIGMA_PIXELS, mode="nearest")
    return full_scale(gradient_size(smooth))


def edge_occlusion(distance_m: Floats) -> Words:
    """Strength of the jumps of a distance image (H, W) in metres, 16-bit, (H, W).

    The Sobel gradient of the distance as a share of the largest one that is stored (128 m): a jump by 0.8 m
    gives about 0.0045 of the full scale. Where there is no surface (infinity) the furthest one stands in.
    """
    return full_scale(gradient_size(np.float32(1 / DEPTH_MAXIMUM_M) * finite(distance_m)))


def finite(depth_m: Floats) -> Floats:
    """Depths in metres with the largest one where there is no surface; all zero where there is no other."""
    seen = np.isfinite(depth_m)
    furthest = depth_m[seen].max() if seen.any() else np.float32(0)
    return np.where(seen, depth_m, furthest).astype(np.float32)


def gradient_size(image: Floats) -> Floats:
    """Sobel's gradient magnitude, its kernels summing to 1 on either side, over √2; (H, W)."""
    rows = ndimage.sobel(image, axis=0, mode="nearest")
    columns = ndimage.sobel(image, axis=1, mode="nearest")
    return np.asarray(np.hypot(rows, columns) / np.float32(4 * np.sqrt(2)), np.float32)


def full_scale(share: Floats) -> Words:
    """Shares of 0 to 1 as 16-bit numbers; what is above 1 is cut."""
    return np.rint(np.clip(share, 0.0, 1.0) * 65535).astype(np.uint16)
