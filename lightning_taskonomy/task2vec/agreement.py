"""Taskonomy meets Task2Vec: do distances between embeddings foretell how well tasks transfer?

And if so, how much of the sweep over first-order transfers can be left out: for each target, only the nearest
sources are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.distances import Matrix
from lightning_taskonomy.taxonomy import Transfers

BEST = 5
"""Sources of a target that pruning should keep."""


@dataclass(frozen=True)
class PairedTables:
    """Distances and affinities of the same tasks.

    Attributes:
        targets: Of the transfers.
        sources: Of the transfers.
        distances: (sources, targets), from a source to a target; NaN from a task to itself.
        affinities: (sources, targets), NaN where no transfer was measured.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    distances: Matrix
    affinities: Matrix

    @classmethod
    def of(cls, transfers: Transfers, names: Sequence[str], distances: Matrix) -> "PairedTables":
        """Take what both have.

        Args:
            transfers: Their first-order ones count. Tasks may have other names there.
            names: Of the embedded tasks.
            distances: Among these, (from, to).

        Raises:
            InputError: fewer than three tasks are in both.
        """
        place = {name: number for number, name in enumerate(names)}
        transfers = transfers.with_names_of(names)
        rows = [row for row in transfers.candidates() if row.order == 1 and row.affinity is not None]
        rows = [row for row in rows if row.sources[0] in place and row.target in place and not row.is_self]
        targets = tuple(dict.fromkeys(row.target for row in rows))
        sources = tuple(dict.fromkeys(row.sources[0] for row in rows))
        if len(targets) < 3 or len(sources) < 3:
            found = f"found {len(targets)} targets and {len(sources)} sources"
            raise InputError(f"{transfers.origin}: expected 3 tasks or more with embeddings; {found}")
        affinities = np.full((len(sources), len(targets)), np.nan)
        for row in rows:
            affinities[sources.index(row.sources[0]), targets.index(row.target)] = row.affinity
        chosen = np.ix_([place[name] for name in sources], [place[name] for name in targets])
        own = np.array([[source == target for target in targets] for source in sources])
        return cls(targets, sources, np.where(own, np.nan, distances[chosen]), affinities)

    def spearman(self) -> float:
        """Mean over targets of the rank correlation of nearness with affinity over the sources.

        Affinities are comparable within a target only: they sum to 1 over its transfers.
        """
        return _agreement(self.distances, self.affinities)

    def mantel(self, permutations: int = 9999, seed: int = 0) -> float:
        """How often tasks with shuffled names agree as well (Mantel, 1967): the one-sided p-value.

        Names are shuffled among all tasks at once, so that rows and columns stay those of one task.
        """
        tasks = tuple(dict.fromkeys((*self.sources, *self.targets)))
        known = self._known(tasks)
        rows, columns = ([tasks.index(name) for name in names] for names in (self.sources, self.targets))
        generator = np.random.default_rng(seed)
        observed = self.spearman()
        as_good = 1
        for _ in range(permutations):
            order = generator.permutation(len(tasks))
            shuffled = known[np.ix_(order, order)][np.ix_(rows, columns)]
            as_good += _agreement(shuffled, self.affinities) >= observed - 1e-12
        return as_good / (permutations + 1)

    def _known(self, tasks: Sequence[str]) -> Matrix:
        """Distances among all tasks; where a direction is unknown, the other; where both are, the mean."""
        matrix = np.full((len(tasks), len(tasks)), np.nan)
        rows, columns = ([tasks.index(name) for name in names] for names in (self.sources, self.targets))
        matrix[np.ix_(rows, columns)] = self.distances
        matrix = np.where(np.isnan(matrix), matrix.T, matrix)
        apart = np.isnan(matrix) & ~np.eye(len(tasks), dtype=bool)
        return np.where(apart, np.nanmean(matrix), matrix)


@dataclass(frozen=True)
class Pruned:
    """What is kept of the first-order sweep when each target tries its nearest sources alone.

    Attributes:
        tried: Sources per target.
        share: Of the sweep's cost.
        kept: Mean share of a target's five best sources among those tried.
        best_kept: Share of targets whose best source is.
    """

    tried: int
    share: float
    kept: float
    best_kept: float


def pruned(tables: PairedTables) -> list[Pruned]:
    """The curve from one source per target to all of them. Trying sources at random keeps `share`."""
    measured = ~np.isnan(tables.affinities) & ~np.isnan(tables.distances)
    most = int(measured.sum(axis=0).max())
    total = int(measured.sum())
    curve = []
    for tried in range(1, most + 1):
        kept, best_kept, cost = [], [], 0
        for target in range(len(tables.targets)):
            rows = np.flatnonzero(measured[:, target])
            if not len(rows):
                continue
            nearest = rows[np.argsort(tables.distances[rows, target], kind="stable")][:tried]
            order = rows[np.argsort(-tables.affinities[rows, target], kind="stable")]
            kept.append(np.isin(order[:BEST], nearest).mean())
            best_kept.append(order[0] in nearest)
            cost += len(nearest)
        curve.append(Pruned(tried, cost / total, float(np.mean(kept)), float(np.mean(best_kept))))
    return curve


def _agreement(distances: Matrix, affinities: Matrix) -> float:
    """Mean over columns of the rank correlation of −distance and affinity, where both are known."""
    both = ~np.isnan(distances) & ~np.isnan(affinities)
    centred = []
    for values in (-distances, affinities):
        # What does not count ranks last and does not move the others.
        ranks = stats.rankdata(np.where(both, values, np.inf), axis=0)
        means = np.sum(ranks * both, axis=0) / np.maximum(both.sum(axis=0), 1)
        centred.append((ranks - means) * both)
    lengths = np.sqrt(np.square(centred[0]).sum(axis=0) * np.square(centred[1]).sum(axis=0))
    known = (lengths > 0) & (both.sum(axis=0) > 2)
    correlations = (centred[0] * centred[1]).sum(axis=0)[known] / lengths[known]
    return float(correlations.mean()) if len(correlations) else 0.0
