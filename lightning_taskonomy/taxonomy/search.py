"""Depth-first branch and bound for programs that the relaxation alone leaves open; compiled by numba.

At every node the Lagrangian bound of `relaxation.py` is continued from the multipliers of the node above for a
few iterations, which cost microseconds because edges are visited from the heaviest down and the visit ends at
the first that prices can no longer make the best. Sources are fixed and edges dropped by reduced costs on the
way down. The order of the search depends on nothing but the program: the same one gives the same answer.
"""

import time
from dataclasses import dataclass

import numpy as np
from numba import njit

from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Hypergraph, Integers
from lightning_taskonomy.taxonomy.relaxation import Relaxed, tolerance

_NONE = -1e300
_ITERATIONS = 40
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


def search(
    relaxed: Relaxed, capacity: float, gap: float = 0.0, time_limit: float | None = None, seed: int = 0
) -> Searched:
    """Solve what a relaxation left open.

    Args:
        relaxed: the kernel, with a known solution and fixed sources.
        capacity: largest total cost.
        gap: stop when no solution can be better by more than this share of the objective.
        time_limit: seconds after which the best solution and the bound so far are returned.
        seed: of the random restarts of the local search.
    """
    graph = relaxed.graph
    deadline = np.inf if time_limit is None else time.monotonic() + time_limit
    count = (graph.members < len(graph.sources)).sum(axis=1)
    state = np.where(relaxed.forced, 1, np.where(relaxed.banned, -1, 0)).astype(np.int8)
    best_trained = relaxed.trained.copy()
    best_value = np.array([relaxed.value])
    arrays = (graph.weight, graph.members, count, graph.start)
    shuffles = np.random.default_rng(seed)
    for _ in range(_EXCHANGES):
        orders = shuffles.permuted(np.tile(np.arange(len(graph.sources)), (3, 1)), axis=1)
        _exchange(*arrays, graph.cost, capacity, state, orders, best_trained, best_value)
        if time.monotonic() > deadline:
            break
    tree = _Tree(graph, state, relaxed.multipliers)
    slack = tolerance(graph)
    nodes = 0
    while tree.level[0] >= 0 and time.monotonic() <= deadline:
        nodes += _descend(
            *arrays,
            graph.cost,
            capacity,
            tree.states,
            tree.multipliers,
            tree.active,
            tree.first,
            tree.bounds,
            tree.branch,
            tree.phase,
            tree.level,
            best_trained,
            best_value,
            gap,
            slack,
            _NODES_PER_CALL,
        )
    level = int(tree.level[0])
    proven = float(best_value[0]) * (1 + gap) if gap else float(best_value[0])
    pending = [float(tree.bounds[depth]) for depth in range(level + 1)]
    upper = min(relaxed.upper, max([proven, *pending]))
    return Searched(best_trained, float(best_value[0]), upper, nodes)


class _Tree:
    """The path from the root to the present node: one row per depth of everything a node owns."""

    def __init__(self, graph: Hypergraph, state: np.ndarray, multipliers: Floats) -> None:
        depths = int((state == 0).sum()) + 2
        targets, sources = len(graph.targets), len(graph.sources)
        self.states = np.zeros((depths, sources), np.int8)
        self.states[0] = state
        self.multipliers = np.zeros((depths, targets, sources))
        self.multipliers[0] = multipliers[:, :-1]
        self.active = np.zeros((depths, len(graph.edges)), np.int32)
        self.active[0] = np.arange(len(graph.edges))
        self.first = np.zeros((depths, targets + 1), np.int64)
        self.first[0] = graph.start
        self.bounds = np.full(depths, np.inf)
        self.branch = np.zeros(depths, np.int64)
        self.phase = np.zeros(depths, np.int8)
        self.level = np.zeros(1, np.int64)


@njit(cache=True)
def _value(weight: Floats, members: Integers, count: Integers, start: Integers, trained: Booleans) -> float:
    """The objective of a choice of sources: the first edge of each target that it can serve."""
    total = 0.0
    for target in range(start.size - 1):
        served = False
        for edge in range(start[target], start[target + 1]):
            usable = True
            for place in range(count[edge]):
                if not trained[members[edge, place]]:
                    usable = False
                    break
            if usable:
                total += weight[edge]
                served = True
                break
        if not served:
            return _NONE
    return total


