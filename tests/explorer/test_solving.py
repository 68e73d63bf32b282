"""Shared answers: those of the solver, each computed once, urgent ones first."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.question import Question, curve_budgets, slider_span
from lightning_taskonomy.explorer.solving import DRAWS, PATIENCE_S, SharedAnswers, is_final
from lightning_taskonomy.explorer.tables import Table, Tables
from lightning_taskonomy.explorer.turns import Turns, Urgency
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError
from lightning_taskonomy.taxonomy.significance import MEASURES, Significance


@pytest.fixture(scope="module")
def table(own: Path) -> Table:
    return Tables([own]).find("")


@pytest.fixture(scope="module")
def answers() -> SharedAnswers:
    return SharedAnswers()


VIEWS = [
    View(),
    View(source_only=("scene",), target_only=("normals",)),
    View(importance={"depth": 3}, cost={"scene": 0, "normals": 2.5}),
]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("max_order", [1, 4, None])
def test_answers_are_those_of_the_solver(
    answers: SharedAnswers, table: Table, view: View, max_order: int | None
) -> None:
    question = Question.of(view, table)
    for budget in (2.0, 3.5, 9.0):
        expected = TaxonomyProblem(
            table.transfers,
            budget,
            max_order,
            view.importance,
            view.cost,
            source_only=view.source_only,
            target_only=view.target_only,
        ).solve()
        assert answers.taxonomy(table, question, budget, max_order) == expected


def test_a_question_is_answered_once(answers: SharedAnswers, table: Table) -> None:
    question = Question.of(View(), table)
    first = answers.taxonomy(table, question, 3, 4)
    assert answers.taxonomy(table, question, 3, 4) is first
    assert answers.curve(table, question, [2, 3], 4)[3] is first


def test_a_curve_omits_infeasible_budgets(answers: SharedAnswers, table: Table) -> None:
    question = Question.of(View(cost={"scene": 1.0}), table)
    curve = answers.curve(table, question, [0, 1, 2, 3], 4)
    solver = TaxonomyProblem(table.transfers)
    expected = [answer for answer in solver.solve_grid([0, 1, 2, 3], [4]) if isinstance(answer, Taxonomy)]
    assert [taxonomy.objective for taxonomy in curve.values()] == pytest.approx(
        [taxonomy.objective for taxonomy in expected]
    )
    with pytest.raises(InfeasibleBudgetError):
        answers.curve(table, question, [0], 4)


def test_what_more_time_could_improve_is_not_final(table: Table) -> None:
    question = Question.of(View(), table)
    solved = SharedAnswers().taxonomy(table, question, 3, 4)
    answers: dict[str, Future[Taxonomy]] = {name: Future() for name in ("optimal", "open", "refused")}
    answers["optimal"].set_result(solved)
    answers["open"].set_result(replace(solved, upper_bound=solved.objective * 1.1))
    answers["refused"].set_exception(InputError("no"))
    assert {name: is_final(answer) for name, answer in answers.items()} == {
        "optimal": True,
        "open": False,
        "refused": True,
    }


def test_errors_are_the_solvers(answers: SharedAnswers, table: Table) -> None:
    question = Question.of(View(importance={"depth": -1}), table)
    with pytest.raises(InputError, match="importance: expected a number of at least 0 for depth, found -1"):
        answers.taxonomy(table, question, 3, 4)
    with pytest.raises(InputError, match="importance"):
        answers.curve(table, question, [1, 2], 4)


def test_significance_is_that_of_all_budgets_at_once(answers: SharedAnswers, table: Table) -> None:
    question = Question.of(View(), table)
    budgets = [2.0, 4.0, 6.0]
    own = answers.significance(table, question, budgets, 4)
    whole = Significance.of(TaxonomyProblem(table.transfers, max_order=4), budgets, DRAWS)
    assert own.budgets == whole.budgets
    for measure in MEASURES:
        np.testing.assert_array_equal(own.random[measure], whole.random[measure])
        np.testing.assert_allclose(own.computed[measure], whole.computed[measure])


def test_concurrent_questions(table: Table) -> None:
    answers = SharedAnswers()
    question = Question.of(View(), table)
    budgets = [float(1 + number % 9) for number in range(200)]
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda budget: answers.taxonomy(table, question, budget, 4).objective, budgets))
    expected = {
        float(budget): TaxonomyProblem(table.transfers, budget, 4).solve().objective
        for budget in range(1, 10)
    }
    assert found == [expected[budget] for budget in budgets]


def test_the_budgets_of_a_slider_are_solved_ahead(table: Table) -> None:
    answers = SharedAnswers()
    question = Question.of(View(), table)
    answers.solve_ahead(table, question, [1.0, 2.0, 3.0], 4)

    def solved() -> set[float]:
        # Without asking, which would solve them.
        return {key[1] for key, answer in list(answers._known.items()) if answer.done()}  # type: ignore[index]

    end = time.monotonic() + 20
    while solved() != {1.0, 2.0, 3.0} and time.monotonic() < end:
        time.sleep(0.02)
    assert solved() == {1.0, 2.0, 3.0}


def test_urgent_jobs_run_first() -> None:
    turns, order = Turns(), list[str]()
    busy, waiting = threading.Event(), Future[None]()
    turns.add(Future(), busy.wait, Urgency.NOW)
    last: Future[None] = Future()
    turns.add(last, lambda: order.append("ahead"), Urgency.AHEAD)
    turns.add(Future(), lambda: order.append("soon"), Urgency.SOON)
    turns.add(waiting, lambda: order.append("now"), Urgency.NOW)
    turns.add(Future(), lambda: order.append("now, later"), Urgency.NOW)
    busy.set()
    last.result(timeout=10)
    assert order == ["now", "now, later", "soon", "ahead"]


def test_a_job_queued_twice_runs_once() -> None:
    turns, busy = Turns(), threading.Event()
    done: list[int] = []
    turns.add(Future(), busy.wait, Urgency.NOW)
    wanted: Future[None] = Future()
    for urgency in (Urgency.AHEAD, Urgency.NOW):
        turns.add(wanted, lambda: done.append(1), urgency)
    last: Future[None] = Future()
    turns.add(last, lambda: None, Urgency.AHEAD)
    busy.set()
    last.result(timeout=10)
    assert done == [1]


def test_a_failing_job_does_not_stop_others() -> None:
    turns = Turns()
    failing: Future[None] = Future()

    def fail() -> None:
        raise RuntimeError("a bug")

    turns.add(failing, fail, Urgency.NOW)
    following: Future[int] = Future()
    turns.add(following, lambda: 3, Urgency.AHEAD)
    with pytest.raises(RuntimeError, match="a bug"):
        failing.result(timeout=10)
    assert following.result(timeout=10) == 3


@pytest.mark.parametrize(
    ("sources", "costs", "expected"),
    [
        ("abc", {}, (1, 3, 1)),
        ("abc", {"a": 0}, (0, 2, 1)),
        ("abc", {"a": 2.5}, (0, 5, 0.5)),
        ("", {}, (1, 2, 1)),
        ("ab", {"a": 1000}, (1, 1002, 6)),
    ],
)
def test_the_span_of_a_slider(
    sources: str, costs: dict[str, float], expected: tuple[float, float, float]
) -> None:
    assert slider_span(sources, tuple(costs.items())) == expected


def test_a_curve_has_few_budgets_and_both_ends() -> None:
    assert curve_budgets((1, 26, 1)) == tuple(range(1, 27))
    many = curve_budgets((0, 200, 1))
    assert (many[0], many[-1]) == (0, 200)
    assert len(many) <= 41


@pytest.mark.parametrize("max_order", [2, None])
def test_answers_arrive_within_the_time_limit(tmp_path: Path, max_order: int | None) -> None:
    """For a program that takes longer, on a table that is not prepared yet."""
    random = np.random.default_rng(0)
    tasks = [f"t{number}" for number in range(60)]
    rows = ["target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full"]
    for target in tasks:
        others = [name for name in tasks if name != target]
        pairs = {"+".join(sorted(random.choice(others, 2, replace=False))) for _ in range(120)}
        rows.append(f"{target},self,1,{random.random()},0.9,0.5")
        rows += [f"{target},{source},1,{random.random()},0.6,0.3" for source in others]
        rows += [f"{target},{pair},2,{random.random()},0.7,0.3" for pair in sorted(pairs)]
    path = tmp_path / "hard.csv"
    path.write_text("\n".join(rows) + "\n")
    hard = Tables([path]).find("")
    answers = SharedAnswers()
    answers.taxonomy(hard, Question.of(View(), hard), 60, 1)  # the solvers are imported
    start = time.monotonic()
    found = answers.taxonomy(hard, Question.of(View(cost={"t0": 1.5}), hard), 3, max_order)
    assert time.monotonic() - start < PATIENCE_S
    assert found.gap > 0
