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


@dataclass(frozen=True)
class Hypergraph:
    """T targets, S sources and E hyperedges, sorted by target, then from the heaviest edge down.

    Edges that can never be better than another of the same target (sources a superset, weight no larger)
    are left out, unless asked for: no optimum needs them.

    Attributes:
        targets: the T targets, by name.
        sources: the S tasks that may be trained fully, by name.
        edges: the E transfers behind the hyperedges.
        weight: importance of the target times affinity, (E,).
        members: source indices of an edge, padded with S, (E, highest order).
        target: target index of an edge, (E,).
        start: edges of target t are `start[t]` to `start[t + 1]`, (T + 1,).
        cost: label cost of each source, (S,).
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    edges: tuple[Transfer, ...]
    weight: Floats
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
        with_dominated: bool = False,
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
            with_dominated: keep the edges that no optimum needs.
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
        usable.sort(key=lambda edge: (edge.target, -(edge.affinity or 0.0), edge.order, sorted(edge.sources)))
        longest = max((edge.order for edge in usable), default=1)
        members = np.full((len(usable), longest), len(sources), np.int64)
        for row, edge in enumerate(usable):
            members[row, : edge.order] = sorted(source_index[task] for task in edge.trained_tasks)
        target = np.array([target_index[edge.target] for edge in usable], np.int64)
        weight = np.array([importance.get(e.target, 1.0) * (e.affinity or 0.0) for e in usable], np.float64)
        graph = cls(
            names,
            sources,
            tuple(usable),
            weight,
            members,
            target,
            np.searchsorted(target, np.arange(len(names) + 1)),
            np.array([cost.get(name, 1.0) for name in sources], np.float64),
        )
        return graph if with_dominated else graph.keep(~graph._dominated())

    def keep(self, wanted: Booleans) -> Self:
        """The same graph with only the edges that `wanted`, (E,), marks."""
        target = self.target[wanted]
        return replace(
            self,
            edges=tuple(self.edges[index] for index in np.flatnonzero(wanted)),
            weight=self.weight[wanted],
            members=self.members[wanted],
            target=target,
            start=np.searchsorted(target, np.arange(len(self.targets) + 1)),
        )

    def up_to_order(self, max_order: int) -> Self:
        """The same graph without edges of more than `max_order` sources."""
        return self.keep((self.members < len(self.sources)).sum(axis=1) <= max_order)

    def with_sources(self, trained: Booleans) -> Integers:
        """The best edge of each target when the sources `trained`, (S,), are available; −1 for none, (T,)."""
        available = np.append(trained, True)[self.members].all(axis=1)
        usable = np.flatnonzero(available)
        first = np.searchsorted(self.target[usable], np.arange(len(self.targets)))
        best = np.full(len(self.targets), -1, np.int64)
        served = first < len(usable)
        served[served] = self.target[usable[first[served]]] == np.flatnonzero(served)
        best[served] = usable[first[served]]
        return best

    def value(self, trained: Booleans) -> float:
        """The objective when exactly the sources `trained`, (S,), are trained; −inf if a target has none."""
        best = self.with_sources(trained)
        return float(self.weight[best].sum()) if (best >= 0).all() else -np.inf

    def _dominated(self) -> Booleans:
        """Edges for which an earlier one of the same target needs no further source, (E,)."""
        needs = np.zeros((len(self.edges), len(self.sources) + 1), np.bool_)
        np.put_along_axis(needs, self.members, True, axis=1)
        words = np.packbits(needs[:, :-1], axis=1)
        dominated = np.zeros(len(self.edges), np.bool_)
        for first, last in zip(self.start[:-1], self.start[1:], strict=True):
            mine = words[first:last]
            for row in range(1, last - first):
                dominated[first + row] = not (mine[:row] & ~mine[row]).any(axis=1).all()
        return dominated
