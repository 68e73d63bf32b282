"""Ordinal normalisation by the analytic hierarchy process (step III): win rates to affinities."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP = 0.001
"""Win rates are kept this far from 0 and 1, so that their ratio stays finite."""
BETA = 20.0
"""β of the distance shown in the paper's affinity matrices."""
_SETTLED = 1e-14
_POWER_STEPS = 300
_NODA_STEPS = 50
_NEAR = 1e-5
_STEPS_OF_MANY = 100


def affinities(win_rates: Floats) -> Floats:
    """The principal eigenvector of the clipped ratios W / Wᵀ, normalised to sum to 1, (n,).

    The matrix is positive, so by Perron and Frobenius the vector is unique and positive. Power iteration
    finds it in a few steps for contenders that can be ranked. Cycles (a beats b beats c beats a) make it
    slow; Noda's iteration, inverse iteration with a shift from above, then takes over and converges
    quadratically.

    Args:
        win_rates: W, (n, n): the fraction of images on which i has a lower loss than j; a tie counts half.
    """
    clipped = np.clip(win_rates, CLIP, 1 - CLIP)
    ratios = clipped / clipped.T
    vector: Floats = np.full(len(ratios), 1 / len(ratios))
    for _ in range(_POWER_STEPS):
        following = ratios @ vector
        following /= following.sum()
        settled = np.abs(following - vector).max() <= _SETTLED * vector.max()
        vector = following
        if settled:
            return vector
    return _noda(ratios, vector)


def affinities_of_many(win_rates: NDArray[np.float32], start: Floats) -> Floats:
    """The affinities of many tournaments among the same contenders, to five digits, (B, n).

    Power iteration runs on all of them together in single precision; the few that do not converge are
    solved one by one.

    Args:
        win_rates: of every tournament, (B, n, n).
        start: affinities to start from, such as those of a similar tournament, (n,).
    """
    ratios = np.clip(win_rates, np.float32(CLIP), np.float32(1 - CLIP))
    ratios /= ratios.swapaxes(1, 2).copy()
    vectors = np.tile(start.astype(np.float32), (len(ratios), 1))
    for _ in range(_STEPS_OF_MANY):
        following = np.matmul(ratios, vectors[:, :, None])[:, :, 0]
        following /= following.sum(axis=1, keepdims=True)
        moving = (np.abs(following - vectors) > _NEAR * following).any(axis=1)
        vectors = following
        if not moving.any():
            break
    found = vectors.astype(np.float64)
    for place in np.flatnonzero(moving):
        found[place] = affinities(win_rates[place].astype(np.float64))
    return found


def _noda(ratios: Floats, vector: Floats) -> Floats:
    """Continue from a positive vector; the shift, max (Rx)_i / x_i, falls to the largest eigenvalue."""
    identity = np.eye(len(ratios))
    for _ in range(_NODA_STEPS):
        growth = (ratios @ vector) / vector
        if growth.max() - growth.min() <= _SETTLED * growth.max():
            break
        # Slightly above the eigenvalue, so that the system stays regular at convergence.
        shift = growth.max() * (1 + 1e-15)
        following = np.linalg.solve(shift * identity - ratios, vector)
        following = np.abs(following / following.sum())
        settled = np.abs(following - vector).max() <= _SETTLED * vector.max()
        vector = following
        if settled:
            break
    return vector


def rescaled(losses: Floats) -> Floats:
    """The naive alternative of Fig. 7: mean losses of one target mapped to [0, 1], the lowest to 1.

    Args:
        losses: mean loss of each contender, (n,).
    """
    lowest, highest = losses.min(), losses.max()
    if highest == lowest:
        return np.ones_like(losses)
    return np.asarray((highest - losses) / (highest - lowest))


def distance(affinity: Floats, beta: float = BETA) -> Floats:
    """The distance exp(−βP), elementwise: 1 for zero affinity, falling towards 0 as affinity grows."""
    return np.asarray(np.exp(-beta * affinity))
