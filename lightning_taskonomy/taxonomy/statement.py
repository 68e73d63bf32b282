"""The boolean program of Taskonomy's step IV, stated in CVXPY and solved by HiGHS.

The search (`search.py`) usually solves the same program. Here the whole program is stated for HiGHS, which
also finds the targets that an infeasible budget leaves unserved, and the least feasible budget. Importing
CVXPY takes a second, so this module is imported only when needed.
"""

import warnings
from typing import Any

import cvxpy
import numpy as np
import scipy.sparse as sparse

from lightning_taskonomy.taxonomy.hypergraph import TOLERANCE, Booleans, Hypergraph, Integers, Solution


class Statement:
    """The variables and constraints of one program; each method states its own objective.

    x_e ∈ [0, 1] indicates that transfer e is chosen, y_s ∈ {0, 1} that source s is trained. Condition I is
    stated once per target and source, Σ_{e of t, s in e} x_e ≤ y_s. That is equivalent to one row per
    transfer, since by condition II a target has exactly one, but makes the program smaller and tighter. x
    need not be declared boolean: for boolean y, some optimal x is boolean.
    """

    def __init__(self, graph: Hypergraph, budget: float, forced: Booleans) -> None:
        """State the program.

        Args:
            graph: its edges.
            budget: largest total cost of the trained sources.
            forced: sources that must be trained, (S,).
        """
        targets, sources, edges = len(graph.targets), len(graph.sources), len(graph.edges)
        self.graph = graph
        self.chosen = cvxpy.Variable(edges, nonneg=True)
        self.trained = cvxpy.Variable(sources, boolean=True)
        of_target = sparse.csr_array((np.ones(edges), (graph.target, np.arange(edges))), (targets, edges))
        row, edge, source = graph.needs()
        rows = len(source)
        needs = sparse.csr_array((np.ones(len(edge)), (row, edge)), (rows, edges))
        source_of_row = sparse.csr_array((np.ones(rows), (np.arange(rows), source)), (rows, sources))
        self.per_target: cvxpy.Expression = cvxpy.Constant(of_target) @ self.chosen
        self.needs_trained = (
            cvxpy.Constant(needs) @ self.chosen <= cvxpy.Constant(source_of_row) @ self.trained
        )
        self.spent: cvxpy.Expression = cvxpy.Constant(graph.cost) @ self.trained
        self.within_budget = self.spent <= graph.capacity(budget)
        self.is_forced = self.trained[forced] == 1

    def best(self, time_limit: float | None = None, gap: float = 0.0) -> Solution:
        """Maximise the objective.

        Args:
            time_limit: seconds; no limit by default.
            gap: relative optimality gap at which to stop.
        """
        weight = self.graph.weight
        sizes = self.graph.best_weight(np.abs(weight))
        scale, tolerance = float(sizes.max()) or 1.0, TOLERANCE * float(sizes.sum())
        problem = cvxpy.Problem(
            cvxpy.Maximize(cvxpy.Constant(weight / scale) @ self.chosen),
            [self.per_target == 1, self.needs_trained, self.within_budget, self.is_forced],
        )
        self._solve(problem, time_limit, gap)
        if problem.status in (cvxpy.INFEASIBLE, cvxpy.settings.INFEASIBLE_OR_UNBOUNDED):
            return Solution.of(self.graph, None, np.inf, -np.inf, tolerance)
        info: Any = problem.solver_stats.extra_stats  # a HiGHS object, though CVXPY declares a dictionary
        upper = -float(info.mip_dual_bound) * scale
        trained = None if self.trained.value is None else self._trained()
        above = np.inf if trained is None else max(upper - self.graph.value(trained), 0.0)
        return Solution.of(self.graph, trained, above, upper, tolerance)

    def unserved(self, time_limit: float | None = None) -> Integers:
        """Targets left without a transfer when as many as possible are served within the budget.

        With a time limit, for the best choice found.
        """
        problem = cvxpy.Problem(
            cvxpy.Maximize(cvxpy.Constant(np.ones(len(self.graph.edges))) @ self.chosen),
            [self.per_target <= 1, self.needs_trained, self.within_budget, self.is_forced],
        )
        self._solve(problem, time_limit)
        if self.trained.value is None:
            return np.arange(len(self.graph.targets))
        return np.flatnonzero(self.graph.with_sources(self._trained()) < 0)

    def least_budget(self, time_limit: float | None = None) -> tuple[float, bool]:
        """The least total cost of sources with which every target has a transfer, and whether it is proven.

        With a time limit, the least cost found.
        """
        problem = cvxpy.Problem(
            cvxpy.Minimize(self.spent), [self.per_target == 1, self.needs_trained, self.is_forced]
        )
        self._solve(problem, time_limit)
        known = self.trained.value is not None
        trained = self._trained() if known else np.ones(len(self.graph.sources), np.bool_)
        return float(self.graph.cost[trained].sum()), problem.status == cvxpy.OPTIMAL

    def _trained(self) -> Booleans:
        return np.asarray(self.trained.value) > 0.5

    @staticmethod
    def _solve(problem: cvxpy.Problem, time_limit: float | None = None, gap: float = 0.0) -> None:
        options: dict[str, float] = {
            "mip_rel_gap": gap,
            "mip_abs_gap": 0.0,
            "mip_feasibility_tolerance": 1e-9,
        }
        if time_limit is not None:
            options["time_limit"] = time_limit
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            problem.solve(solver=cvxpy.HIGHS, highs_options=options)  # type: ignore[no-untyped-call]
