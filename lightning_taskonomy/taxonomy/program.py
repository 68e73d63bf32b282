"""The labelling problem: which tasks to train fully and which to transfer, within a budget (step IV)."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.taxonomy.hypergraph import Booleans, Hypergraph
from lightning_taskonomy.taxonomy.relaxation import Relaxed, relax, tolerance, whole_capacity
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import Transfers

Solver = Literal["auto", "highs"]

_HIGHS_FROM_PROGRAMS = 8
_HIGHS_UP_TO_EDGES = 2000
"""Programs of this number and size are settled fastest by HiGHS, once CVXPY's second of import pays."""
_SEARCH_FROM = 20
"""Undecided sources from which the compiled search beats HiGHS on what the relaxation leaves."""


class InfeasibleBudgetError(InputError):
    """A budget that cannot serve every target.

    Attributes:
        least_budget: the least one that can.
    """

    def __init__(self, budget: float, unserved: Collection[str], least_budget: float) -> None:
        self.least_budget = least_budget
        # In full: a rounded least budget may be one that does not work.
        super().__init__(
            f"budget: {budget:.12g} cannot serve every target; left without a transfer: {', '.join(unserved)}; "
            f"the least budget that works is {least_budget:.12g}"
        )


@dataclass(frozen=True)
class TaxonomyProblem:
    """Maximise importance times affinity over one transfer per target, within the labelling budget.

    Attributes:
        transfers: the measured transfers.
        budget: largest total label cost of the tasks trained fully, in units of `cost`.
        max_order: the largest number of sources of a transfer; None for any.
        importance: weight of a target; 1 where absent.
        cost: label cost of a task trained fully; 1 where absent, 0 for a self-supervised one.
        targets: the tasks to be solved; by default every target of the table.
        target_only: tasks that must not be trained fully, not even for themselves.
        source_only: tasks that need no solving.
        trained: tasks that are trained fully whatever happens; their cost counts.
        excluded: tasks that must not be trained fully; the same as `target_only`, by another motive.
        solver: `auto` settles most programs by relaxation, gives what is left to HiGHS through CVXPY, or to a
            branch and bound of our own where much is left; `highs` gives the whole program to HiGHS.
        time_limit: seconds for what the relaxation leaves open; then the gap is stated. None for no limit.
        gap: share of the objective within which the answer need not be improved.
    """

    transfers: Transfers
    budget: float = 8
    max_order: int | None = 4
    importance: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    targets: Collection[str] | None = None
    target_only: Collection[str] = ()
    source_only: Collection[str] = ()
    trained: Collection[str] = ()
    excluded: Collection[str] = ()
    solver: Solver = "auto"
    time_limit: float | None = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        self._check_numbers()
        named = {
            "importance": self.importance,
            "cost": self.cost,
            "targets": self.targets or (),
            "target-only": self.target_only,
            "source-only": self.source_only,
            "trained": self.trained,
            "excluded": self.excluded,
        }
        for option, names in named.items():
            self.transfers.require_tasks(names, option)
        for name in self.targets or ():
            if name not in self.transfers.targets:
                raise InputError(f"targets: {name} is never a target in {self.transfers.origin}")
        for name in self.trained:
            if name in self.excluded or name in self.target_only:
                raise InputError(f"trained: {name} is excluded or target-only as well")

    def solve(self) -> Taxonomy:
        """The best taxonomy within the budget; the same one whatever the order of the table's rows.

        Raises:
            InputError: a target has no candidate, or the budget cannot serve all of them; says which targets,
                and the least budget that works.
        """
        answer = next(self.solve_grid([self.budget], [self.max_order]))
        if isinstance(answer, InfeasibleBudgetError):
            raise answer
        return answer

    def solve_grid(
        self, budgets: Iterable[float], max_orders: Iterable[int | None]
    ) -> Iterator["Taxonomy | InfeasibleBudgetError"]:
        """Solve for every maximum order and budget, order by order, budgets as given.

        Neighbours help each other: prices learnt at one budget start the next, and its taxonomy, still
        affordable at a larger budget, is a first answer there. A budget that cannot serve every target gives
        the error in the place of a taxonomy.

        Raises:
            InputError: a target has no candidate.
        """
        budgets, max_orders = list(budgets), list(max_orders)
        for budget, max_order in itertools.product(budgets, max_orders):
            replace(self, budget=budget, max_order=max_order)  # refuse a bad number before the first answer
        many = len(budgets) * len(max_orders) >= _HIGHS_FROM_PROGRAMS
        for max_order in max_orders:
            graph = self.graph if max_order is None else self.graph.up_to_order(max_order)
            self._require_candidates(graph, max_order)
            small = len(graph.edges) <= _HIGHS_UP_TO_EDGES
            solver: Solver = "highs" if many and small else self.solver
            relaxed: Relaxed | None = None
            refusal: InfeasibleBudgetError | None = None
            for budget in budgets:
                problem = replace(self, budget=budget, max_order=max_order, solver=solver)
                if refusal is not None and budget < refusal.least_budget:
                    yield problem._infeasible(graph, refusal.least_budget)
                    continue
                try:
                    relaxed, trained, upper = problem._optimum(graph, relaxed)
                except InfeasibleBudgetError as error:
                    refusal = error
                    yield refusal
                else:
                    yield problem._taxonomy(graph, trained, upper)

    @cached_property
    def wanted_targets(self) -> tuple[str, ...]:
        """The tasks to be solved, by name."""
        wanted = self.transfers.targets if self.targets is None else self.targets
        return tuple(sorted(set(wanted) - set(self.source_only)))

    @cached_property
    def graph(self) -> Hypergraph:
        """The candidate transfers of every order that an optimum may need."""
        return self._build(with_dominated=False)

    @cached_property
    def graph_with_dominated(self) -> Hypergraph:
        """The candidate transfers of every order, all of them."""
        return self._build(with_dominated=True)

    def _build(self, with_dominated: bool) -> Hypergraph:
        if not self.wanted_targets:
            raise InputError(f"targets: no task of {self.transfers.origin} is left to be solved")
        barred = {*self.target_only, *self.excluded}
        return Hypergraph.build(
            self.transfers.candidates(),
            self.wanted_targets,
            [task for task in self.transfers.tasks if task not in barred],
            self.importance,
            self.cost,
            with_dominated,
        )

    def _check_numbers(self) -> None:
        if not (math.isfinite(self.budget) and self.budget >= 0):
            raise InputError(f"budget: expected a finite number of at least 0, found {self.budget:g}")
        if self.max_order is not None and self.max_order < 1:
            raise InputError(f"max-order: expected a whole number of at least 1, found {self.max_order}")
        for option, numbers in (("importance", self.importance), ("cost", self.cost)):
            for name, number in numbers.items():
                if not (math.isfinite(number) and number >= 0):
                    raise InputError(
                        f"{option}: expected a number of at least 0 for {name}, found {number:g}"
                    )
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError(f"time-limit: expected more than 0 seconds, found {self.time_limit:g}")
        if not 0 <= self.gap < 1:
            raise InputError(f"gap: expected a share from 0 to below 1, found {self.gap:g}")

    def _require_candidates(self, graph: Hypergraph, max_order: int | None) -> None:
        empty = [name for name, n in zip(graph.targets, np.diff(graph.start), strict=True) if n == 0]
        if empty:
            limit = "" if max_order is None else f" of order up to {max_order}"
            raise InputError(
                f"{self.transfers.origin}: no candidate transfer{limit} that this problem allows for "
                f"{', '.join(empty)}"
            )

    def _optimum(
        self, graph: Hypergraph, neighbour: Relaxed | None
    ) -> tuple[Relaxed | None, Booleans, float]:
        """What the next budget can start from, the best sources to train, and an upper bound."""
        capacity = whole_capacity(graph, self.budget)
        forced = np.isin(graph.sources, list(self.trained))
        banned = np.zeros(len(graph.sources), np.bool_)
        if graph.cost[forced].sum() > capacity:
            raise self._infeasible(graph)
        if self.solver == "highs":
            return None, *self._by_highs(graph, forced, banned, capacity)
        known = neighbour and (neighbour.trained, neighbour.multipliers)
        if known and graph.cost[known[0]].sum() > capacity:
            known = None
        relaxed = relax(graph, self.budget, forced, banned, *(known or ()))
        if np.isneginf(relaxed.value):
            return None, *self._by_highs(graph, forced, banned, capacity)
        trained, upper = relaxed.trained, relaxed.upper
        if not relaxed.closed and upper > relaxed.value * (1 + self.gap):
            trained, upper = self._finish(relaxed, capacity)
        return replace(relaxed, trained=trained, value=graph.value(trained)), trained, upper

    def _finish(self, relaxed: Relaxed, capacity: float) -> tuple[Booleans, float]:
        """Settle what a relaxation left open; it holds only what is better than the known solution."""
        if (~(relaxed.forced | relaxed.banned)).sum() >= _SEARCH_FROM:
            from lightning_taskonomy.taxonomy.search import search  # numba takes its time

            found = search(relaxed, capacity, self.gap, self.time_limit)
            return found.trained, found.upper
        from lightning_taskonomy.taxonomy.statement import Statement  # CVXPY takes its time

        statement = Statement(relaxed.graph, capacity, relaxed.forced, relaxed.banned)
        trained, upper = statement.best(self.time_limit, self.gap)
        upper = min(relaxed.upper, max(upper, relaxed.value))
        if trained is None or relaxed.graph.value(trained) <= relaxed.value:
            return relaxed.trained, upper
        return trained, upper

    def _by_highs(
        self, graph: Hypergraph, forced: Booleans, banned: Booleans, capacity: float
    ) -> tuple[Booleans, float]:
        """Give the whole program to HiGHS."""
        from lightning_taskonomy.taxonomy.statement import Statement

        trained, upper = Statement(graph, capacity, forced, banned).best(self.time_limit, self.gap)
        if trained is None and np.isneginf(upper):
            raise self._infeasible(graph)
        if trained is None:
            raise InputError(f"time-limit: no taxonomy was found within {self.time_limit:g} seconds")
        return trained, upper

    def _infeasible(self, graph: Hypergraph, least_budget: float | None = None) -> "InfeasibleBudgetError":
        """Why this budget cannot serve every target, with the least that can, which may be known already."""
        from lightning_taskonomy.taxonomy.statement import Statement

        forced = np.isin(graph.sources, list(self.trained))
        banned = np.zeros(len(graph.sources), np.bool_)
        statement = Statement(graph, whole_capacity(graph, self.budget), forced, banned)
        unserved = [graph.targets[index] for index in statement.unserved()]
        least = statement.least_budget() if least_budget is None else least_budget
        return InfeasibleBudgetError(self.budget, unserved, least)

    def _taxonomy(self, graph: Hypergraph, trained: Booleans, upper: float) -> Taxonomy:
        """Report only sources that a chosen transfer uses, or that were forced in."""
        forced = np.isin(graph.sources, list(self.trained))
        trained = _without_idle(graph, trained, forced)
        best = graph.with_sources(trained)
        objective = float(graph.weight[best].sum())
        chosen = tuple(graph.edges[index] for index in best)
        settled = upper - objective <= max(tolerance(graph), 1e-9 * abs(objective))
        return Taxonomy(
            objective=objective,
            upper_bound=objective if settled else upper,
            budget=self.budget,
            max_order=self.max_order,
            spent=float(graph.cost[trained].sum()),
            sources=tuple(name for name, used in zip(graph.sources, trained, strict=True) if used),
            transfers=chosen,
            tasks=self.transfers.tasks,
        )


def _without_idle(graph: Hypergraph, trained: Booleans, forced: Booleans) -> Booleans:
    """Drop sources that the objective does not need, the dearest first, then from the end of the alphabet."""
    value = graph.value(trained)
    lean = trained.copy()
    order = sorted(np.flatnonzero(trained & ~forced), key=lambda index: (-graph.cost[index], -index))
    for index in order:
        lean[index] = False
        if graph.value(lean) < value - tolerance(graph):
            lean[index] = True
    return lean
