"""Depth-first branch and bound for programs that the relaxation alone leaves open.

The order of the search depends on nothing but the program, so the same one gives the same answer. At every
node sources are decided by reduced costs, and the branch is taken on the source over which the relaxation
wavers most, its training first.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.exchange import exchange_sources
from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Integers
from lightning_taskonomy.taxonomy.node_bound import (
    NOTHING,
    ROUNDING,
    Node,
    Program,
    Scratch,
    Signs,
    descend_bound,
    filter_edges,
    fix_sources,
    new_scratch,
    value_of,
)
from lightning_taskonomy.taxonomy.relaxation import Relaxed, tolerance

_NODES_PER_CALL = 200
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


class _Tree(NamedTuple):
    """The path from the root to the present node: one row per depth of everything a node owns.

    Attributes:
        state: see `Node`, (D, S).
        multipliers: see `Node`, (D, T, S).
        active: see `Node`, (D, E).
        first: see `Node`, (D, T + 1).
        bound: what may still be found at this node or a child of it not yet searched, (D,).
        branch: the source on which this node branches, (D,).
        phase: 0 the node is new, 1 its first child is being searched, 2 its second one, (D,).
        depth: of the present node; −1 when the search is over, (1,).
    """

    state: Signs
    multipliers: Floats
    active: NDArray[np.int32]
    first: Integers
    bound: Floats
    branch: Integers
    phase: Signs
    depth: Integers


class _Best(NamedTuple):
    """The best known solution: its sources, (S,), its objective, (1,), and what counts as better."""

    trained: Booleans
    value: Floats
    gap: float
    slack: float


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
    graph = relaxed.graph
    deadline = np.inf if time_limit is None else time.monotonic() + time_limit
    order = (graph.members < len(graph.sources)).sum(axis=1)
    program = Program(graph.weight, graph.members, order, graph.start, graph.cost, float(capacity))
    state = np.where(relaxed.forced, 1, np.where(relaxed.banned, -1, 0)).astype(np.int8)
    best = _Best(relaxed.trained.copy(), np.array([relaxed.value]), gap, tolerance(graph))
    shuffles = np.random.default_rng(seed)
    for _ in range(_EXCHANGES):
        orders = shuffles.permuted(np.tile(np.arange(len(graph.sources)), (3, 1)), axis=1)
        exchange_sources(program, state, orders, best.trained, best.value)
        if time.monotonic() > deadline:
            break
    tree = _new_tree(relaxed, state)
    scratch = new_scratch(len(graph.targets), len(graph.sources))
    nodes = 0
    while tree.depth[0] >= 0 and time.monotonic() <= deadline:
        nodes += _descend(program, tree, best, scratch, _NODES_PER_CALL)
    value = float(best.value[0])
    pending = tree.bound[: int(tree.depth[0]) + 1]
    upper = min(relaxed.upper, max([_goal(best) if gap else value, *pending.tolist()]))
    return Searched(best.trained, value, max(upper, value), nodes)


def _new_tree(relaxed: Relaxed, state: Signs) -> _Tree:
    graph = relaxed.graph
    depths = int((state == 0).sum()) + 2
    targets, sources, edges = len(graph.targets), len(graph.sources), len(graph.edges)
    tree = _Tree(
        np.zeros((depths, sources), np.int8),
        np.zeros((depths, targets, sources)),
        np.zeros((depths, edges), np.int32),
        np.zeros((depths, targets + 1), np.int64),
        np.full(depths, np.inf),
        np.zeros(depths, np.int64),
        np.zeros(depths, np.int8),
        np.zeros(1, np.int64),
    )
    tree.state[0] = state
    tree.multipliers[0] = relaxed.multipliers[:, :-1]
    tree.active[0] = np.arange(edges)
    tree.first[0] = graph.start
    return tree


@njit(cache=True)
def _goal(best: _Best) -> float:
    """A node whose bound is no higher than this holds nothing worth finding."""
    value: float = best.value[0]
    return value + max(best.slack, best.gap * abs(value))


@njit(cache=True)
def _node(tree: _Tree, depth: int) -> Node:
    return Node(tree.state[depth], tree.multipliers[depth], tree.active[depth], tree.first[depth])


@njit(cache=True)
def _descend(program: Program, tree: _Tree, best: _Best, scratch: Scratch, most_nodes: int) -> int:
    """Go on with the search for some nodes; how many were opened."""
    nodes = 0
    while tree.depth[0] >= 0 and nodes < most_nodes:
        depth = tree.depth[0]
        if tree.phase[depth] == 0:
            nodes += 1
            if not _open(program, tree, best, scratch):
                tree.depth[0] -= 1
                continue
            tree.branch[depth] = _wavering(tree.state[depth], scratch.average)
        elif tree.phase[depth] == 2:
            tree.depth[0] -= 1
            continue
        below = depth + 1
        tree.state[below] = tree.state[depth]
        tree.state[below, tree.branch[depth]] = 1 if tree.phase[depth] == 0 else -1
        tree.multipliers[below] = tree.multipliers[depth]
        filter_edges(program, _node(tree, depth), _node(tree, below))
        tree.bound[below] = tree.bound[depth]
        tree.phase[depth] += 1
        if tree.phase[depth] == 2:
            tree.bound[depth] = NOTHING  # both children are searched or being searched
        tree.phase[below] = 0
        tree.depth[0] = below
    return nodes


@njit(cache=True)
def _open(program: Program, tree: _Tree, best: _Best, scratch: Scratch) -> bool:
    """Bound the present node and decide what follows; False if it is done with, its solutions considered."""
    depth = tree.depth[0]
    node = _node(tree, depth)
    while True:
        room, asked, free = program.capacity, 0.0, 0
        for source in range(node.state.size):
            if node.state[source] > 0:
                room -= program.cost[source]
            elif node.state[source] == 0:
                asked += program.cost[source]
                free += 1
        if room < program.capacity * (1.0 - ROUNDING):
            return False
        if free == 0 or asked <= room * ROUNDING:
            _consider(program, node.state >= 0, best)
            return False
        bound = descend_bound(program, node, scratch, _goal(best), best.value[0])
        tree.bound[depth] = min(tree.bound[depth], bound)
        if bound <= _goal(best):
            return False
        _consider(program, (node.state > 0) | (scratch.share == 1.0), best)
        fixed = fix_sources(program, node, scratch, room, _goal(best))
        if fixed < 0:
            return False
        if fixed == 0:
            return True


@njit(cache=True)
def _consider(program: Program, trained: Booleans, best: _Best) -> None:
    value = value_of(program, trained)
    if value > best.value[0]:
        best.value[0] = value
        best.trained[:] = trained


@njit(cache=True)
def _wavering(state: Signs, average: Floats) -> int:
    """The undecided source whose average share is nearest to one half."""
    chosen, nearest = -1, 2.0
    for source in range(state.size):
        if state[source] == 0 and abs(average[source] - 0.5) < nearest:
            chosen, nearest = source, abs(average[source] - 0.5)
    return chosen
