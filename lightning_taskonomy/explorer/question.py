"""A labelling problem without its budget: all budgets of a question share a prepared problem."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lightning_taskonomy.explorer.tables import Table
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import TaxonomyProblem

_MOST_BUDGETS = 40
Pairs = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Question:
    """A labelling problem without its budget and maximum order; equal questions have equal answers.

    Attributes:
        table: The table's key.
        source_only: Tasks that need not be solved, by name.
        target_only: Tasks that must not be trained fully, by name.
        importance: Weights of targets, by name.
        cost: Label costs, by name.
    """

    table: str
    source_only: tuple[str, ...]
    target_only: tuple[str, ...]
    importance: Pairs
    cost: Pairs

    @classmethod
    def of(cls, view: View, table: Table) -> "Question":
        """The question that a view asks of a table."""
        return cls(
            table.key,
            tuple(sorted(view.source_only)),
            tuple(sorted(view.target_only)),
            tuple(sorted(view.importance.items())),
            tuple(sorted(view.cost.items())),
        )

    def problem(self, table: Table, max_order: int | None, time_limit: float) -> TaxonomyProblem:
        """The problem as the command line would state it.

        Args:
            table: The table.
            max_order: Maximum number of sources; None for any.
            time_limit: Seconds after which the best solution so far is returned.

        Raises:
            InputError: a task is unknown or a number is out of range.
        """
        return TaxonomyProblem(
            table.transfers,
            max_order=max_order,
            importance=dict(self.importance),
            cost=dict(self.cost),
            source_only=self.source_only,
            target_only=self.target_only,
            time_limit=time_limit,
        )


def slider_span(sources: Iterable[str], cost: Pairs) -> tuple[float, float, float]:
    """Minimum, maximum and step of the budget slider.

    Args:
        sources: The tasks that may be trained.
        cost: Label costs other than 1.
    """
    costs = dict(cost)
    source_costs = [costs.get(task, 1.0) for task in sources]
    whole = all(float(number).is_integer() for number in source_costs)
    total = max(math.ceil(sum(source_costs)), 1)
    step = (1.0 if whole else 0.5) * max(1, math.ceil(total / 200))
    least = 1.0 if whole and 0 not in source_costs else 0.0
    return least, max(math.ceil(total / step) * step, least + step), step


def curve_budgets(span: tuple[float, float, float]) -> tuple[float, ...]:
    """The budgets of a curve over a slider's range: every step, or fewer if there are many."""
    least, most, step = span
    steps = round((most - least) / step)
    stride = math.ceil((steps + 1) / _MOST_BUDGETS)
    places = sorted({*range(0, steps + 1, stride), steps})
    return tuple(least + step * place for place in places)
