"""What the callbacks of one running page share."""

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
    """A table, what is asked of it, and the budget: one half of a comparison, or all there is.

    Attributes:
        name: what to call it beside another.
        table: the table.
        question: what is asked of it.
        budget: label units.
    """

    name: str
    table: Table
    question: Question
    budget: float


@dataclass(frozen=True)
class Explorer:
    """Tables, answers and, where one is given, a run.

    Attributes:
        tables: those the page was started with and those uploaded.
        run: pictures of a run's transfers.
        answers: shared by all visitors.
    """

    tables: Tables
    run: "TransferPictures | None" = None
    answers: SharedAnswers = field(default_factory=SharedAnswers)

    def looked(self, view: View) -> list[Looked]:
        """What a view shows: one, or two to compare.

        Raises:
            InputError: a table that is not here, or a name that several of its tasks could have.
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
        """The taxonomy of what is looked at; the other budgets of its slider are solved ahead.

        Raises:
            InputError: as the command line says it.
        """
        taxonomy = self.answers.taxonomy(looked.table, looked.question, looked.budget, max_order)
        nearest_first = sorted(self.budgets(looked), key=lambda other: abs(other - looked.budget))
        self.answers.solve_ahead(looked.table, looked.question, nearest_first, max_order)
        return taxonomy

    def curve(self, looked: Looked, max_order: int | None) -> dict[float, Taxonomy]:
        """The taxonomies of all budgets of the slider.

        Raises:
            InputError: as the command line says it.
        """
        return self.answers.curve(looked.table, looked.question, self.budgets(looked), max_order)

    @staticmethod
    def budgets(looked: Looked) -> Sequence[float]:
        """The budgets worth solving."""
        trainable = looked.table.sources - set(looked.question.target_only)
        return curve_budgets(slider_span(trainable, looked.question.cost))
