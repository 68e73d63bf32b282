"""One node of the branch and bound, compiled by numba: its bound, what follows from it, its edges.

The bound is the Lagrangian one of `relaxation.py`, continued from the multipliers of the node above. An
iteration costs microseconds, because the edges of a target are visited from the heaviest down and the visit
ends at the first edge that no price can make the best.

Every compiled function of the search lives in this file: numba's cache of a function does not notice that
another file, whose functions it calls, has changed.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Integers

Signs = NDArray[np.int8]

NOTHING = -1e300
"""Bound of a node without solutions, value of sources that leave a target unserved."""
ROUNDING = 1.0 + 1e-12
"""Costs are added up in floating point: what is over the capacity by less than this factor still fits."""
_ITERATIONS = 30
_MEMORY = 0.7
"""Share of the last direction kept in the next, as in `relaxation.py`."""


class Program(NamedTuple):
    """The arrays of a `Hypergraph` and the capacity; `order` is the number of sources of each edge, (E,)."""

    weight: Floats
    members: Integers
    order: Integers
    start: Integers
    cost: Floats
    capacity: float


class Node(NamedTuple):
    """A part of the program: which sources are decided, at which prices, and the edges that remain.

    Attributes:
        state: 1 trained, 0 undecided, −1 not trained, (S,).
        multipliers: λ, (T, S).
        active: the remaining edges, by target, from the heaviest down, (E,).
        first: those of target t are `active[first[t]]` to before `active[first[t + 1]]`, (T + 1,).
    """

    state: Signs
    multipliers: Floats
    active: NDArray[np.int32]
    first: Integers


class Scratch(NamedTuple):
    """Memory that every node uses anew.

    Attributes:
        share: how much of each source the last knapsack took, (S,).
        average: the same, averaged over the last iterations, (S,): near 0.5 where the relaxation wavers.
        price: Σ_t λ_ts, (S,).
        rates: price per cost that lets a source in, and that lets one fall out, (2,).
        chosen: the best edge of each target, (T,).
        best: its weight at prices λ, (T,).
        direction: in which λ last moved, (T, S).
        kept: the best multipliers met, (T, S).
    """

    share: Floats
    average: Floats
    price: Floats
    rates: Floats
    chosen: Integers
    best: Floats
    direction: Floats
    kept: Floats


def new_scratch(targets: int, sources: int) -> Scratch:
    """Memory for programs of this size."""
    return Scratch(
        np.zeros(sources),
        np.zeros(sources),
        np.zeros(sources),
        np.zeros(2),
        np.zeros(targets, np.int64),
        np.zeros(targets),
        np.zeros((targets, sources)),
        np.zeros((targets, sources)),
    )


def new_node(targets: int, sources: int, edges: int) -> Node:
    """Memory for a node of a program of this size."""
    return Node(
        np.zeros(sources, np.int8),
        np.zeros((targets, sources)),
        np.zeros(edges, np.int32),
        np.zeros(targets + 1, np.int64),
    )


@njit(cache=True)
def value_of(program: Program, trained: Booleans) -> float:
    """The objective when exactly the sources `trained`, (S,), are trained; NOTHING if a target has none."""
    total = 0.0
    for target in range(program.start.size - 1):
        served = False
        for edge in range(program.start[target], program.start[target + 1]):
            served = True
            for place in range(program.order[edge]):
                if not trained[program.members[edge, place]]:
                    served = False
                    break
            if served:
                total += program.weight[edge]
                break
        if not served:
            return NOTHING
    return total


@njit(cache=True)
def descend_bound(program: Program, node: Node, scratch: Scratch, goal: float, known: float) -> float:
    """Descend on λ for a few iterations, leaving the best λ in the node; end early once below `goal`.

    Args:
        program: the whole program.
        node: the part of it to bound from above.
        scratch: memory; `share` and `average` are for the caller to read.
        goal: an upper bound this low is all the caller needs.
        known: value of the best known solution, which sets the length of the steps.

    Returns:
        The lowest upper bound met; NOTHING if a target has no edge left.
    """
    free = np.flatnonzero(node.state == 0)
    least, length, stalled = np.inf, 0.5, 0
    scratch.average[:] = 0.0
    scratch.direction[:] = 0.0
    for _ in range(_ITERATIONS):
        upper = _upper_bound(program, node, scratch, free)
        if upper == NOTHING:
            return NOTHING
        for source in free:
            scratch.average[source] += 0.1 * (scratch.share[source] - scratch.average[source])
        stalled += 1
        if upper < least:
            if upper < least - 1e-3 * (least - known):
                stalled = 0
            least = upper
            scratch.kept[:] = node.multipliers
        if least <= goal:
            break
        if stalled == 4:
            length, stalled = length * 0.6, 0
        if not _step(program, node, scratch, free, length * (upper - known)):
            break
    node.multipliers[:] = scratch.kept
    return least


@njit(cache=True)
def fix_sources(program: Program, node: Node, scratch: Scratch, room: float, goal: float) -> int:
    """Decide the sources whose other choice would push the bound to `goal` or below.

    Returns:
        How many were decided; −1 if nothing above `goal` is left at this node.
    """
    free = np.flatnonzero(node.state == 0)
    upper = _upper_bound(program, node, scratch, free)
    if upper <= goal:
        return -1
    fixed = 0
    for source in free:
        price, cost, share = scratch.price[source], program.cost[source], scratch.share[source]
        enters = upper - (scratch.rates[0] * cost - price)
        leaves = upper - (price - scratch.rates[1] * cost)
        if cost > room * ROUNDING or (share == 0 and enters <= goal):
            node.state[source] = -1
            fixed += 1
        elif share == 1 and leaves <= goal:
            node.state[source] = 1
            fixed += 1
    return fixed


@njit(cache=True)
def filter_edges(program: Program, node: Node, below: Node) -> None:
    """Give the node below the edges without a banned source, down to the first that needs no more source."""
    position = 0
    for target in range(node.first.size - 1):
        below.first[target] = position
        for edge in node.active[node.first[target] : node.first[target + 1]]:
            undecided, banned = 0, False
            for place in range(program.order[edge]):
                sign = below.state[program.members[edge, place]]
                banned |= sign < 0
                undecided += sign == 0
            if banned:
                continue
            below.active[position] = edge
            position += 1
            if undecided == 0:
                break
    below.first[node.first.size - 1] = position


@njit(cache=True)
def _upper_bound(program: Program, node: Node, scratch: Scratch, free: Integers) -> float:
    """The bound at the node's multipliers: the best edge of every target, and a knapsack of free sources."""
    total = 0.0
    for source in free:
        scratch.price[source] = 0.0
    for target in range(node.first.size - 1):
        top, top_edge = -np.inf, -1
        for edge in node.active[node.first[target] : node.first[target + 1]]:
            reduced = program.weight[edge]
            if reduced <= top:
                break
            for place in range(program.order[edge]):
                source = program.members[edge, place]
                if node.state[source] == 0:
                    reduced -= node.multipliers[target, source]
            if reduced > top:
                top, top_edge = reduced, edge
        if top_edge < 0:
            return NOTHING
        scratch.chosen[target] = top_edge
        scratch.best[target] = top
        total += top
        for source in free:
            scratch.price[source] += node.multipliers[target, source]
    return total + _fill_knapsack(program, node, scratch, free)