@njit(cache=True)
def _exchange(
    weight: Floats,
    members: Integers,
    count: Integers,
    start: Integers,
    cost: Floats,
    capacity: float,
    state: np.ndarray,
    orders: Integers,
    best_trained: Booleans,
    best_value: Floats,
) -> None:
    """Kick the best choice at random, then exchange one source for another while that helps.

    `orders`, (3, S), are permutations of the sources: who is kicked out, who enters, in which order to try.
    """
    trained = best_trained.copy()
    kicked = 0
    for source in orders[0]:
        if trained[source] and state[source] == 0 and kicked < 3:
            trained[source] = False
            kicked += 1
    spent = np.sum(cost[trained])
    for source in orders[1]:
        if not trained[source] and state[source] == 0 and spent + cost[source] <= capacity:
            trained[source] = True
            spent += cost[source]
    value = _value(weight, members, count, start, trained)
    better = True
    while better:
        better = False
        for added in orders[2]:
            if trained[added] or state[added] < 0:
                continue
            trained[added] = True
            chosen, chosen_value = -1, value
            for removed in orders[2]:
                fits = spent + cost[added] - cost[removed] <= capacity * (1 + 1e-12)
                if not trained[removed] or state[removed] > 0 or removed == added or not fits:
                    continue
                trained[removed] = False
                attempt = _value(weight, members, count, start, trained)
                trained[removed] = True
                if attempt > chosen_value + 1e-12 * abs(chosen_value):
                    chosen, chosen_value = removed, attempt
            if chosen >= 0:
                trained[chosen] = False
                spent += cost[added] - cost[chosen]
                value, better = chosen_value, True
            else:
                trained[added] = False
    if value > best_value[0]:
        best_value[0] = value
        best_trained[:] = trained


@njit(cache=True)
def _prices(
    weight: Floats,
    members: Integers,
    count: Integers,
    active: np.ndarray,
    first: Integers,
    state: np.ndarray,
    multipliers: Floats,
    chosen: Integers,
    best: Floats,
) -> bool:
    """The best active edge of each target at prices λ; False if a target has none."""
    for target in range(first.size - 1):
        top, top_edge = -np.inf, -1
        for position in range(first[target], first[target + 1]):
            edge = active[position]
            if weight[edge] <= top:
                break
            reduced = weight[edge]
            for place in range(count[edge]):
                source = members[edge, place]
                if state[source] == 0:
                    reduced -= multipliers[target, source]
            if reduced > top:
                top, top_edge = reduced, edge
        if top_edge < 0:
            return False
        chosen[target] = top_edge
        best[target] = top
    return True


@njit(cache=True)
def _knapsack(
    cost: Floats, room: float, state: np.ndarray, price: Floats, share: Floats, rates: Floats
) -> float:
    """As in `relaxation.py`: fills `share`, and `rates` with what enters and what falls out; the total."""
    rate = np.full(price.size, -1.0)
    for source in range(price.size):
        share[source] = 0.0
        if state[source] == 0 and cost[source] <= room:
            rate[source] = price[source] / cost[source]
    total, above, below, full = 0.0, np.inf, 0.0, False
    for source in np.argsort(-rate):
        if rate[source] < 0:
            break
        if cost[source] <= room * (1 + 1e-12) and not full:
            share[source] = 1.0
            total += price[source]
            room -= cost[source]
            above = rate[source]
            continue
        below = rate[source]
        if not full and room > 1e-12:
            share[source] = room / cost[source]
            total += rate[source] * room
            above = below
        full = True
        break
    rates[0] = above if full else 0.0
    rates[1] = below
    return total


