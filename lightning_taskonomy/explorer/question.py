"""What is asked of a table, but for the budget: all budgets of one question share a prepared problem."""

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
    """A labelling problem without its budget and order; equal questions have equal answers.

    Attributes:
        table: the table's key.
        source_only: tasks that need no solving, by name.
        target_only: tasks that must not be trained fully, by name.
        importance: weights of targets, by name.
        cost: label costs, by name.
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
            table: the table.
            max_order: largest number of sources; None for any.
            time_limit: seconds after which the best answer so far is given.

        Raises:
            InputError: an unknown task or an impossible number.
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
    """Least and largest budget worth a slider, and its step.

    Args:
        sources: the tasks that may be trained.
        cost: label costs where they are not 1.
    """
    costs = dict(cost)
    own = [costs.get(task, 1.0) for task in sources]
    whole = all(float(number).is_integer() for number in own)
    total = max(math.ceil(sum(own)), 1)
    step = (1.0 if whole else 0.5) * max(1, math.ceil(total / 200))
    least = 1.0 if whole and 0 not in own else 0.0
    return least, max(math.ceil(total / step) * step, least + step), step


def curve_budgets(span: tuple[float, float, float]) -> tuple[float, ...]:
    """The budgets of a curve over a slider's span: every step, or every few where there are many."""
    least, most, step = span
    steps = round((most - least) / step)
    stride = math.ceil((steps + 1) / _MOST_BUDGETS)
    places = sorted({*range(0, steps + 1, stride), steps})
    return tuple(least + step * place for place in places)
