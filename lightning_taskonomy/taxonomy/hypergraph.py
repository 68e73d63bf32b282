"""The candidate transfers of one boolean program as arrays: targets, sources and weighted hyperedges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.transfers import Transfer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

TOLERANCE = 1e-9
"""Two objectives nearer than this share of the largest possible one count as equal."""


@dataclass(frozen=True)
class Hypergraph:
    """T targets, S sources and E hyperedges, sorted by target, then by order, then by name.

    Their places do not depend on affinities, so that programs on the same candidates share all but those.

    Attributes:
        targets: the T targets, by name.
        sources: the S tasks that may be trained fully, by name.
        edges: the E transfers behind the hyperedges.
        affinity: of each edge, (E,).
        importance: weight of each target, (T,).
        members: source indices of an edge, padded with S, (E, highest order).
        target: target index of an edge, (E,).
        start: edges of target t are `start[t]` to `start[t + 1]`, (T + 1,).
        cost: label cost of each source, (S,).
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    edges: tuple[Transfer, ...]
    affinity: Floats
    importance: Floats
    members: Integers
    target: Integers
    start: Integers
    cost: Floats

    @classmethod
    def build(
        cls,
        candidates: Collection[Transfer],
        targets: Collection[str],
        trainable: Collection[str],
        importance: Mapping[str, float],
        cost: Mapping[str, float],
    ) -> Self:
        """Collect the candidates whose target is wanted and whose sources may all be trained.

        The order of `candidates` does not matter: everything is sorted by name, so that among equal optima
        the same one is found whatever the order of a file's rows.

        Args:
            candidates: transfers with an affinity.
            targets: tasks to be solved.
            trainable: tasks that may be trained fully.
            importance: weight of a target; 1 where absent.
            cost: label cost of a source; 1 where absent.
        """
        names = tuple(sorted(targets))
        sources = tuple(sorted(trainable))
        target_index = {name: index for index, name in enumerate(names)}
        source_index = {name: index for index, name in enumerate(sources)}
        usable = [
            edge
            for edge in candidates
            if edge.target in target_index and all(task in source_index for task in edge.trained_tasks)
        ]
        usable.sort(key=lambda edge: (edge.target, edge.order, sorted(edge.sources)))
        longest = max((edge.order for edge in usable), default=1)
        members = np.full((len(usable), longest), len(sources), np.int64)
        for row, edge in enumerate(usable):
            members[row, : edge.order] = sorted(source_index[task] for task in edge.trained_tasks)
        target = np.array([target_index[edge.target] for edge in usable], np.int64)
        return cls(
            names,
            sources,
            tuple(usable),
            np.array([edge.affinity or 0.0 for edge in usable], np.float64),
            np.array([importance.get(name, 1.0) for name in names], np.float64),
            members,
            target,
            np.searchsorted(target, np.arange(len(names) + 1)),
            np.array([cost.get(name, 1.0) for name in sources], np.float64),
        )

    @property
    def weight(self) -> Floats:
        """Importance of the target times affinity, (E,)."""
        return self.importance[self.target] * self.affinity

    @property
    def tolerance(self) -> float:
        """The difference below which two objectives of this program count as equal."""
        return TOLERANCE * max(float(np.abs(self.best_weight(self.weight)).sum()), 1e-300)

    def with_affinities(self, affinity: Floats) -> Self:
        """The same graph with another affinity of every edge, (E,)."""
        return replace(self, affinity=affinity)

    def up_to_order(self, max_order: int) -> Self:
        """The same graph without edges of more than `max_order` sources."""
        wanted = (self.members < len(self.sources)).sum(axis=1) <= max_order
        target = self.target[wanted]
        return replace(
            self,
            edges=tuple(self.edges[index] for index in np.flatnonzero(wanted)),
            affinity=self.affinity[wanted],
            members=self.members[wanted, :max_order],
            target=target,
            start=np.searchsorted(target, np.arange(len(self.targets) + 1)),
        )

    def available(self, trained: Booleans) -> Booleans:
        """Which edges can be used when the sources `trained`, (S,), are available, (E,)."""
        return np.asarray(np.append(trained, True)[self.members].all(axis=1))

    def needs(self) -> tuple[Integers, Integers, Integers]:
        """Condition I of the program as rows: one for every target and source that an edge of it needs.

        Returns:
            The row and the edge of each use of a source by an edge, (uses,) both; and the source of each row.
        """
        sources = len(self.sources)
        edge, place = np.nonzero(self.members < sources)
        pair = self.target[edge] * sources + self.members[edge, place]
        pairs, row = np.unique(pair, return_inverse=True)
        return row, edge, pairs % sources

    def best_weight(self, weight: Floats) -> Floats:
        """The largest of given weights, (E,), for each target; −inf where it has no edge, (T,)."""
        best = np.full(len(self.targets), -np.inf)
        filled = np.diff(self.start) > 0
        if filled.any():
            best[filled] = np.maximum.reduceat(weight, self.start[:-1][filled])
        return best

    def with_sources(self, trained: Booleans) -> Integers:
        """The best edge of each target when the sources `trained`, (S,), are available; −1 for none, (T,)."""
        affinity = np.where(self.available(trained), self.affinity, -np.inf)
        tops = self.best_weight(affinity)
        highest = np.flatnonzero((affinity == tops[self.target]) & (affinity > -np.inf))
        first = np.searchsorted(self.target[highest], np.arange(len(self.targets)))
        best = np.full(len(self.targets), -1, np.int64)
        served = tops > -np.inf
        best[served] = highest[first[served]]
        return best

    def value(self, trained: Booleans) -> float:
        """The objective when exactly the sources `trained`, (S,), are trained; −inf if a target has none."""
        best = self.with_sources(trained)
        return float(self.weight[best].sum()) if (best >= 0).all() else -np.inf

    def without_idle(self, trained: Booleans, forced: Booleans) -> Booleans:
        """Drop sources that the objective does not need: the dearest first, then in reverse order of names.

        Args:
            trained: the sources to start from, (S,).
            forced: sources that stay, (S,).
        """
        least = self.value(trained) - self.tolerance
        lean = trained.copy()
        for index in sorted(np.flatnonzero(trained & ~forced), key=lambda index: (-self.cost[index], -index)):
            lean[index] = False
            if self.value(lean) < least:
                lean[index] = True
        return lean

    def capacity(self, budget: float) -> float:
        """The budget, rounded down to a whole number where every cost is one: no more of it can be spent."""
        return float(np.floor(budget + 1e-9)) if (self.cost == np.floor(self.cost)).all() else budget
