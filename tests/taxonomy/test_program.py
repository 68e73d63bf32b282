import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, Solver
from tests.taxonomy.tables import best_by_trying_all, random_transfers

SOLVERS: tuple[Solver, ...] = ("auto", "highs")


def check_valid(taxonomy: Taxonomy, problem: TaxonomyProblem) -> None:
    """Check every constraint of the program from the answer alone."""
    assert [transfer.target for transfer in taxonomy.transfers] == list(problem.wanted_targets)
    used = {task for transfer in taxonomy.transfers for task in transfer.trained_tasks}
    assert set(taxonomy.sources) == used | set(problem.trained)
    assert taxonomy.spent == pytest.approx(sum(problem.cost.get(task, 1.0) for task in taxonomy.sources))
    assert taxonomy.spent <= problem.budget + 1e-9
    assert all(transfer.order <= (problem.max_order or 99) for transfer in taxonomy.transfers)
    total = sum(problem.importance.get(t.target, 1.0) * (t.affinity or 0.0) for t in taxonomy.transfers)
    assert taxonomy.objective == pytest.approx(total, abs=1e-12)
    assert taxonomy.status == "optimal"


@pytest.mark.parametrize("solver", SOLVERS)
@given(
    seed=st.integers(0, 10_000),
    budget=st.floats(1, 7),
    max_order=st.integers(1, 3),
    weigh=st.booleans(),
    price=st.sampled_from(["unit", "whole", "real"]),
)
@settings(max_examples=25, deadline=None)
def test_equals_trying_every_choice_of_sources(
    solver: Solver, seed: int, budget: float, max_order: int, weigh: bool, price: str
) -> None:
    transfers = random_transfers(tasks=6, seed=seed, targets=5)
    rng = np.random.default_rng(seed)
    importance = {name: float(rng.integers(0, 4)) for name in transfers.targets} if weigh else {}
    cost = {
        "unit": {},
        "whole": {name: float(rng.integers(0, 4)) for name in transfers.tasks},
        "real": {name: float(rng.uniform(0, 2)) for name in transfers.tasks},
    }[price]
    problem = TaxonomyProblem(transfers, budget, max_order, importance, cost, solver=solver)
    expected = best_by_trying_all(transfers, budget, max_order, importance, cost)
    if expected is None:
        with pytest.raises(InputError, match="cannot serve every target"):
            problem.solve()
        return
    taxonomy = problem.solve()
    check_valid(taxonomy, problem)
    assert taxonomy.objective == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 10_000), budget=st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_roles_and_forced_sources(seed: int, budget: int) -> None:
    transfers = random_transfers(tasks=7, seed=seed, targets=5)
    problem = TaxonomyProblem(
        transfers,
        budget,
        None,
        target_only=["task00"],
        source_only=["task01"],
        trained=["task06"],
        excluded=["task05"],
    )
    expected = best_by_trying_all(
        transfers, budget, trained=("task06",), barred=("task00", "task05"), source_only=("task01",)
    )
    assert expected is not None
    taxonomy = problem.solve()
    check_valid(taxonomy, problem)
    assert taxonomy.objective == pytest.approx(expected, abs=1e-9)
    assert "task06" in taxonomy.sources
    assert not {"task00", "task05"} & set(taxonomy.sources)


@pytest.mark.parametrize("levels", [1, 2])
def test_equal_optima_give_the_same_answer_whatever_the_row_order(levels: int) -> None:
    transfers = random_transfers(tasks=8, seed=3, levels=levels)
    answers = set()
    for seed in range(6):
        rows = list(transfers.rows)
        random.Random(seed).shuffle(rows)
        taxonomy = TaxonomyProblem(Transfers(tuple(rows)), 4).solve()
        answers.add((taxonomy.sources, tuple((t.target, t.label) for t in taxonomy.transfers)))
    assert len(answers) == 1


def test_reports_no_source_that_no_transfer_uses() -> None:
    rows = [Transfer(target, (source,), 0.5) for target in "ab" for source in "cd"]
    taxonomy = TaxonomyProblem(Transfers(tuple(rows)), budget=4).solve()
    assert taxonomy.sources == ("c",)
    assert taxonomy.spent == 1


def test_grid_equals_single_solves() -> None:
    transfers = random_transfers(tasks=7, seed=11)
    budgets, orders = [1, 2, 4.5, 7], [1, 2, None]
    grid = list(TaxonomyProblem(transfers).solve_grid(budgets, orders))
    for taxonomy, (order, budget) in zip(grid, itertools.product(orders, budgets), strict=True):
        single = TaxonomyProblem(transfers, budget, order).solve()
        assert isinstance(taxonomy, Taxonomy)
        assert (taxonomy.budget, taxonomy.max_order) == (budget, order)
        assert taxonomy.objective == pytest.approx(single.objective, abs=1e-9)


def test_a_larger_budget_or_order_is_never_worse() -> None:
    transfers = random_transfers(tasks=9, seed=5)
    grid = list(TaxonomyProblem(transfers).solve_grid(range(1, 10), [1, 2, 3]))
    objectives = np.array([taxonomy.objective for taxonomy in grid if isinstance(taxonomy, Taxonomy)])
    objectives = objectives.reshape(3, 9)
    assert (np.diff(objectives, axis=0) >= -1e-9).all()
    assert (np.diff(objectives, axis=1) >= -1e-9).all()


