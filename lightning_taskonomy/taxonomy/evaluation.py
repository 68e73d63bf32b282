"""Gain and quality of the best taxonomies over budgets and orders (Fig. 8 and 9)."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, TaxonomyProblem
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy

POLICY_COLUMNS = (
    "max_order",
    "budget",
    "objective",
    "target",
    "sources",
    "order",
    "affinity",
    "gain",
    "quality",
)
SUMMARY_COLUMNS = (
    "max_order",
    "budget",
    "objective",
    "upper_bound",
    "spent",
    "sources",
    "mean_gain",
    "mean_quality",
)


@dataclass(frozen=True)
class Evaluation:
    """The taxonomies of a grid of budgets and maximum orders.

    Attributes:
        problem: what was solved; its own budget and order do not matter.
        budgets: label units, ascending.
        max_orders: ascending.
        taxonomies: by (maximum order, budget); infeasible pairs are absent.
        least_budgets: by maximum order, the least feasible budget, where some budget was too small.
    """

    problem: TaxonomyProblem
    budgets: tuple[float, ...]
    max_orders: tuple[int, ...]
    taxonomies: dict[tuple[int, float], Taxonomy]
    least_budgets: dict[int, float]

    @classmethod
    def of(
        cls,
        problem: TaxonomyProblem,
        budgets: Iterable[float],
        max_orders: Iterable[int],
        after_each: Callable[[], None] = lambda: None,
    ) -> "Evaluation":
        """Solve a problem for every budget and maximum order.

        Args:
            problem: what to solve; its own budget and order do not matter.
            budgets: label units.
            max_orders: largest numbers of sources.
            after_each: called after each program, to show progress.

        Raises:
            InputError: no pair is feasible, or a target has no candidate.
        """
        budgets, max_orders = sorted(set(budgets)), sorted(set(max_orders))
        taxonomies: dict[tuple[int, float], Taxonomy] = {}
        least_budgets: dict[int, float] = {}
        refusal: InfeasibleBudgetError | None = None
        grid = itertools.product(max_orders, budgets)
        for (max_order, budget), answer in zip(grid, problem.solve_grid(budgets, max_orders), strict=True):
            after_each()
            if isinstance(answer, InfeasibleBudgetError):
                least_budgets[max_order], refusal = answer.least_budget, answer
            else:
                taxonomies[max_order, budget] = answer
        if refusal is not None and not taxonomies:
            raise refusal
        return cls(problem, tuple(budgets), tuple(max_orders), taxonomies, least_budgets)

    def save_tables(self, folder: Path) -> None:
        """Write `policies.csv`, a row per target, and `summary.csv`, a row per taxonomy.

        Raises:
            InputError: a file cannot be written.
        """
        policies = [
            (order, budget, taxonomy.objective, t.target, t.label, t.order, t.affinity, t.gain, t.quality)
            for (order, budget), taxonomy in self.taxonomies.items()
            for t in taxonomy.transfers
        ]
        summary = [
            (
                *(order, budget, taxonomy.objective, taxonomy.upper_bound, taxonomy.spent),
                *("+".join(taxonomy.sources), taxonomy.mean_gain, taxonomy.mean_quality),
            )
            for (order, budget), taxonomy in self.taxonomies.items()
        ]
        write_csv(folder / "policies.csv", POLICY_COLUMNS, policies)
        write_csv(folder / "summary.csv", SUMMARY_COLUMNS, summary)