@njit(cache=True)
def _bound(
    weight: Floats,
    members: Integers,
    count: Integers,
    cost: Floats,
    room: float,
    active: np.ndarray,
    first: Integers,
    state: np.ndarray,
    multipliers: Floats,
    goal: float,
    known: float,
    share: Floats,
    average: Floats,
) -> float:
    """Descend on λ for a few iterations; leaves the best λ in place. Ends early below `goal`."""
    targets, sources = multipliers.shape
    chosen, best = np.zeros(targets, np.int64), np.zeros(targets)
    price, rates = np.zeros(sources), np.zeros(2)
    uses = np.zeros((targets, sources), np.bool_)
    kept = multipliers.copy()
    least, length, stalled = np.inf, 0.5, 0
    average[:] = 0.0
    for _ in range(_ITERATIONS):
        if not _prices(weight, members, count, active, first, state, multipliers, chosen, best):
            return _NONE
        for source in range(sources):
            price[source] = 0.0
        for target in range(targets):
            for source in range(sources):
                if state[source] == 0:
                    price[source] += multipliers[target, source]
        upper = np.sum(best) + _knapsack(cost, room, state, price, share, rates)
        average[:] = 0.9 * average + 0.1 * share
        if upper < least:
            stalled = 0 if upper < least - 1e-3 * (least - known) else stalled + 1
            least = upper
            kept[:] = multipliers
        else:
            stalled += 1
        if least <= goal:
            break
        if stalled >= 4:
            length, stalled = length * 0.6, 0
        norm = 0.0
        uses[:] = False
        for target in range(targets):
            for place in range(count[chosen[target]]):
                uses[target, members[chosen[target], place]] = True
            for source in range(sources):
                if state[source] == 0:
                    slope = (1.0 if uses[target, source] else 0.0) - share[source]
                    if slope > 0 or multipliers[target, source] > 0:
                        norm += slope * slope
        if norm == 0:
            break
        step = length * (upper - known) / norm
        for target in range(targets):
            for source in range(sources):
                if state[source] == 0:
                    slope = (1.0 if uses[target, source] else 0.0) - share[source]
                    multipliers[target, source] = max(0.0, multipliers[target, source] + step * slope)
    multipliers[:] = kept
    return least


@njit(cache=True)
def _fix(
    weight: Floats,
    members: Integers,
    count: Integers,
    cost: Floats,
    room: float,
    active: np.ndarray,
    first: Integers,
    state: np.ndarray,
    multipliers: Floats,
    goal: float,
    share: Floats,
) -> int:
    """Fix sources by reduced costs; how many, or −1 if nothing above `goal` is left at this node."""
    targets, sources = multipliers.shape
    chosen, best, rates = np.zeros(targets, np.int64), np.zeros(targets), np.zeros(2)
    if not _prices(weight, members, count, active, first, state, multipliers, chosen, best):
        return -1
    price = np.sum(multipliers, axis=0)
    upper = np.sum(best) + _knapsack(cost, room, state, price, share, rates)
    if upper <= goal:
        return -1
    fixed = 0
    for source in range(sources):
        if state[source] != 0:
            continue
        if cost[source] > room or (
            share[source] == 0 and upper - (rates[0] * cost[source] - price[source]) <= goal
        ):
            state[source] = -1
            fixed += 1
        elif share[source] == 1 and upper - (price[source] - rates[1] * cost[source]) <= goal:
            state[source] = 1
            fixed += 1
    return fixed


@njit(cache=True)
def _filter(
    members: Integers,
    count: Integers,
    state: np.ndarray,
    active: np.ndarray,
    first: Integers,
    next_active: np.ndarray,
    next_first: Integers,
) -> None:
    """Keep the edges without a banned source, down to the first whose sources are all trained already."""
    position = 0
    for target in range(first.size - 1):
        next_first[target] = position
        for old in range(first[target], first[target + 1]):
            edge = active[old]
            open_sources, banned = 0, False
            for place in range(count[edge]):
                sign = state[members[edge, place]]
                if sign < 0:
                    banned = True
                    break
                if sign == 0:
                    open_sources += 1
            if banned:
                continue
            next_active[position] = edge
            position += 1
            if open_sources == 0:
                break
    next_first[first.size - 1] = position


