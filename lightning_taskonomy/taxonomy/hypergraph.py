"""The candidate transfers of one boolean program as arrays: targets, sources and weighted hyperedges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.transfers import Objective, Transfer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

TOLERANCE = 1e-9
"""Objectives closer than this, relative to the sum of the targets' largest weights, count as equal."""
_FINE = 1e-6
"""A tolerance below this fraction of every target's largest weight hides nothing."""


@dataclass(frozen=True)
class Hypergraph:
    """T targets, S sources and E hyperedges, sorted by target, then by order, then by name.

    Their positions do not depend on the worths, so programs on the same candidates share everything else.

    Attributes:
        targets: the T targets, by name.
        sources: the S tasks that may be trained fully, by name.
        edges: the E transfers behind the hyperedges.
        worth: of each edge: its affinity, or whichever measure is maximised, (E,).
        importance: weight of each target, (T,).
        members: source indices of an edge, padded with S, (E, highest order).
        target: target index of an edge, (E,).
        start: edges of target t are `start[t]` to `start[t + 1]`, (T + 1,).
        cost: label cost of each source, (S,).
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    edges: tuple[Transfer, ...]
    worth: Floats
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
        objective: Objective = "affinity",
    ) -> Self:
        """Collect the candidates whose target is wanted and whose sources may all be trained.

        The order of `candidates` does not matter: everything is sorted by name, so that the same one of
        several optima is found whatever the order of a file's rows.

        Args:
            candidates: transfers for which the objective was measured.
            targets: tasks to be solved.
            trainable: tasks that may be trained fully.
            importance: weight of a target; 1 where absent.
            cost: label cost of a source; 1 where absent.
            objective: the measure of an edge's worth.
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
            needed = sorted(source_index[task] for task in edge.trained_tasks)
            members[row, : len(needed)] = needed
        target = np.array([target_index[edge.target] for edge in usable], np.int64)
        return cls(
            names,
            sources,
            tuple(usable),
            np.array([edge.measured(objective) or 0.0 for edge in usable], np.float64),
            np.array([importance.get(name, 1.0) for name in names], np.float64),
            members,
            target,
            np.searchsorted(target, np.arange(len(names) + 1)),
            np.array([cost.get(name, 1.0) for name in sources], np.float64),
        )

    @property
    def weight(self) -> Floats:
        """Importance of the target times worth, (E,)."""
        return self.importance[self.target] * self.worth

    @property
    def fine_tolerance(self) -> float:
        """The tolerance below which an optimum is exact for every target, however little it weighs."""
        sizes = self.best_weight(np.abs(self.weight))
        return _FINE * float(np.min(sizes[sizes > 0], initial=np.inf))

    def with_worths(self, worth: Floats) -> Self:
        """The same graph with other worths of the edges, (E,)."""
        return replace(self, worth=worth)

    def up_to_order(self, max_order: int) -> Self:
        """The same graph without edges of more than `max_order` sources."""
        wanted = (self.members < len(self.sources)).sum(axis=1) <= max_order
        target = self.target[wanted]
        return replace(
            self,
            edges=tuple(self.edges[index] for index in np.flatnonzero(wanted)),
            worth=self.worth[wanted],
            members=self.members[wanted, :max_order],
            target=target,
            start=np.searchsorted(target, np.arange(len(self.targets) + 1)),
        )

    def available(self, trained: Booleans) -> Booleans:
        """Which edges can be used when the sources `trained`, (S,), are available, (E,)."""
        return np.asarray(np.append(trained, True)[self.members].all(axis=1))

    def needs(self) -> tuple[Integers, Integers, Integers]:
        """Condition I of the program as rows: one for every pair of a target and a source its edges need.

        Returns:
            The row and the edge of each use of a source by an edge, (uses,) both; and the source of each row.
        """
        sources = len(self.sources)
        edge, place = np.nonzero(self.members < sources)
        pair = self.target[edge] * sources + self.members[edge, place]
        pairs, row = np.unique(pair, return_inverse=True)
        return row, edge, pairs % sources

    def best_weight(self, weight: Floats) -> Floats:
        """The largest of the given weights, (E,), for each target; −inf where it has no edge, (T,)."""
        best = np.full(len(self.targets), -np.inf)
        filled = np.diff(self.start) > 0
        if filled.any():
            best[filled] = np.maximum.reduceat(weight, self.start[:-1][filled])
        return best

    def with_sources(self, trained: Booleans) -> Integers:
        """The best edge of each target when the sources `trained`, (S,), are available; −1 for none, (T,)."""
        worth = np.where(self.available(trained), self.worth, -np.inf)
        tops = self.best_weight(worth)
        highest = np.flatnonzero((worth == tops[self.target]) & (worth > -np.inf))
        first = np.searchsorted(self.target[highest], np.arange(len(self.targets)))
        best = np.full(len(self.targets), -1, np.int64)
        served = tops > -np.inf
        best[served] = highest[first[served]]
        return best

    def value(self, trained: Booleans) -> float:
        """The objective when exactly the sources `trained`, (S,), are trained; −inf if a target has none."""
        best = self.with_sources(trained)
        return float(self.weight[best].sum()) if (best >= 0).all() else -np.inf

    def without_idle(self, trained: Booleans, forced: Booleans, tolerance: float) -> Booleans:
        """Drop sources that the objective does not need: the costliest first, then in reverse name order.

        Args:
            trained: the sources to start from, (S,).
            forced: sources that stay, (S,).
            tolerance: by how much the objective may fall.
        """
        best = self._best_with(trained)
        lean = trained.copy()
        for index in sorted(np.flatnonzero(trained & ~forced), key=lambda index: (-self.cost[index], -index)):
            lean[index] = False
            # Target by target: a small loss would be rounded away in a sum of large weights.
            if not (best - self._best_with(lean)).sum() <= tolerance:
                lean[index] = True
        return lean

    def _best_with(self, trained: Booleans) -> Floats:
        """The weight of each target's best edge, −inf for none, (T,)."""
        return self.best_weight(np.where(self.available(trained), self.weight, -np.inf))

    def affordable(self, budget: float, forced: Booleans) -> Booleans:
        """Which edges fit within the budget together with the forced sources, (E,)."""
        cost = np.append(np.where(forced, 0.0, self.cost), 0.0)
        return np.asarray(
            self.cost[forced].sum() + cost[self.members].sum(axis=1) <= self.capacity(budget) * (1 + 1e-9)
        )

    def capacity(self, budget: float) -> float:
        """The budget, rounded down where every cost is a whole number, as no more than that can be spent."""
        return float(np.floor(budget + 1e-9)) if (self.cost == np.floor(self.cost)).all() else budget


@dataclass(frozen=True)
class Solution:
    """The best sources that a solver found for one program.

    Attributes:
        trained: the sources, (S,); None where none were found.
        above: the absolute optimality gap; 0 where proven optimal.
        upper: an upper bound on the objective; −inf where the program is infeasible.
        tolerance: solutions closer than this were not told apart.
        nodes: how many relaxations were solved; 0 where unknown.
    """

    trained: Booleans | None
    above: float
    upper: float
    tolerance: float
    nodes: int

    @classmethod
    def of(
        cls,
        graph: Hypergraph,
        trained: Booleans | None,
        above: float,
        upper: float,
        tolerance: float,
        nodes: int = 0,
    ) -> "Solution":
        """Count a gap within the tolerance as proven optimal, if that is fine enough for every target."""
        if trained is None:
            return cls(None, np.inf, upper, tolerance, nodes)
        if tolerance > graph.fine_tolerance:
            above = max(above, tolerance)
        elif above <= 2 * tolerance:  # once for the search, once for dropping idle sources
            above = 0.0
        return cls(trained, above, graph.value(trained) + above, tolerance, nodes)
