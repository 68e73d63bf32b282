"""Normalised cuts (Shi and Malik 2000) on the adjacency graph of a few dozen regions.

Written for this size: a dense matrix of regions is cut in milliseconds, where general graph libraries take
half a second, most of a rendered view's time.
"""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SIMILARITY_SCALE = 255.0
_SELF_WEIGHT = 2.0


def normalised_cuts(labels: Integers, features: Floats, threshold: float, cuts: int) -> Integers:
    """Join regions that no cheap cut separates; ids from 0, (H, W).

    Adjacent regions are similar by exp(−d² / 255), d being the distance of their mean features. As in
    scikit-image's `cut_normalized`, a group of two regions stays together, however different they are.

    Args:
        labels: ids of the regions from 0, (H, W).
        features: of the pixels, (H, W, C).
        threshold: a group is cut in two while the cost of the best cut is below.
        cuts: how many thresholds of the second eigenvector are tried.
    """
    similarity = _similarity(labels, features)
    groups = np.zeros(len(similarity), np.int64)
    waiting = [np.arange(len(similarity))]
    found = 0
    while waiting:
        members = waiting.pop()
        side = _best_cut(_among(similarity, members), threshold, cuts)
        if side is None:
            groups[members] = found
            found += 1
        else:
            waiting += [members[side], members[~side]]
    return groups[labels]


def _similarity(labels: Integers, features: Floats) -> Floats:
    """Weights of the adjacency graph, with `_SELF_WEIGHT` on the diagonal, (N, N)."""
    squares, touching = _differences(labels, features, int(labels.max()) + 1)
    similarity = np.where(touching, np.exp(-squares / _SIMILARITY_SCALE), 0.0)
    np.fill_diagonal(similarity, _SELF_WEIGHT)
    return similarity


@compiled
def _differences(labels: Integers, features: Floats, count: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Squared distances of the regions' mean features, and which regions touch, (N, N) both."""
    height, width, channels = features.shape
    means, sizes = np.zeros((count, channels)), np.zeros((count, 1))
    touching = np.zeros((count, count), np.bool_)
    for row in range(height):
        for column in range(width):
            region = labels[row, column]
            sizes[region, 0] += 1
            for channel in range(channels):
                means[region, channel] += features[row, column, channel]
            if row > 0:
                for other in range(max(column - 1, 0), min(column + 2, width)):
                    touching[region, labels[row - 1, other]] = True
            if column > 0:
                touching[region, labels[row, column - 1]] = True
    means /= sizes
    squares = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            touching[one, other] |= touching[other, one]
            for channel in range(channels):
                squares[one, other] += (means[one, channel] - means[other, channel]) ** 2
    return squares, touching


@compiled
def _among(similarity: Floats, members: Integers) -> Floats:
    """The similarities among some regions."""
    among = np.empty((len(members), len(members)))
    for one in range(len(members)):
        for other in range(len(members)):
            among[one, other] = similarity[members[one], members[other]]
    return among


def _best_cut(similarity: Floats, threshold: float, cuts: int) -> npt.NDArray[np.bool_] | None:
    """The side of each region in the cheapest cut along the second eigenvector; None if none is cheap."""
    if len(similarity) <= 2:
        return None
    degree = similarity.sum(axis=1)
    _, vectors = np.linalg.eigh(_laplacian(similarity, degree))
    second = vectors[:, 1]
    if np.ptp(second) < 1e-9:
        return None
    limit, cost = _cheapest_cut(similarity, degree, second, cuts)
    return np.asarray(second > limit) if cost < threshold else None


@compiled
def _laplacian(similarity: Floats, degree: Floats) -> Floats:
    """The normalised Laplacian: 1 - D^(-1/2) W D^(-1/2)."""
    root = np.sqrt(degree)
    laplacian = np.eye(len(degree))
    for one in range(len(degree)):
        for other in range(len(degree)):
            laplacian[one, other] -= similarity[one, other] / (root[one] * root[other])
    return laplacian


@compiled
def _cheapest_cut(similarity: Floats, degree: Floats, values: Floats, cuts: int) -> tuple[float, float]:
    """The threshold of the values that cuts the graph most cheaply, and the cost of the cut."""
    low, high, whole = values.min(), values.max(), degree.sum()
    step = (high - low) / cuts
    best, least, before = low, np.inf, -1
    for cut in range(cuts):
        limit = low + cut * step
        above = (values > limit).sum()
        if above == before:  # the same cut once more
            continue
        before = above
        across, inside = 0.0, 0.0
        for one in range(len(values)):
            if values[one] > limit:
                inside += degree[one]
                for other in range(len(values)):
                    if values[other] <= limit:
                        across += similarity[one, other]
        cost = across / inside + across / (whole - inside)
        if cost < least:
            best, least = limit, cost
    return best, least