def test_every_budget_that_is_too_small_is_named_itself() -> None:
    table = Transfers(tuple(Transfer(name, ("self",), 0.5) for name in "abc"))
    problem = TaxonomyProblem(table, cost=dict.fromkeys("abc", 400000.3))
    answers = list(problem.solve_grid([0, 500000, 900000.125, 1200000.9], [1]))
    for budget, left, answer in zip(("0", "500000", "900000.125"), (3, 2, 1), answers, strict=False):
        assert str(answer).startswith(
            f"budget: {budget} cannot serve every target; left without a transfer: "
        )
        assert str(answer).count(",") == left - 1
        assert str(answer).endswith("the least budget that works is 1200000.9")
    assert not isinstance(answers[3], InputError)


@pytest.mark.parametrize("option", ["cost", "importance"])
def test_numbers_whose_sums_overflow_are_refused(option: str) -> None:
    table = random_transfers(tasks=4, seed=0)
    numbers: dict[str, dict[str, float]] = {option: {"task00": 1e308, "task01": 1e308}}
    with pytest.raises(InputError, match=rf"{option}: expected a number of at most 1e\+15 for task00"):
        TaxonomyProblem(table, **numbers)  # type: ignore[arg-type]


def test_in_a_limited_time_a_budget_that_works_is_named() -> None:
    rng = np.random.default_rng(0)
    names = [f"t{number:03d}" for number in range(150)]
    rows = {(target, source) for target in names for source in rng.choice(names, 6, replace=False)}
    table = Transfers(
        tuple(Transfer(target, (source,), 0.1) for target, source in sorted(rows) if target != source)
        + tuple(Transfer(name, ("self",), 0.1) for name in names)
    )
    with pytest.raises(InfeasibleBudgetError, match="the least budget known to work is") as caught:
        TaxonomyProblem(table, budget=3, time_limit=0.2).solve()
    assert not caught.value.proven
    assert TaxonomyProblem(table, budget=caught.value.least_budget, time_limit=0.2).solve().spent > 3


def test_an_unaffordable_problem_names_the_targets_and_the_least_budget() -> None:
    rows = [Transfer(target, ("self",), 1.0) for target in "abc"]
    rows.append(Transfer("b", ("a",), 0.5))
    with pytest.raises(InputError) as caught:
        TaxonomyProblem(Transfers(tuple(rows)), budget=1).solve()
    assert str(caught.value) == (
        "budget: 1 cannot serve every target; left without a transfer: c; the least budget that works is 2"
    )


def test_forced_sources_beyond_the_budget_are_refused() -> None:
    transfers = random_transfers(tasks=5, seed=0)
    with pytest.raises(InputError, match="the least budget that works is 3"):
        TaxonomyProblem(transfers, 2, trained=["task00", "task01", "task02"]).solve()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": -1}, "budget: expected a finite number of at least 0, found -1"),
        ({"budget": float("nan")}, "budget: expected a finite number"),
        ({"max_order": 0}, "max-order: expected a whole number of at least 1"),
        ({"importance": {"task99": 1}}, "importance: unknown task 'task99'"),
        ({"importance": {"task00": -1}}, "importance: expected a number of at least 0 for task00"),
        ({"cost": {"task00": float("inf")}}, "cost: expected a number of at least 0 for task00"),
        ({"targets": ["tsak00"]}, "targets: unknown task 'tsak00' in transfers; did you mean task00"),
        ({"targets": ["task04"]}, "targets: task04 is never a target"),
        ({"trained": ["task00"], "excluded": ["task00"]}, "trained: task00 is excluded"),
        ({"source_only": [f"task0{n}" for n in range(4)]}, "no task of transfers is left to be solved"),
        ({"excluded": [f"task0{n}" for n in range(5)]}, "no candidate transfer of order up to 4"),
        ({"time_limit": 0}, "time-limit: expected more than 0 seconds"),
        ({"gap": 1}, "gap: expected a fraction from 0 to below 1"),
    ],
)
def test_refuses_bad_problems_in_one_line(options: dict[str, object], message: str) -> None:
    transfers = random_transfers(tasks=5, seed=0, targets=4)
    with pytest.raises(InputError) as caught:
        TaxonomyProblem(transfers, **options).solve()  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("max_order", "budget", "objective", "gain", "quality"),
    [
        (1, 8, 2.2472, 0.826, 0.389),
        (1, 26, 2.4573, 0.884, 0.500),
        (4, 8, 2.2794, 0.840, 0.413),
        (4, 13, 2.4215, 0.872, 0.472),
    ],
)
def test_published_table(
    published: Path,
    solver: Solver,
    max_order: int,
    budget: int,
    objective: float,
    gain: float,
    quality: float,
) -> None:
    taxonomy = TaxonomyProblem(Transfers.read_csv(published), budget, max_order, solver=solver).solve()
    assert taxonomy.objective == pytest.approx(objective, abs=5e-5)
    assert taxonomy.mean_gain == pytest.approx(gain, abs=5e-4)
    assert taxonomy.mean_quality == pytest.approx(quality, abs=5e-4)
