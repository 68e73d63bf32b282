"""Options of the boolean program that several commands share."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lightning_taskonomy.cli.option_types import NO_NAMES, NamedNumbers, Names
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from lightning_taskonomy.taxonomy.transfers import Objective


@dataclass(frozen=True)
class ProblemOptions:
    """The labelling problem, except table, budget and order.

    Attributes:
        targets: tasks to be solved; by default every target of the table
        importance: weight of a target in the objective; 1 where not given
        cost: label cost of a task, in label units; 1 where not given, 0 for free labels
        objective: what is maximised: affinity, gain or quality
        scratch: training from scratch on a target's small set may be chosen too, at no cost
        free_self_supervised: tasks whose label is the image itself (autoencoding, colorization, ...) cost 0
        target_only: tasks that must not be trained fully
        source_only: tasks that need not be solved
        trained: tasks that are trained fully in any case; their cost counts
        excluded: tasks that must not be trained fully, for other reasons than their role
        solver: auto (a search over the sources) or highs (the whole program in HiGHS, a slower cross-check)
        time_limit: seconds after which the best answer so far is returned; by default until proven optimal
        gap: relative optimality gap at which to stop
    """

    targets: Names | None = None
    importance: NamedNumbers | None = None
    cost: NamedNumbers | None = None
    objective: Objective = TaxonomyProblem.objective
    scratch: bool = False
    free_self_supervised: bool = False
    target_only: Names = NO_NAMES
    source_only: Names = NO_NAMES
    trained: Names = NO_NAMES
    excluded: Names = NO_NAMES
    solver: Literal["auto", "highs"] = TaxonomyProblem.solver
    time_limit: float | None = None
    gap: float = TaxonomyProblem.gap

    def problem(self, transfers: Path, budget: float = 1, max_order: int | None = None) -> TaxonomyProblem:
        """The problem on a table of transfers.

        Raises:
            InputError: a bad table or option.
        """
        return TaxonomyProblem(Transfers.read_csv(transfers), budget, max_order, **self.named())

    def named(self) -> dict[str, Any]:
        """The options that are set, by name, as fields of `TaxonomyProblem`; others keep its defaults."""
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in options.items() if value is not None}


def budgets_for(given: tuple[float, ...] | None, transfers: Transfers) -> tuple[float, ...]:
    """The given budgets; by default from 1 to the number of tasks."""
    return given if given is not None else tuple(range(1, len(transfers.tasks) + 1))
