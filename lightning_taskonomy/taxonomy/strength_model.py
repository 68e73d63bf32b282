"""Posterior draws of unmeasured affinities, from a low-rank model of log affinities.

The logarithm of an affinity is modelled as m + a_t + b_s + u_t · v_s + noise: targets differ in how much any
source helps them, sources in how much they help any target, and a few latent factors of both determine which
source helps which target. All are drawn from their posterior by Gibbs sampling, given the measurements
(Bayesian probabilistic matrix factorisation, Salakhutdinov and Mnih, ICML 2008). Every draw includes the
noise, the part specific to a pair, which only measuring that pair can reveal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

RANK = 3
_BURNT, _THINNED = 60, 4
"""Burn-in sweeps, and sweeps from one draw to the next."""
_SHAPE = 2.0
"""Shape of the inverse-gamma priors on variances: as strong as four observations."""
_NOISE, _TARGETS, _SOURCES, _HIDDEN = 0.2, 1.0, 0.5, 0.4
"""Prior standard deviations: of noise, target effects, source effects and latent factors."""


@dataclass(frozen=True)
class Draws:
    """Posterior draws.

    Attributes:
        values: log affinities; measured entries keep their measured values, (draws, T, C).
        noise: standard deviation of the pair-specific part, (draws,).
    """

    values: Floats
    noise: Floats


def draw_strengths(
    measured: Floats, draws: int, rng: np.random.Generator, estimates: Floats | None = None
) -> Draws:
    """Draw complete matrices of log affinities, given some of their entries.

    Args:
        measured: log affinities of targets and contenders, (T, C); NaN where not measured.
        draws: the number of draws.
        rng: the random generator.
        estimates: of every entry, in any unit, (T, C): how well they predict the measurements is learned.
    """
    known = ~np.isnan(measured)
    values = np.where(known, measured, 0.0)
    state = _State.start(known, values, rng, estimates)
    found, noise = [], []
    for sweep in range(_BURNT + draws * _THINNED):
        state.sweep()
        if sweep >= _BURNT and (sweep - _BURNT) % _THINNED == 0:
            scale = float(np.sqrt(state.noise))
            guess = state.mean() + scale * rng.standard_normal(known.shape)
            found.append(np.where(known, measured, guess))
            noise.append(scale)
    return Draws(np.array(found), np.array(noise))


class _State:
    """One state of the Gibbs sampler."""

    def __init__(self, known: Booleans, values: Floats, rng: np.random.Generator, features: Floats) -> None:
        self.known, self.values, self.rng, self.features = known, values, rng, features
        targets, contenders = known.shape
        self.noise, self.of_targets, self.of_sources, self.of_hidden = (
            _NOISE**2, _TARGETS**2, _SOURCES**2, _HIDDEN**2,
        )  # fmt: skip
        self.level = float(values[known].mean()) if known.any() else 0.0
        self.target = np.zeros(targets)
        self.source = np.zeros(contenders)
        self.slope = 0.0
        self.left = 0.1 * rng.standard_normal((targets, RANK))
        self.right = rng.standard_normal((contenders, RANK))

    @classmethod
    def start(
        cls, known: Booleans, values: Floats, rng: np.random.Generator, estimates: Floats | None
    ) -> "_State":
        features = np.zeros(known.shape)
        if estimates is not None and np.isfinite(estimates).any():
            usable = np.isfinite(estimates)
            spread = float(estimates[usable].std()) or 1.0
            features = np.where(usable, (estimates - estimates[usable].mean()) / spread, 0.0)
        return cls(known, values, rng, features)

    def mean(self) -> Floats:
        """The mean of every entry, without noise, (T, C)."""
        effects = self.level + self.target[:, None] + self.source + self.slope * self.features
        return np.asarray(effects + self.left @ self.right.T)

    def sweep(self) -> None:
        """Draw every parameter given the others."""
        known = self.known
        rest = np.where(known, self.values - self.mean(), 0.0)
        count = int(known.sum())

        rest += np.where(known, self.level, 0.0)
        precision = count / self.noise + 1e-2
        self.level = float(self.rng.normal(rest.sum() / self.noise / precision, precision**-0.5))
        rest -= np.where(known, self.level, 0.0)

        rest += np.where(known, self.target[:, None], 0.0)
        self.target = self._effects(rest.sum(axis=1), known.sum(axis=1), self.of_targets)
        rest -= np.where(known, self.target[:, None], 0.0)

        rest += np.where(known, self.source, 0.0)
        self.source = self._effects(rest.sum(axis=0), known.sum(axis=0), self.of_sources)
        rest -= np.where(known, self.source, 0.0)

        if self.features.any():
            rest += np.where(known, self.slope * self.features, 0.0)
            seen = np.where(known, self.features, 0.0)
            precision = float((seen**2).sum()) / self.noise + 4.0
            self.slope = float(self.rng.normal((seen * rest).sum() / self.noise / precision, precision**-0.5))
            rest -= np.where(known, self.slope * self.features, 0.0)

        rest += np.where(known, self.left @ self.right.T, 0.0)
        self.left = self._factors(rest, known, self.right, self.of_hidden)
        self.right = self._factors(rest.T, known.T, self.left, 1.0)
        rest -= np.where(known, self.left @ self.right.T, 0.0)

        self.noise = self._variance(rest[known], _NOISE)
        self.of_targets = self._variance(self.target, _TARGETS)
        self.of_sources = self._variance(self.source, _SOURCES)
        self.of_hidden = self._variance(self.left.ravel(), _HIDDEN)

    def _effects(self, sums: Floats, counts: NDArray[np.int64], variance: float) -> Floats:
        precision = counts / self.noise + 1 / variance
        return np.asarray(self.rng.normal(sums / self.noise / precision, precision**-0.5))

    def _factors(self, rest: Floats, known: Booleans, other: Floats, variance: float) -> Floats:
        """Factors of the rows, given those of the columns, (rows, rank)."""
        outer = other[:, :, None] * other[:, None, :]
        precision = np.einsum("rc,cij->rij", known.astype(np.float64), outer) / self.noise
        precision += np.eye(RANK) / variance
        pull = (rest @ other) / self.noise
        lower = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, pull[:, :, None])[:, :, 0]
        luck = np.linalg.solve(lower.transpose(0, 2, 1), self.rng.standard_normal((len(rest), RANK, 1)))
        return np.asarray(mean + luck[:, :, 0])

    def _variance(self, values: Floats, expected: float) -> float:
        shape = _SHAPE + len(values) / 2
        scale = (_SHAPE + 1) * expected**2 * 0.5 + float((values**2).sum()) / 2
        return float(scale / self.rng.gamma(shape))
