"""Local search for good taxonomies: kick a few sources out, then exchange one for another while it helps."""

import numpy as np
from numba import njit

from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Integers
from lightning_taskonomy.taxonomy.node_bound import ROUNDING, Program, Signs, value_of

_KICKED = 3


@njit(cache=True)
def exchange_sources(
    program: Program, state: Signs, orders: Integers, best_trained: Booleans, best_value: Floats
) -> None:
    """Look for a better choice near the best known one, and put it in its place.

    Args:
        program: the program.
        state: 1 for sources that stay, −1 for those that stay out, else 0, (S,).
        orders: three permutations of the sources, (3, S): who leaves first, who takes the place, and in
            which order exchanges are tried.
        best_trained: the best known choice, (S,); replaced if a better one is found.
        best_value: its objective, (1,).
    """
    trained = best_trained.copy()
    spent = _kick(program, state, orders, trained)
    value = value_of(program, trained)
    better = True
    while better:
        better = False
        for added in orders[2]:
            if trained[added] or state[added] < 0:
                continue
            removed, new_value = _best_leaver(program, state, orders[2], trained, spent, added, value)
            if removed >= 0:
                trained[added] = True
                trained[removed] = False
                spent += program.cost[added] - program.cost[removed]
                value = new_value
                better = True
    if value > best_value[0]:
        best_value[0] = value
        best_trained[:] = trained


@njit(cache=True)
def _kick(program: Program, state: Signs, orders: Integers, trained: Booleans) -> float:
    """Exchange a few sources at random; the cost of what is trained then."""
    kicked = 0
    for source in orders[0]:
        if trained[source] and state[source] == 0 and kicked < _KICKED:
            trained[source] = False
            kicked += 1
    spent = np.sum(program.cost[trained])
    for source in orders[1]:
        cost = program.cost[source]
        if not trained[source] and state[source] == 0 and spent + cost <= program.capacity * ROUNDING:
            trained[source] = True
            spent += cost
    return spent


@njit(cache=True)
def _best_leaver(
    program: Program,
    state: Signs,
    order: Integers,
    trained: Booleans,
    spent: float,
    added: int,
    value: float,
) -> tuple[int, float]:
    """Whom to exchange for `added`, and the objective then; −1 if no exchange is better than `value`."""
    room = program.capacity * ROUNDING - spent - program.cost[added]
    best, best_value = -1, value
    trained[added] = True
    for removed in order:
        if (
            trained[removed]
            and removed != added
            and state[removed] <= 0
            and room + program.cost[removed] >= 0
        ):
            trained[removed] = False
            attempt = value_of(program, trained)
            trained[removed] = True
            if attempt > best_value + 1e-12 * abs(best_value):
                best, best_value = removed, attempt
    trained[added] = False
    return best, best_value
