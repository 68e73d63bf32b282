"""Normalised cuts (Shi and Malik 2000) on the adjacency graph of some tens of regions.

Written for this size: a dense matrix of regions is cut in milliseconds, where general graph libraries take
half a second, most of a rendered view's time.
"""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SIMILARITY_SCALE = 255.0
_SELF_WEIGHT = 2.0


def normalised_cuts(labels: Integers, features: Floats, threshold: float, cuts: int) -> Integers:
    """Join regions that no cheap cut separates; ids from 0, (H, W).

    Adjacent regions are similar by exp(−d² / 255), d being the distance of their mean features. As in
    scikit-image's `cut_normalized`, what is left of two regions stays together, however different they are.

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
        side = _best_cut(similarity[np.ix_(members, members)], threshold, cuts)
        if side is None:
            groups[members] = found
            found += 1
        else:
            waiting += [members[side], members[~side]]
    return np.asarray(groups[labels], np.int64)


def _similarity(labels: Integers, features: Floats) -> Floats:
    """Weights of the adjacency graph, regions being their own neighbours by `_SELF_WEIGHT`, (N, N)."""
    count = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel(), minlength=count)
    channels = features.reshape(-1, features.shape[-1]).T
    means = np.stack([np.bincount(labels.ravel(), channel, count) / sizes for channel in channels], axis=-1)
    touching = np.zeros((count, count), np.bool_)
    touching[labels[1:], labels[:-1]] = True
    touching[labels[:, 1:], labels[:, :-1]] = True
    touching[labels[1:, 1:], labels[:-1, :-1]] = True
    touching[labels[1:, :-1], labels[:-1, 1:]] = True
    touching |= touching.T
    squares = ((means[:, None] - means[None]) ** 2).sum(axis=-1)
    similarity = np.where(touching, np.exp(-squares / _SIMILARITY_SCALE), 0.0)
    np.fill_diagonal(similarity, _SELF_WEIGHT)
    return similarity


def _best_cut(similarity: Floats, threshold: float, cuts: int) -> npt.NDArray[np.bool_] | None:
    """The side of each region in the cheapest cut along the second eigenvector; None if none is cheap."""
    if len(similarity) <= 2:
        return None
    degree = similarity.sum(axis=1)
    root = np.sqrt(degree)
    _, vectors = np.linalg.eigh(np.eye(len(degree)) - similarity / np.outer(root, root))
    second = vectors[:, 1]
    if np.ptp(second) < 1e-9:
        return None
    sides = second > np.linspace(second.min(), second.max(), cuts, endpoint=False)[:, None]
    across = np.einsum("ci,ij,cj->c", sides.astype(float), similarity, (~sides).astype(float))
    inside = sides @ degree
    cost = across / inside + across / (degree.sum() - inside)
    best = int(np.argmin(cost))
    return sides[best] if cost[best] < threshold else None
