"""Regions without labels: Felzenszwalb's segments, joined by normalised cuts on their graph."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.data.annotate.edges import Bytes, Floats, Words
from lightning_taskonomy.data.annotate.felzenszwalb import felzenszwalb
from lightning_taskonomy.data.annotate.normalised_cuts import Integers, normalised_cuts
from lightning_taskonomy.data.annotate.resolution import share_of_original
from lightning_taskonomy.data.domains import DEPTH_INVALID

_SCALE = 200.0
_MOST_SEGMENTS = 255
_PICTURE_SIGMA, _PICTURE_LEAST_PIXELS = 3.0, 64
_PICTURE_THRESHOLD, _PICTURE_CUTS = 0.005, 10
_DEPTH_SIGMA, _NORMAL_SIGMA, _SURFACE_LEAST_PIXELS = 1.0, 2.0, 200
_SURFACE_THRESHOLD, _SURFACE_CUTS = 1.0, 100
_DEPTH_WEIGHT, _NORMAL_WEIGHT, _EDGE_WEIGHT = 2.0, 1.0, 10.0


def segment_unsup2d(rgb: Bytes) -> Bytes:
    """Segments of an image (H, W, 3) by colour: 8-bit ids, (H, W)."""
    colours = rgb.astype(np.float32) / 255.0
    labels = _few(colours, _PICTURE_SIGMA * share_of_original(rgb.shape), _PICTURE_LEAST_PIXELS)
    return normalised_cuts(labels, rgb.astype(np.float64), _PICTURE_THRESHOLD, _PICTURE_CUTS).astype(np.uint8)


def segment_unsup25d(depth: Words, normals: Bytes, occlusion: Words) -> Bytes:
    """Segments of a view by its geometry: 8-bit ids, (H, W).

    The features are the logarithm of the stored depth, smoothed by 1 pixel at 512 pixels per side, the
    normals, smoothed by 2, and the occlusion edges, each from 0 to about 1 and multiplied by its weight. On
    this scale all regions are similar: the cuts divide the graph by how regions touch rather than by how they
    differ.

    Args:
        depth: the stored z-depth in 1/512 m, (H, W).
        normals: the stored normals, (H, W, 3).
        occlusion: the stored occlusion edges, (H, W).
    """
    share = share_of_original(depth.shape)
    seen = depth != DEPTH_INVALID
    far = np.log(np.maximum(depth, 1).astype(np.float32)) / np.float32(16)
    features = np.dstack(
        [
            _DEPTH_WEIGHT * _smooth_where(seen, far[..., None], _DEPTH_SIGMA * share),
            _NORMAL_WEIGHT * _smooth_where(seen, normals / np.float32(255), _NORMAL_SIGMA * share),
            _EDGE_WEIGHT / 255**2 * occlusion,
        ]
    ).astype(np.float32)
    labels = _few(features, 0.0, round(_SURFACE_LEAST_PIXELS * share))
    return normalised_cuts(labels, features.astype(np.float64), _SURFACE_THRESHOLD, _SURFACE_CUTS).astype(
        np.uint8
    )


def _few(features: Floats, sigma: float, least: int) -> Integers:
    """Felzenszwalb's segments, few enough for a byte, (H, W)."""
    least = max(least, 1)
    while True:
        labels = felzenszwalb(features, _SCALE, sigma, least).astype(np.int64)
        if labels.max() < _MOST_SEGMENTS:
            return labels
        least *= 2


def _smooth_where(mask: npt.NDArray[np.bool_], image: npt.NDArray[np.floating[Any]], sigma: float) -> Floats:
    """Gaussian means over the pixels of the mask, (H, W, C)."""
    part = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="constant")
    smooth = ndimage.gaussian_filter(image * mask[..., None], (sigma, sigma, 0), mode="constant")
    return np.asarray(smooth / np.maximum(part, np.float32(1e-6))[..., None], np.float32)
