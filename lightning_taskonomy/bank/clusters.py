"""Segments from pixel embeddings, by clustering."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAME_UP_TO = math.log(3.0)
"""Squared distance at which 2 / (1 + exp(d²)), the probability of one segment, is one half."""
MOST_SEGMENTS = 32
_ROUNDS = 4
_SAMPLES = 4096


def segments_of(embedding: npt.NDArray[np.floating], most: int = MOST_SEGMENTS) -> npt.NDArray[np.int64]:
    """Segment ids, (H, W), of an embedding (D, H, W); the largest segment has id 0.

    DP-means (Kulis and Jordan, ICML 2012): a centre is added at a pixel so far from all centres that, by the
    network's loss, it more likely belongs to none of them; then each centre moves to the mean of its pixels.

    Args:
        embedding: a vector per pixel, on the scale of the network's own loss.
        most: largest number of segments.
    """
    vectors: Floats = np.asarray(embedding, np.float64).reshape(len(embedding), -1).T
    step = max(1, round(math.sqrt(len(vectors) / _SAMPLES)))
    height, width = embedding.shape[1:]
    picked = vectors.reshape(height, width, -1)[::step, ::step].reshape(-1, vectors.shape[1])
    centres = picked.mean(axis=0, keepdims=True)
    for _ in range(_ROUNDS):
        centres = _moved(picked, _with_new(picked, centres, most))
    nearest = _squared_distances(vectors, centres).argmin(axis=1)
    _, numbers, sizes = np.unique(nearest, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return rank[numbers].reshape(height, width)


def _with_new(vectors: Floats, centres: Floats, most: int) -> Floats:
    """Add centres at vectors that are too far from all of them, the farthest first."""
    distances = _squared_distances(vectors, centres).min(axis=1)
    while len(centres) < most and distances.max() > SAME_UP_TO:
        farthest = vectors[distances.argmax()][None]
        centres = np.concatenate([centres, farthest])
        distances = np.minimum(distances, _squared_distances(vectors, farthest)[:, 0])
    return centres


def _moved(vectors: Floats, centres: Floats) -> Floats:
    """Move each centre to the mean of the vectors nearest to it; drop those with none."""
    nearest = _squared_distances(vectors, centres).argmin(axis=1)
    return np.stack([vectors[nearest == number].mean(axis=0) for number in np.unique(nearest)])


def _squared_distances(vectors: Floats, centres: Floats) -> Floats:
    products = vectors @ centres.T
    squares = np.square(vectors).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)[None]
    distances: Floats = np.maximum(squares - 2 * products, 0.0)
    return distances
