"""Answers to questions, each worked out once and shared by all visitors."""

import importlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np

from lightning_taskonomy.explorer.question import Question
from lightning_taskonomy.explorer.tables import Table
from lightning_taskonomy.explorer.turns import Turns, Urgency
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem
from lightning_taskonomy.taxonomy.program import RelatedPrograms
from lightning_taskonomy.taxonomy.significance import MEASURES, Significance

DRAWS = 1000
"""Random taxonomies per budget, as `taxonomy significance` draws them."""
PATIENCE_S = 5.0
"""Seconds for one program; a taxonomy that is not proven optimal by then says how far it may be."""
_CURVE_PATIENCE_S = 1.0
"""The same for each point of a curve."""
_SOLVING, _LEAST = 0.8, 0.2
"""The shares of these seconds that a solver is told of, at most and at least.

The rest goes by between two of its looks at the clock, the more the busier the machine is."""
_ANSWERS_KEPT, _PROBLEMS_KEPT = 5_000, 16
_CHEAP_S = 0.25
"""A question is solved ahead for all budgets as long as none of its programs takes longer than this."""
_QUESTIONS_AHEAD = 8
Result = TypeVar("Result")


class SharedAnswers:
    """Solves in turns, remembers answers, and solves ahead what a slider will ask for next."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._problems: OrderedDict[Hashable, TaxonomyProblem] = OrderedDict()
        self._ahead: OrderedDict[Hashable, None] = OrderedDict()
        self._turns.add(Future(), _import_solvers, Urgency.NOW)

    def taxonomy(self, table: Table, question: Question, budget: float, max_order: int | None) -> Taxonomy:
        """The best taxonomy, as `taxonomy solve` finds it.

        Raises:
            InputError: what the command line would say.
        """
        return self._solved(table, question, budget, max_order, Urgency.NOW).result()

    def curve(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> dict[float, Taxonomy]:
        """The taxonomy of each budget that can serve every target.

        Raises:
            InputError: none can, or a target has no candidate.
        """
        answers = {
            budget: self._solved(table, question, budget, max_order, Urgency.SOON, _CURVE_PATIENCE_S)
            for budget in budgets
        }
        return _successes(answers)

    def significance(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> Significance:
        """Computed against random taxonomies, as `taxonomy significance` compares them.

        Every budget is a job of its own, so that whoever moves a slider meanwhile waits for one at most.

        Raises:
            InputError: no budget has enough random taxonomies.
        """

        def compared(budget: float) -> "Future[Significance]":
            def job() -> Significance:
                problem = self._problem(table, question, max_order, _CURVE_PATIENCE_S)
                return Significance.of(problem, [budget], DRAWS, patience=PATIENCE_S)

            return self._once(("significance", question, budget, max_order), job, Urgency.LATER)

        parts = list(_successes({budget: compared(budget) for budget in budgets}).values())
        return Significance(
            tuple(budget for part in parts for budget in part.budgets),
            {name: np.concatenate([part.computed[name] for part in parts]) for name in MEASURES},
            {name: np.concatenate([part.random[name] for part in parts]) for name in MEASURES},
            {},
        )

    def solve_ahead(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> None:
        """Begin to solve all budgets that a slider may ask for, in their order, and return at once.

        It ends early where a program takes long, or when others ask newer questions.
        """
        mark = (question, max_order)
        with self._lock:
            if mark in self._ahead:
                return
            self._ahead[mark] = None
            if len(self._ahead) > _QUESTIONS_AHEAD:
                self._ahead.popitem(last=False)
        left = iter(budgets)

        def next_one(begun: float) -> None:
            budget = next(left, None)
            with self._lock:
                if time.perf_counter() - begun > _CHEAP_S or budget is None:
                    return  # the mark stays, so that the same work is not begun again
                if mark not in self._ahead:
                    return
            self._turns.add(Future(), lambda: one(budget), Urgency.AHEAD)

        def one(budget: float) -> None:
            begun = time.perf_counter()
            solved = self._solved(table, question, budget, max_order, Urgency.NOW)
            solved.add_done_callback(lambda _: next_one(begun))

        next_one(time.perf_counter())

    def _solved(
        self,
        table: Table,
        question: Question,
        budget: float,
        max_order: int | None,
        urgency: Urgency,
        patience: float = PATIENCE_S,
    ) -> "Future[Taxonomy]":
        def job() -> Taxonomy:
            begun = time.monotonic()
            problem = self._problem(table, question, None, patience)
            graph = problem.graph  # built once, which takes part of the time
            left = max(patience * _SOLVING - (time.monotonic() - begun), patience * _LEAST)
            asked = replace(problem, budget=budget, max_order=max_order, time_limit=left)
            return RelatedPrograms(asked, graph).solve()

        for other in (PATIENCE_S, _CURVE_PATIENCE_S):
            known = self._known.get((question, budget, max_order, other))
            if known is not None and known.done() and (other >= patience or is_final(known)):
                return known
        return self._once((question, budget, max_order, patience), job, urgency)

    def _once(self, key: Hashable, job: Callable[[], Result], urgency: Urgency) -> "Future[Result]":
        """The answer of a key, asked for if it is not known or not known yet."""
        with self._lock:
            future = cast("Future[Result]", self._known.setdefault(key, Future()))
            self._known.move_to_end(key)
            if len(self._known) > _ANSWERS_KEPT:
                self._known.popitem(last=False)
        if not future.done():
            self._turns.add(future, job, urgency)
        return future

    def _problem(
        self, table: Table, question: Question, max_order: int | None, patience: float
    ) -> TaxonomyProblem:
        """A problem with its candidates prepared; called by the solving thread alone."""
        key = (question, max_order, patience)
        if key not in self._problems:
            self._problems[key] = question.problem(table, max_order, patience)
            if len(self._problems) > _PROBLEMS_KEPT:
                self._problems.popitem(last=False)
        self._problems.move_to_end(key)
        return self._problems[key]


def is_final(answer: "Future[Taxonomy]") -> bool:
    """Whether more time could not improve a known answer."""
    return answer.exception() is not None or answer.result().gap == 0


def _successes(answers: "dict[float, Future[Result]]") -> dict[float, Result]:
    """The results by budget; where there are none, the error of the last budget is raised."""
    kept = {budget: answer.result() for budget, answer in answers.items() if answer.exception() is None}
    if not kept:
        list(answers.values())[-1].result()
    return kept


def _import_solvers() -> None:
    """The solvers take a second to import: before somebody waits for them."""
    for module in ("statement", "search"):
        importlib.import_module(f"lightning_taskonomy.taxonomy.{module}")
