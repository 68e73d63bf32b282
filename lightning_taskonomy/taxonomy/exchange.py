"""Local search for good taxonomies: kick a few sources out, then exchange one for another while it helps."""

import numpy as np

from lightning_taskonomy.taxonomy.hypergraph import Booleans, Integers
from lightning_taskonomy.taxonomy.node_bound import ROUNDING, Program, Signs, value_of

_KICKED = 3


def exchange_sources(
    program: Program, state: Signs, shuffles: np.random.Generator, trained: Booleans
) -> Booleans:
    """A choice of sources near `trained` that no single exchange makes better.

    Args:
        program: the program.
        state: 1 for sources that stay, −1 for those that stay out, else 0, (S,).
        shuffles: decides who is kicked out and in which order exchanges are tried.
        trained: the choice to start from, (S,).
    """
    movable = np.flatnonzero(state == 0)
    trained = _kicked(program, movable, shuffles, trained)
    value = value_of(program, trained)
    order = shuffles.permutation(movable)
    better = True
    while better:
        better = False
        for added in order[~trained[order]]:
            removed, attempt = _best_leaver(program, order[trained[order]], trained, int(added), value)
            if removed >= 0:
                trained[added], trained[removed] = True, False
                value, better = attempt, True
    return trained


def _kicked(
    program: Program, movable: Integers, shuffles: np.random.Generator, trained: Booleans
) -> Booleans:
    """Exchange a few sources at random."""
    trained = trained.copy()
    trained[shuffles.permutation(movable[trained[movable]])[:_KICKED]] = False
    spent = float(program.cost[trained].sum())
    for source in shuffles.permutation(movable[~trained[movable]]):
        cost = float(program.cost[source])
        if spent + cost <= program.capacity * ROUNDING:
            trained[source] = True
            spent += cost
    return trained


def _best_leaver(
    program: Program, leavers: Integers, trained: Booleans, added: int, value: float
) -> tuple[int, float]:
    """Whom to exchange for `added`, and the objective then; −1 if no exchange is better than `value`."""
    room = program.capacity * ROUNDING - float(program.cost[trained].sum()) - program.cost[added]
    best, best_value = -1, value
    trained[added] = True
    for removed in leavers[room + program.cost[leavers] >= 0]:
        trained[removed] = False
        attempt = value_of(program, trained)
        trained[removed] = True
        if attempt > best_value + 1e-12 * abs(best_value):
            best, best_value = int(removed), attempt
    trained[added] = False
    return best, best_value
