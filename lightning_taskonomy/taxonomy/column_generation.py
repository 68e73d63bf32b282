"""The linear relaxation of a choice among very many networks, by column generation.

Each task is served by exactly one network, every network used has a cost, and the total cost is limited:
a p-median problem with costs. A small linear program over a few networks gives dual prices of tasks, λ, and
of cost, μ; the reduced cost of a network, μ·c + Σ_t min(0, loss_t − λ_t), shows whether adding it could
improve the solution. Networks are added until none can. The bound and the reduced costs hold for all
networks, including those never added.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_ADDED = 200
"""The most networks added in one round."""
_ROUNDS = 500


@dataclass(frozen=True)
class Relaxation:
    """The solved relaxation.

    Attributes:
        bound: a lower bound on the sum of losses of every choice.
        reduced_costs: of each network, clipped at 0, (N,): the objective of any choice that includes the
            network is at least the bound plus this.
        columns: the networks in the last program, which usually include a good choice.
    """

    bound: float
    reduced_costs: Floats
    columns: Integers

    @classmethod
    def of(cls, losses: Floats, cost: Floats, budget: float) -> "Relaxation | None":
        """Solve it.

        Args:
            losses: of each task in each network, (N, T); NaN where a network does not serve a task.
            cost: of each network, (N,), none above the budget.
            budget: largest total cost.

        Returns:
            None where not even fractional networks can serve every task within the budget.
        """
        known = np.where(np.isnan(losses), np.inf, losses)
        if not np.isfinite(known).any(axis=0).all():
            return None
        finite = known[np.isfinite(known)]
        # The penalty for an unserved task: more than any choice of networks can save.
        unserved = 2 * float(np.abs(finite).max()) * losses.shape[1] + 1.0
        columns = np.unique(np.concatenate([np.argmin(known, axis=0), _cheapest(known, cost)]))
        best_bound, best_reduced = -np.inf, np.zeros(len(cost))
        for _ in range(_ROUNDS):
            value, prices, price_of_cost, left_out = _small_program(
                known[columns], cost[columns], budget, unserved
            )
            reduced = price_of_cost * cost + np.minimum(known - prices, 0.0).sum(axis=1)
            # A network is used at most once, so this bound is valid in every round, not only the last.
            bound = float(prices.sum()) - price_of_cost * budget + float(np.minimum(reduced, 0.0).sum())
            if bound > best_bound:
                best_bound, best_reduced = bound, reduced
            worse = np.setdiff1d(np.flatnonzero(reduced < -1e-9 * max(abs(value), 1.0)), columns)
            if len(worse) == 0:
                break
            columns = np.union1d(columns, worse[np.argsort(reduced[worse])[:_ADDED]])
        if left_out > 1e-7:
            return None
        return cls(best_bound, np.maximum(best_reduced, 0.0), columns)


def _cheapest(losses: Floats, cost: Floats) -> Integers:
    """Cheap networks that together serve every task: greedily, by cost per task newly served."""
    serves = np.isfinite(losses)
    left = np.ones(losses.shape[1], np.bool_)
    chosen: list[int] = []
    while left.any():
        gained = serves[:, left].sum(axis=1)
        best = int(np.argmin(np.where(gained > 0, (cost + 1e-12) / np.maximum(gained, 1), np.inf)))
        chosen.append(best)
        left &= ~serves[best]
    return np.array(chosen, np.int64)


def _small_program(
    losses: Floats, cost: Floats, budget: float, unserved: float
) -> tuple[float, Floats, float, float]:
    """Solve the relaxation over a few networks.

    Returns:
        Its value; the price of each task, (T,); the price of a unit of cost, at least 0; and the largest
        fraction of a task left unserved.
    """
    networks, tasks = losses.shape
    row, task = np.nonzero(np.isfinite(losses))
    edges = len(row)
    serve = np.arange(edges)
    size = edges + networks + tasks
    objective = np.concatenate([losses[row, task], np.zeros(networks), np.full(tasks, unserved)])
    every_task = sparse.csr_array(
        (
            np.ones(edges + tasks),
            (
                np.concatenate([task, np.arange(tasks)]),
                np.concatenate([serve, edges + networks + np.arange(tasks)]),
            ),
        ),
        (tasks, size),
    )
    paid = sparse.csr_array(
        (
            np.concatenate([np.ones(edges), -np.ones(edges), cost]),
            (
                np.concatenate([serve, serve, np.full(networks, edges)]),
                np.concatenate([serve, edges + row, edges + np.arange(networks)]),
            ),
        ),
        (edges + 1, size),
    )
    limits = np.concatenate([np.zeros(edges), [budget]])
    bounds = np.column_stack(
        [np.zeros(size), np.concatenate([np.full(edges, np.inf), np.ones(networks), np.ones(tasks)])]
    )
    found: Any = linprog(  # type: ignore[call-overload]  # its stubs lack sparse arrays
        objective, paid, limits, every_task, np.ones(tasks), bounds, method="highs-ds"
    )
    if found.status != 0:
        raise RuntimeError(f"HiGHS could not solve a relaxation: {found.message}")
    prices = np.asarray(found.eqlin.marginals, np.float64)
    left_out = float(np.asarray(found.x)[edges + networks :].max())
    return float(found.fun), prices, max(0.0, -float(found.ineqlin.marginals[-1])), left_out
