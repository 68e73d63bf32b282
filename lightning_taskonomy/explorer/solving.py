"""Answers to questions, each computed once and shared by all visitors."""

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
"""Random taxonomies per budget, drawn as by `taxonomy significance`."""
PATIENCE_S = 5.0
"""Time limit of one program in seconds; a taxonomy not proven optimal by then reports its optimality gap."""
_CURVE_PATIENCE_S = 1.0
"""The same for each point of a curve."""
_SOLVING, _LEAST = 0.8, 0.2
"""The shares of these seconds that a solver is told of, at most and at least.

The rest goes by between two of its looks at the clock, the more the busier the machine is."""
_ANSWERS_KEPT, _PROBLEMS_KEPT = 5_000, 16
_CHEAP_S = 0.25
"""A question is solved ahead for all budgets until one of its programs takes longer than this."""
_QUESTIONS_AHEAD = 8
Result = TypeVar("Result")


class SharedAnswers:
    """Solves one program at a time, caches answers, and solves ahead the next budgets of a slider."""

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
            InputError: as from the command line.
        """
        return self._solved(table, question, budget, max_order, Urgency.NOW).result()

    def curve(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> dict[float, Taxonomy]:
        """The taxonomy of each feasible budget.

        Raises:
            InputError: no budget is feasible, or a target has no candidate.
        """
        answers = {
            budget: self._solved(table, question, budget, max_order, Urgency.SOON, _CURVE_PATIENCE_S)
            for budget in budgets
        }
        return _successes(answers)

    def significance(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> Significance:
        """Compare computed with random taxonomies, like `taxonomy significance`.

        Every budget is a separate job, so that a slider moved meanwhile waits for at most one.

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
            {name: np.concatenate([part.random_sources[name] for part in parts]) for name in MEASURES},
            {},
        )

    def solve_ahead(
        self, table: Table, question: Question, budgets: Sequence[float], max_order: int | None
    ) -> None:
        """Start solving all budgets of a slider, in the given order, and return immediately.

        This stops early if a program takes long, or when newer questions are asked.
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
                    return  # the mark stays, so that the same work is not repeated
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
        """The answer for a key, which is queued if it is not known yet."""
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
        """A problem with its candidates prepared; called only by the solving thread."""
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
    """The results by budget; if there are none, raises the error of the last budget."""
    kept = {budget: answer.result() for budget, answer in answers.items() if answer.exception() is None}
    if not kept:
        list(answers.values())[-1].result()
    return kept


def _import_solvers() -> None:
    """Import the solvers, which takes a second, before they are needed."""
    for module in ("statement", "search"):
        importlib.import_module(f"lightning_taskonomy.taxonomy.{module}")
