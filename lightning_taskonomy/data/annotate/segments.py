"""Regions without labels: Felzenszwalb's segments, joined by normalised cuts on their graph."""

import numpy as np

from lightning_taskonomy.data.annotate.edges import Bytes, Floats, Words, finite
from lightning_taskonomy.data.annotate.felzenszwalb import felzenszwalb
from lightning_taskonomy.data.annotate.normalised_cuts import Integers, normalised_cuts

_SCALE, _SIGMA = 200.0, 3.0
_LEAST_PIXELS = 64
_MOST_SEGMENTS = 255
_PICTURE_THRESHOLD, _PICTURE_CUTS = 0.005, 10
_SURFACE_THRESHOLD, _SURFACE_CUTS = 1.0, 100
_DEPTH_WEIGHT, _NORMAL_WEIGHT, _EDGE_WEIGHT = 2.0, 1.0, 10.0
_EDGE_SCALE = 0.00625
"""The share of the full 16-bit scale at which the occlusion task's decoding ends."""


def segment_unsup2d(rgb: Bytes) -> Bytes:
    """Segments of a picture (H, W, 3) by colour: 8-bit ids, (H, W)."""
    return _segments(rgb.astype(np.float32) / 255.0, _PICTURE_THRESHOLD, _PICTURE_CUTS)


def segment_unsup25d(depth_m: Floats, normals: Floats, occlusion: Words) -> Bytes:
    """Segments of a view by its geometry: 8-bit ids, (H, W).

    Args:
        depth_m: z-depth in metres, infinite without a surface, (H, W).
        normals: unit normals, (H, W, 3).
        occlusion: the occlusion edges of the view, 16-bit, (H, W).
    """
    depth = finite(depth_m)
    depth = depth / max(float(depth.max()), 1e-6)
    edges = np.minimum(occlusion / (65535 * _EDGE_SCALE), 1.0)
    features = np.dstack([_DEPTH_WEIGHT * depth, 0.5 * _NORMAL_WEIGHT * normals, 0.1 * _EDGE_WEIGHT * edges])
    return _segments(features.astype(np.float32), _SURFACE_THRESHOLD, _SURFACE_CUTS)


def _segments(features: Floats, threshold: float, cuts: int) -> Bytes:
    """Segments of features, (H, W, C), of which each goes from 0 to about 1."""
    least = _LEAST_PIXELS
    while True:
        labels: Integers = felzenszwalb(features, _SCALE, _SIGMA, least).astype(np.int64)
        if labels.max() < _MOST_SEGMENTS:
            break
        least *= 2  # so many small segments would not fit into a byte
    return normalised_cuts(labels, 255.0 * features.astype(np.float64), threshold, cuts).astype(np.uint8)
