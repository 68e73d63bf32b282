"""Taskonomy meets Task2Vec: do distances between embeddings predict how well tasks transfer?

If so, how much of the sweep over first-order transfers can be skipped by trying only the nearest sources of
each target?
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.distances import Matrix
from lightning_taskonomy.taxonomy import Transfers

BEST = 5
"""How many of a target's best sources pruning should keep."""


@dataclass(frozen=True)
class PairedTables:
    """Distances and affinities of the same tasks.

    Attributes:
        targets: Target tasks of the transfers.
        sources: Source tasks of the transfers.
        distances: From each source to each target, (sources, targets); NaN from a task to itself.
        affinities: (sources, targets), NaN where no transfer was measured.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    distances: Matrix
    affinities: Matrix

    @classmethod
    def of(cls, transfers: Transfers, names: Sequence[str], distances: Matrix) -> "PairedTables":
        """Pair the tasks that both tables contain.

        Args:
            transfers: Only first-order transfers are used. Tasks may go by their aliases.
            names: Names of the embedded tasks.
            distances: Distances among them, (from, to).

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
        same = np.array([[source == target for target in targets] for source in sources])
        return cls(targets, sources, np.where(same, np.nan, distances[chosen]), affinities)

    def spearman(self) -> float:
        """Rank correlation between nearness and affinity over a target's sources, averaged over targets.

        Affinities are comparable only within a target: they sum to 1 over its transfers.
        """
        return _agreement(self.distances, self.affinities)

    def mantel(self, permutations: int = 9999, seed: int = 0) -> float:
        """One-sided p-value of Mantel's test (1967): how often randomly renamed tasks agree as well.

        Rows and columns are permuted together, so that each task keeps its own row and column.
        """
        tasks = tuple(dict.fromkeys((*self.sources, *self.targets)))
        known = self._completed(tasks)
        rows, columns = ([tasks.index(name) for name in names] for names in (self.sources, self.targets))
        generator = np.random.default_rng(seed)
        observed = self.spearman()
        as_good = 1
        for _ in range(permutations):
            order = generator.permutation(len(tasks))
            shuffled = known[np.ix_(order, order)][np.ix_(rows, columns)]
            as_good += _agreement(shuffled, self.affinities) >= observed - 1e-12
        return as_good / (permutations + 1)

    def _completed(self, tasks: Sequence[str]) -> Matrix:
        """Distances of all tasks; a missing direction takes the other's value, a missing pair the mean."""
        matrix = np.full((len(tasks), len(tasks)), np.nan)
        rows, columns = ([tasks.index(name) for name in names] for names in (self.sources, self.targets))
        matrix[np.ix_(rows, columns)] = self.distances
        matrix = np.where(np.isnan(matrix), matrix.T, matrix)
        apart = np.isnan(matrix) & ~np.eye(len(tasks), dtype=bool)
        return np.where(apart, np.nanmean(matrix), matrix)


@dataclass(frozen=True)
class Pruned:
    """How much of the first-order sweep survives when each target tries only its nearest sources.

    Attributes:
        tried: Sources per target.
        share: Fraction of the sweep's cost.
        kept: Mean fraction of a target's five best sources that are tried.
        best_kept: Fraction of targets whose best source is tried.
    """

    tried: int
    share: float
    kept: float
    best_kept: float


def pruned(tables: PairedTables) -> list[Pruned]:
    """The curve from one source per target to all of them; random sources would keep `share` of the best."""
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
    """Rank correlation of −distance and affinity where both are known, averaged over columns."""
    both = ~np.isnan(distances) & ~np.isnan(affinities)
    centred = []
    for values in (-distances, affinities):
        # Unknown pairs rank last and leave the other ranks unchanged.
        ranks = stats.rankdata(np.where(both, values, np.inf), axis=0)
        means = np.sum(ranks * both, axis=0) / np.maximum(both.sum(axis=0), 1)
        centred.append((ranks - means) * both)
    lengths = np.sqrt(np.square(centred[0]).sum(axis=0) * np.square(centred[1]).sum(axis=0))
    known = (lengths > 0) & (both.sum(axis=0) > 2)
    correlations = (centred[0] * centred[1]).sum(axis=0)[known] / lengths[known]
    return float(correlations.mean()) if len(correlations) else 0.0