@njit(cache=True)
def _descend(
    weight: Floats,
    members: Integers,
    count: Integers,
    start: Integers,
    cost: Floats,
    capacity: float,
    states: np.ndarray,
    multipliers: Floats,
    active: np.ndarray,
    first: Integers,
    bounds: Floats,
    branch: Integers,
    phase: np.ndarray,
    level: Integers,
    best_trained: Booleans,
    best_value: Floats,
    gap: float,
    slack: float,
    most_nodes: int,
) -> int:
    """Go on with the depth-first search for some nodes; how many. `level` is −1 when the tree is done.

    `phase` of a depth: 0 the node is new, 1 its first child is being searched, 2 its second one is.
    `bounds` of a depth: what is still open at this node or in a child of its not yet searched.
    """
    sources = cost.size
    share, average = np.zeros(sources), np.zeros(sources)
    nodes = 0
    while level[0] >= 0 and nodes < most_nodes:
        depth = level[0]
        state = states[depth]
        if phase[depth] == 0:
            nodes += 1
            is_open = _open_node(
                weight,
                members,
                count,
                start,
                cost,
                capacity,
                state,
                multipliers[depth],
                active[depth],
                first[depth],
                bounds,
                depth,
                best_trained,
                best_value,
                gap,
                slack,
                share,
                average,
            )
            if not is_open:
                bounds[depth] = _NONE
                level[0] -= 1
                continue
            score, chosen = -1.0, -1
            for source in range(sources):
                if state[source] == 0 and average[source] * (1.0 - average[source]) > score:
                    score, chosen = average[source] * (1.0 - average[source]), source
            branch[depth] = chosen
        if phase[depth] == 2:
            bounds[depth] = _NONE
            level[0] -= 1
            continue
        states[depth + 1] = state
        states[depth + 1, branch[depth]] = 1 if phase[depth] == 0 else -1
        multipliers[depth + 1] = multipliers[depth]
        bounds[depth + 1] = bounds[depth]
        _filter(
            members,
            count,
            states[depth + 1],
            active[depth],
            first[depth],
            active[depth + 1],
            first[depth + 1],
        )
        phase[depth] += 1
        if phase[depth] == 2:
            bounds[depth] = _NONE
        phase[depth + 1] = 0
        level[0] += 1
    return nodes


@njit(cache=True)
def _open_node(
    weight: Floats,
    members: Integers,
    count: Integers,
    start: Integers,
    cost: Floats,
    capacity: float,
    state: np.ndarray,
    multipliers: Floats,
    active: np.ndarray,
    first: Integers,
    bounds: Floats,
    depth: int,
    best_trained: Booleans,
    best_value: Floats,
    gap: float,
    slack: float,
    share: Floats,
    average: Floats,
) -> bool:
    """Bound a node and fix what can be fixed; False if it is finished, its solutions taken into account."""
    while True:
        room, free_cost, free = capacity, 0.0, 0
        for source in range(cost.size):
            if state[source] > 0:
                room -= cost[source]
            elif state[source] == 0:
                free_cost += cost[source]
                free += 1
        if room < -1e-12 * capacity:
            return False
        everything = free == 0 or free_cost <= room * (1 + 1e-12)
        if not everything:
            goal = best_value[0] + max(slack, gap * abs(best_value[0]))
            bounds[depth] = min(
                bounds[depth],
                _bound(
                    weight,
                    members,
                    count,
                    cost,
                    room,
                    active,
                    first,
                    state,
                    multipliers,
                    goal,
                    best_value[0],
                    share,
                    average,
                ),
            )
            if bounds[depth] <= goal:
                return False
        trained = state > 0
        for source in range(cost.size):
            if state[source] == 0 and (everything or share[source] == 1.0):
                trained[source] = True
        value = _value(weight, members, count, start, trained)
        if value > best_value[0]:
            best_value[0] = value
            best_trained[:] = trained
        if everything:
            return False
        goal = best_value[0] + max(slack, gap * abs(best_value[0]))
        fixed = _fix(weight, members, count, cost, room, active, first, state, multipliers, goal, share)
        if fixed < 0:
            return False
        if fixed == 0:
            return True
