"""The labelling problem: which tasks to train fully and which to transfer, within a budget (step IV)."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import is_self_supervised
from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Hypergraph, Solution
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import OBJECTIVES, SCRATCH, Objective, Transfer, Transfers

if TYPE_CHECKING:
    from lightning_taskonomy.taxonomy.search import Search

Solver = Literal["auto", "highs"]


_LARGEST = 1e15
"""The largest cost or importance allowed."""
_LARGEST_TOTAL = 1e300
"""The largest objective allowed."""


class InfeasibleBudgetError(InputError):
    """A budget that cannot serve every target.

    Attributes:
        least_budget: the least feasible budget; the least one found, if there was no time to prove it.
        proven: whether no smaller budget is feasible.
    """

    def __init__(
        self, budget: float, unserved: Collection[str], least_budget: float, proven: bool = True
    ) -> None:
        self.least_budget = least_budget
        self.proven = proven
        least = "the least budget that works" if proven else "the least budget known to work"
        # In full: a rounded least budget may be infeasible.
        super().__init__(
            f"budget: {budget:.12g} cannot serve every target; left without a transfer: "
            f"{', '.join(unserved)}; {least} is {least_budget:.12g}"
        )


@dataclass(frozen=True)
class TaxonomyProblem:
    """Maximise importance times affinity (or a win rate) over one transfer per target, within the budget.

    Attributes:
        transfers: the measured transfers.
        budget: largest total label cost of the tasks trained fully, in units of `cost`.
        max_order: the largest number of sources of a transfer; None for any.
        importance: weight of a target; 1 where absent.
        cost: label cost of a task trained fully; 1 where absent, 0 for a self-supervised one.
        objective: what is maximised: affinity, gain or quality; AHP's affinity is the paper's.
        scratch: training from scratch on a target's small set may be chosen too, at no cost.
        free_self_supervised: tasks whose label is the image itself cost 0 unless `cost` says otherwise.
        targets: the tasks to be solved; by default every target of the table.
        target_only: tasks that must not be trained fully, not even for themselves.
        source_only: tasks that need no solving.
        trained: tasks that are trained fully in any case; their cost counts.
        excluded: tasks that must not be trained fully; same effect as `target_only`, for another reason.
        solver: `auto` searches over the sources, bounded by a linear relaxation in HiGHS; `highs` solves the
            whole program in HiGHS through CVXPY: a slower cross-check.
        time_limit: seconds after which the best answer so far is returned, with its gap. None for no limit.
        gap: relative optimality gap at which to stop.
    """

    transfers: Transfers
    budget: float = 8
    max_order: int | None = 4
    importance: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    objective: Objective = "affinity"
    scratch: bool = False
    free_self_supervised: bool = False
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
        for option in ("importance", "cost"):
            numbers = self.transfers.numbers_of_tasks(getattr(self, option), option)
            object.__setattr__(self, option, numbers)
        if self.objective not in OBJECTIVES:
            raise InputError(f"objective: expected {' or '.join(OBJECTIVES)}, found {self.objective!r}")
        if self.free_self_supervised:
            free = {task: 0.0 for task in self.transfers.tasks if is_self_supervised(task)}
            object.__setattr__(self, "cost", {**free, **self.cost})
        for option in ("targets", "target_only", "source_only", "trained", "excluded"):
            names: Collection[str] | None = getattr(self, option)
            if names is not None:
                found = self.transfers.tasks_named(names, option.replace("_", "-"))
                object.__setattr__(self, option, found)
        for name in self.targets or ():
            if name not in self.transfers.targets:
                raise InputError(f"targets: {name} is never a target in {self.transfers.origin}")
        for name in self.trained:
            if name in self.excluded or name in self.target_only:
                raise InputError(f"trained: {name} is excluded or target-only as well")

    def solve(self) -> Taxonomy:
        """The best taxonomy within the budget; the same one whatever the order of the table's rows.

        Raises:
            InputError: a target has no candidate, or the budget cannot serve all of them; names the targets
                and the least feasible budget.
        """
        answer = next(self.solve_grid([self.budget], [self.max_order]))
        if isinstance(answer, InfeasibleBudgetError):
            raise answer
        return answer

    def solve_grid(
        self, budgets: Iterable[float], max_orders: Iterable[int | None]
    ) -> Iterator["Taxonomy | InfeasibleBudgetError"]:
        """Solve for every maximum order and budget, order by order, budgets as given.

        A budget that cannot serve every target yields the error in place of a taxonomy.

        Raises:
            InputError: a target has no candidate.
        """
        budgets, max_orders = list(budgets), list(max_orders)
        for budget, max_order in itertools.product(budgets, max_orders):
            replace(self, budget=budget, max_order=max_order)  # reject bad values before the first answer
        for max_order in max_orders:
            related = RelatedPrograms(replace(self, max_order=max_order), self.graph)
            refusal: InfeasibleBudgetError | None = None
            for budget in budgets:
                if refusal is not None and refusal.proven and budget < refusal.least_budget:
                    yield related.refusal(budget, refusal.least_budget)
                    continue
                try:
                    yield related.solve(budget=budget)
                except InfeasibleBudgetError as error:
                    refusal = error
                    yield refusal

    @cached_property
    def wanted_targets(self) -> tuple[str, ...]:
        """The tasks to be solved, by name."""
        wanted = self.transfers.targets if self.targets is None else self.targets
        return tuple(sorted(set(wanted) - set(self.source_only)))

    @cached_property
    def graph(self) -> Hypergraph:
        """The candidate transfers of every order."""
        if not self.wanted_targets:
            raise InputError(f"targets: no task of {self.transfers.origin} is left to be solved")
        barred = {*self.target_only, *self.excluded}
        graph = Hypergraph.build(
            self._candidates(),
            self.wanted_targets,
            [task for task in self.transfers.tasks if task not in barred],
            self.importance,
            self.cost,
            self.objective,
        )
        with np.errstate(over="ignore"):
            sizes = np.abs(graph.weight)
            total = graph.best_weight(sizes)[np.diff(graph.start) > 0].sum()
        if not total < _LARGEST_TOTAL:
            raise InputError(
                f"{self.transfers.origin}: importance times {self.objective} adds up to more than "
                f"{_LARGEST_TOTAL:g}"
            )
        return graph

    def _candidates(self) -> tuple[Transfer, ...]:
        """What a target may be served by.

        Raises:
            InputError: training from scratch was requested but not measured for a target.
        """
        found = self.transfers.candidates(self.objective, self.scratch)
        if self.scratch:
            known = {row.target for row in found if row.is_scratch}
            missing = [target for target in self.wanted_targets if target not in known]
            if missing:
                raise InputError(
                    f"{self.transfers.origin}: scratch: expected a row {SCRATCH!r} (training from scratch) "
                    f"with its {self.objective} for {', '.join(missing)}"
                )
        return found

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
                if number > _LARGEST:  # sums of such numbers overflow
                    raise InputError(
                        f"{option}: expected a number of at most {_LARGEST:g} for {name}, found {number:g}"
                    )
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError(f"time-limit: expected more than 0 seconds, found {self.time_limit:g}")
        if not 0 <= self.gap < 1:
            raise InputError(f"gap: expected a fraction from 0 to below 1, found {self.gap:g}")


class RelatedPrograms:
    """One problem solved repeatedly on the same candidates, with different affinities or budgets.

    Made for thousands of programs, as in resampling: the shared model is passed to HiGHS once. Each answer
    is the one that `TaxonomyProblem.solve` gives on a table with these values, whatever was solved before.
    Not thread-safe.

    Attributes:
        problem: the problem; its budget is the default.
        candidates: the transfers that may be chosen, by target, order and name.
    """

    def __init__(self, problem: TaxonomyProblem, graph: Hypergraph | None = None) -> None:
        """Prepare the programs.

        Args:
            problem: the problem.
            graph: its `graph`, if already built.

        Raises:
            InputError: a target has no candidate.
        """
        graph = problem.graph if graph is None else graph
        self._graph = graph if problem.max_order is None else graph.up_to_order(problem.max_order)
        self.problem = problem
        self.candidates = self._graph.edges
        self._require_candidates()
        self._forced: Booleans = np.isin(graph.sources, list(problem.trained))
        self._search: Search | None = None

    def solve(self, worths: Sequence[float] | Floats | None = None, budget: float | None = None) -> Taxonomy:
        """The best taxonomy; all values of its transfers except the maximised measure are the table's.

        Args:
            worths: affinity of each of the `candidates`, or whichever measure the problem maximises; by
                default those of the table.
            budget: label units; by default the problem's.

        Raises:
            InputError: not one finite worth for each candidate; the budget cannot serve every target; or
                no taxonomy was found in time.
        """
        graph = self._graph
        if worths is not None:
            graph = graph.with_worths(self._checked(worths))
        budget = self.problem.budget if budget is None else budget
        found = self._optimum(graph, budget)
        if found.trained is None and np.isneginf(found.upper):
            raise self.refusal(budget)
        if found.trained is None:
            raise InputError(f"time-limit: no taxonomy was found within {self.problem.time_limit:g} seconds")
        return self._taxonomy(graph, budget, found.trained, found)

    def refusal(self, budget: float, least_budget: float | None = None) -> InfeasibleBudgetError:
        """The error for a budget that cannot serve every target, with the least feasible one."""
        from lightning_taskonomy.taxonomy.statement import Statement

        statement = Statement(self._graph, budget, self._forced)
        limit = None if self.problem.time_limit is None else self.problem.time_limit / 2  # for each of two
        unserved = [self._graph.targets[index] for index in statement.unserved(limit)]
        least, proven = (least_budget, True) if least_budget is not None else statement.least_budget(limit)
        return InfeasibleBudgetError(budget, unserved, least, proven)

    def _optimum(self, graph: Hypergraph, budget: float) -> Solution:
        """The best sources to train, if there are any."""
        problem = self.problem
        if problem.solver == "highs":
            from lightning_taskonomy.taxonomy.statement import Statement  # CVXPY is slow to import

            return Statement(graph, budget, self._forced).best(problem.time_limit, problem.gap)
        if self._search is None:
            from lightning_taskonomy.taxonomy.search import Search  # so is SciPy

            self._search = Search(self._graph)
        return self._search.best(graph.worth, budget, self._forced, problem.gap, problem.time_limit)

    def _checked(self, worths: Sequence[float] | Floats) -> Floats:
        numbers = np.asarray(worths, np.float64)
        if numbers.shape != (len(self.candidates),) or not np.isfinite(numbers).all():
            raise InputError(
                f"worths: expected {len(self.candidates)} finite numbers, one for each candidate, found "
                f"{np.isfinite(numbers).sum()} of {numbers.size}"
            )
        return numbers

    def _require_candidates(self) -> None:
        graph, max_order = self._graph, self.problem.max_order
        empty = [name for name, n in zip(graph.targets, np.diff(graph.start), strict=True) if n == 0]
        if empty:
            limit = "" if max_order is None else f" of order up to {max_order}"
            raise InputError(
                f"{self.problem.transfers.origin}: no candidate transfer{limit} that this problem allows for "
                f"{', '.join(empty)}"
            )

    def _taxonomy(self, graph: Hypergraph, budget: float, trained: Booleans, found: Solution) -> Taxonomy:
        """Report only sources that a chosen transfer uses or that were forced."""
        trained = graph.without_idle(trained, self._forced, found.tolerance)
        best = graph.with_sources(trained)
        objective = float(graph.weight[best].sum())
        return Taxonomy(
            objective=objective,
            upper_bound=objective + found.above,
            budget=budget,
            max_order=self.problem.max_order,
            spent=float(graph.cost[trained].sum()),
            sources=tuple(name for name, used in zip(graph.sources, trained, strict=True) if used),
            transfers=tuple(
                replace(graph.edges[index], **{self.problem.objective: float(graph.worth[index])})
                for index in best
            ),
            tasks=self.problem.transfers.tasks,
            maximises=self.problem.objective,
        )
