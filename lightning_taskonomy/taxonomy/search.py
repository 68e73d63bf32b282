"""Depth-first branch and bound for programs that the relaxation alone leaves open.

The order of the search depends on nothing but the program, so the same one gives the same answer. At every
node sources are decided by reduced costs, and the branch is taken on the source over which the relaxation
wavers most, its training first. What a node does with its edges is compiled: see `node_bound.py`.
"""

import time
from dataclasses import dataclass

import numpy as np

from lightning_taskonomy.taxonomy.exchange import exchange_sources
from lightning_taskonomy.taxonomy.hypergraph import Booleans
from lightning_taskonomy.taxonomy.node_bound import (
    NOTHING,
    ROUNDING,
    Node,
    Program,
    descend_bound,
    filter_edges,
    fix_sources,
    new_node,
    new_scratch,
    value_of,
)
from lightning_taskonomy.taxonomy.relaxation import Relaxed, tolerance

_EXCHANGES = 30
"""Restarts of the local search that sharpens the lower bound before the tree is opened."""


@dataclass(frozen=True)
class Searched:
    """What the search found.

    Attributes:
        trained: the best sources found, (S,).
        value: their objective.
        upper: no solution is better than this.
        nodes: how many nodes of the tree were opened.
    """

    trained: Booleans
    value: float
    upper: float
    nodes: int


def search(
    relaxed: Relaxed, capacity: float, gap: float = 0.0, time_limit: float | None = None, seed: int = 0
) -> Searched:
    """Solve what a relaxation left open.

    Args:
        relaxed: the kernel, with a known solution and decided sources.
        capacity: largest total cost.
        gap: stop when no solution can be better by more than this share of the objective.
        time_limit: seconds after which the best solution and the bound so far are returned.
        seed: of the random restarts of the local search.
    """
    deadline = np.inf if time_limit is None else time.monotonic() + time_limit
    tree = _Tree(relaxed, capacity, gap)
    shuffles = np.random.default_rng(seed)
    for _ in range(_EXCHANGES):
        tree.consider(exchange_sources(tree.program, tree.path[0].state, shuffles, tree.trained))
        if time.monotonic() > deadline:
            break
    while tree.depth >= 0 and time.monotonic() <= deadline:
        tree.advance()
    proven = tree.goal if gap else tree.value
    upper = min(relaxed.upper, max([proven, *tree.bound[: tree.depth + 1]]))
    return Searched(tree.trained, tree.value, max(upper, tree.value), tree.nodes)


class _Tree:
    """The path from the root to the present node, and the best solution met on the way.

    Attributes:
        path: the node at each depth; memory for all of them is taken at once.
        bound: what may still be found at the node of a depth or in a child of it not yet searched.
        branch: the source on which it branches.
        phase: 0 the node is new, 1 its first child is being searched, 2 its second one.
        depth: of the present node; −1 when the search is over.
    """

    def __init__(self, relaxed: Relaxed, capacity: float, gap: float) -> None:
        graph = relaxed.graph
        targets, sources, edges = len(graph.targets), len(graph.sources), len(graph.edges)
        order = (graph.members < sources).sum(axis=1)
        self.program = Program(graph.weight, graph.members, order, graph.start, graph.cost, float(capacity))
        self.scratch = new_scratch(targets, sources)
        self.trained, self.value = relaxed.trained.copy(), relaxed.value
        self._gap, self._tolerance = gap, tolerance(graph)
        depths = int((~(relaxed.forced | relaxed.banned)).sum()) + 2
        self.path = [new_node(targets, sources, edges) for _ in range(depths)]
        self.bound = [np.inf] * depths
        self.branch = [-1] * depths
        self.phase = [0] * depths
        self.depth, self.nodes = 0, 0
        root = self.path[0]
        root.state[:] = np.where(relaxed.forced, 1, np.where(relaxed.banned, -1, 0))
        root.multipliers[:] = relaxed.multipliers[:, :-1]
        root.active[:] = np.arange(edges)
        root.first[:] = graph.start

    @property
    def goal(self) -> float:
        """A node whose bound is no higher than this holds nothing worth finding."""
        return self.value + max(self._tolerance, self._gap * abs(self.value))

    def consider(self, trained: Booleans) -> None:
        """Keep a choice of sources if it is the best so far."""
        value = value_of(self.program, trained)
        if value > self.value:
            self.value, self.trained = value, trained

    def advance(self) -> None:
        """Open the present node, or go down to its next child, or up when both are done."""
        depth = self.depth
        node = self.path[depth]
        if self.phase[depth] == 0:
            self.nodes += 1
            if not self._open(node):
                self.depth -= 1
                return
            wavers = np.where(node.state == 0, np.abs(self.scratch.average - 0.5), np.inf)
            self.branch[depth] = int(np.argmin(wavers))
        elif self.phase[depth] == 2:
            self.depth -= 1
            return
        below = self.path[depth + 1]
        below.state[:] = node.state
        below.state[self.branch[depth]] = 1 if self.phase[depth] == 0 else -1
        below.multipliers[:] = node.multipliers
        filter_edges(self.program, node, below)
        self.bound[depth + 1] = self.bound[depth]
        self.phase[depth] += 1
        if self.phase[depth] == 2:
            self.bound[depth] = NOTHING  # both children are searched or being searched
        self.phase[depth + 1] = 0
        self.depth += 1

    def _open(self, node: Node) -> bool:
        """Bound a node and decide what follows; False if it is done with, its solutions considered."""
        cost, capacity = self.program.cost, self.program.capacity
        while True:
            room = capacity - float(cost[node.state > 0].sum())
            if room < capacity * (1 - ROUNDING):
                return False
            if float(cost[node.state == 0].sum()) <= room * ROUNDING:
                self.consider(node.state >= 0)
                return False
            bound = descend_bound(self.program, node, self.scratch, self.goal, self.value)
            self.bound[self.depth] = min(self.bound[self.depth], bound)
            if bound <= self.goal:
                return False
            self.consider((node.state > 0) | (self.scratch.share == 1.0))
            fixed = fix_sources(self.program, node, self.scratch, room, self.goal)
            if fixed < 0:
                return False
            if fixed == 0:
                return True