@njit(cache=True)
def _fill_knapsack(program: Program, node: Node, scratch: Scratch, free: Integers) -> float:
    """Spend what trained sources leave of the capacity on the free ones, best price per cost first.

    Fills `share` and `rates` and returns the total price. One source may be taken in part.
    """
    room = program.capacity
    for source in range(node.state.size):
        scratch.share[source] = 0.0
        if node.state[source] > 0:
            room -= program.cost[source]
    rate = scratch.price[free] / program.cost[free]
    total, enters, leaves = 0.0, np.inf, 0.0
    whole = True
    for position in np.argsort(-rate):
        source = free[position]
        cost = program.cost[source]
        if cost > room * ROUNDING and cost > program.capacity * ROUNDING:
            continue
        if cost <= room * ROUNDING:
            scratch.share[source] = 1.0
            total += scratch.price[source]
            room -= cost
            enters = rate[position]
            continue
        leaves = rate[position]
        if room > 1e-12 * program.capacity:
            scratch.share[source] = room / cost
            total += leaves * room
            enters = leaves
        whole = False
        break
    scratch.rates[0] = 0.0 if whole else enters
    scratch.rates[1] = leaves
    return total


@njit(cache=True)
def _step(program: Program, node: Node, scratch: Scratch, free: Integers, reach: float) -> bool:
    """Move λ against the subgradient by Polyak's rule; False if there is nowhere to go."""
    targets = node.first.size - 1
    norm = 0.0
    for target in range(targets):
        for source in free:
            scratch.direction[target, source] *= _MEMORY
            if node.multipliers[target, source] > 0:
                scratch.direction[target, source] -= scratch.share[source]
        edge = scratch.chosen[target]
        for place in range(program.order[edge]):
            source = program.members[edge, place]
            if node.state[source] == 0:
                held = 0.0 if node.multipliers[target, source] > 0 else scratch.share[source]
                scratch.direction[target, source] += 1.0 - held
        for source in free:
            norm += scratch.direction[target, source] ** 2
    if norm == 0:
        return False
    step = reach / norm
    for target in range(targets):
        for source in free:
            moved = node.multipliers[target, source] + step * scratch.direction[target, source]
            node.multipliers[target, source] = max(0.0, moved)
    return True
