"""The shared state of a running page's callbacks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.question import Question, curve_budgets, slider_span
from lightning_taskonomy.explorer.solving import SharedAnswers
from lightning_taskonomy.explorer.tables import Table, Tables
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Taxonomy

if TYPE_CHECKING:
    from lightning_taskonomy.report.transfer_pictures import TransferPictures


@dataclass(frozen=True)
class Looked:
    """A table, a question about it, and a budget: one half of a comparison, or shown alone.

    Attributes:
        name: Its name in a comparison.
        table: The table.
        question: The question.
        budget: Budget in label units.
    """

    name: str
    table: Table
    question: Question
    budget: float


@dataclass(frozen=True)
class Explorer:
    """Tables, answers and, optionally, a run.

    Attributes:
        tables: Tables that the page was started with, and uploaded ones.
        run: Images of a run's transfers.
        answers: Answers, shared by all visitors.
    """

    tables: Tables
    run: "TransferPictures | None" = None
    answers: SharedAnswers = field(default_factory=SharedAnswers)

    def looked(self, view: View) -> list[Looked]:
        """What a view shows: one taxonomy, or two to compare.

        Raises:
            InputError: a table does not exist, or a task name is ambiguous in it.
        """
        table = self.tables.find(view.table)
        view = view.with_names_of(table.transfers.tasks)
        question = Question.of(view, table)
        budget = view.budget_of(table.sources)
        name = f"budget {budget:g}"
        if view.against == "budget":
            return [
                Looked(name, table, question, budget),
                Looked(f"budget {view.second_budget:g}", table, question, view.second_budget),
            ]
        if view.against == "table":
            if not view.second_table:
                raise InputError("compare with: expected a second table; upload one, or start with two")
            other = self.tables.find(view.second_table).with_names_of(table)
            there = Question.of(view.on(other.key, other.transfers.tasks), other)
            return [
                Looked(table.name, table, question, budget),
                Looked(other.name, other, there, budget),
            ]
        return [Looked(name, table, question, budget)]

    def solve(self, looked: Looked, max_order: int | None) -> Taxonomy:
        """The taxonomy to show; the other budgets of its slider are solved ahead.

        Raises:
            InputError: as from the command line.
        """
        taxonomy = self.answers.taxonomy(looked.table, looked.question, looked.budget, max_order)
        nearest_first = sorted(self.budgets(looked), key=lambda other: abs(other - looked.budget))
        self.answers.solve_ahead(looked.table, looked.question, nearest_first, max_order)
        return taxonomy

    def curve(self, looked: Looked, max_order: int | None) -> dict[float, Taxonomy]:
        """The taxonomies of all budgets of the slider.

        Raises:
            InputError: as from the command line.
        """
        return self.answers.curve(looked.table, looked.question, self.budgets(looked), max_order)

    @staticmethod
    def budgets(looked: Looked) -> Sequence[float]:
        """The budgets worth solving."""
        trainable = looked.table.sources - set(looked.question.target_only)
        return curve_budgets(slider_span(trainable, looked.question.cost))
