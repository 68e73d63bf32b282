"""Variants of the program: other objectives, training from scratch, free labels, priorities."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, Solver
from lightning_taskonomy.taxonomy.transfers import OBJECTIVES, Objective
from tests.taxonomy.tables import best_by_trying_all, random_transfers

SOLVERS: tuple[Solver, ...] = ("auto", "highs")


def with_scratch(transfers: Transfers, seed: int) -> Transfers:
    """The table with a row for training from scratch for every target."""
    rng = np.random.default_rng(seed)
    rows = []
    for target in transfers.targets:
        affinity, quality = rng.random(2)
        rows.append(Transfer(target, ("pixels",), 0.3 * float(affinity), 0.5, float(quality)))
    return Transfers((*transfers.rows, *rows))


def exact(taxonomy: Taxonomy, importance: dict[str, float]) -> Fraction:
    """The objective of the chosen transfers, in exact arithmetic."""
    return sum(
        (
            Fraction(importance.get(transfer.target, 1.0))
            * Fraction(transfer.measured(taxonomy.maximises) or 0)
            for transfer in taxonomy.transfers
        ),
        Fraction(0),
    )


@given(
    seed=st.integers(0, 10_000),
    budget=st.floats(0, 5),
    objective=st.sampled_from(OBJECTIVES),
    scratch=st.booleans(),
    solver=st.sampled_from(SOLVERS),
)
@settings(max_examples=60, deadline=None)
def test_every_objective_equals_trying_every_choice(
    seed: int, budget: float, objective: Objective, scratch: bool, solver: Solver
) -> None:
    transfers = with_scratch(random_transfers(tasks=6, seed=seed, targets=5), seed)
    problem = TaxonomyProblem(transfers, budget, 3, objective=objective, scratch=scratch, solver=solver)
    expected = best_by_trying_all(transfers, budget, 3, objective=objective, scratch=scratch)
    if expected is None:
        with pytest.raises(InfeasibleBudgetError):
            problem.solve()
        return
    taxonomy = problem.solve()
    assert taxonomy.status == "optimal"
    assert taxonomy.maximises == objective
    assert float(exact(taxonomy, {})) == pytest.approx(float(expected), abs=1e-9)
    assert taxonomy.objective == pytest.approx(float(expected), abs=1e-9)
    used = {task for transfer in taxonomy.transfers for task in transfer.trained_tasks}
    assert set(taxonomy.sources) == used
    assert len(used) <= budget + 1e-9
    rows = {(row.target, row.sources): row for row in transfers}
    for transfer in taxonomy.transfers:
        measured = rows[transfer.target, transfer.sources]
        assert replace(transfer, gain=None, quality=None) == replace(measured, gain=None, quality=None)


@given(
    seed=st.integers(0, 10_000),
    budget=st.integers(1, 4),
    powers=st.lists(st.integers(-9, 12), min_size=5, max_size=5),
    solver=st.sampled_from(SOLVERS),
)
@settings(max_examples=80, deadline=None)
def test_priorities_give_the_true_optimum_or_a_gap(
    seed: int, budget: int, powers: list[int], solver: Solver
) -> None:
    transfers = random_transfers(tasks=6, seed=seed, targets=5)
    importance = {target: 10.0**power for target, power in zip(transfers.targets, powers, strict=True)}
    expected = best_by_trying_all(transfers, budget, importance=importance)
    problem = TaxonomyProblem(transfers, budget, None, importance, solver=solver)
    if expected is None:
        with pytest.raises(InfeasibleBudgetError):
            problem.solve()
        return
    taxonomy = problem.solve()
    missed = float(expected - exact(taxonomy, importance))
    # Weights within floating-point range of each other are told apart.
    rounding = 1e-15 * float(expected)
    assert missed >= -rounding
    if taxonomy.status == "optimal":
        smallest = min(importance.values())
        assert missed <= max(1e-6 * smallest, 4 * rounding)
    else:
        assert missed <= taxonomy.gap * taxonomy.upper_bound + rounding
    assert 0 <= taxonomy.gap <= 1


def test_one_priority_and_the_rest_is_solved_to_the_optimum() -> None:
    hits = 0
    for seed in range(20):
        transfers = random_transfers(tasks=7, seed=seed, targets=6)
        importance = {"task03": 1e8}
        expected = best_by_trying_all(transfers, 3, importance=importance)
        taxonomy = TaxonomyProblem(transfers, 3, None, importance).solve()
        assert expected is not None
        assert float(expected - exact(taxonomy, importance)) == pytest.approx(0, abs=1e-9)
        hits += taxonomy.status == "optimal"
    assert hits == 20


@pytest.mark.parametrize("solver", SOLVERS)
def test_affinities_of_very_different_size(solver: Solver) -> None:
    rows = [
        Transfer("a", ("self",), 1e20),
        Transfer("a", ("b",), 1e-9),
        Transfer("b", ("self",), 2e-9),
        Transfer("b", ("c",), 3e-9),
        Transfer("b", ("a",), 1e-9),
    ]
    taxonomy = TaxonomyProblem(Transfers(tuple(rows)), 2, solver=solver).solve()
    assert taxonomy.transfers[0].is_self
    if taxonomy.status == "optimal":
        assert [transfer.label for transfer in taxonomy.transfers] == ["self", "c"]


def test_an_objective_that_overflows_is_refused() -> None:
    rows = [Transfer(target, ("self",), 1e308) for target in "abc"]
    with pytest.raises(InputError, match=r"importance times affinity adds up to more than 1e\+300"):
        TaxonomyProblem(Transfers(tuple(rows)), 3).solve()


def test_a_gap_is_a_share_of_the_bound() -> None:
    transfers = random_transfers(tasks=12, seed=0)
    taxonomy = replace(TaxonomyProblem(transfers, 4).solve(), objective=0.001, upper_bound=0.4)
    assert taxonomy.gap == pytest.approx(0.399 / 0.4)
    assert taxonomy.status == "feasible, at most 99.8% below the optimum"


def test_scratch_needs_no_row_for_the_gain_and_one_for_the_rest() -> None:
    rows = [
        Transfer("a", ("b",), 0.5, 0.4, 0.2),
        Transfer("a", ("self",), 0.6, 0.9),
        Transfer("b", ("self",), 0.6, 0.8),
    ]
    problem = TaxonomyProblem(Transfers(tuple(rows), origin="t.csv"), 1, objective="gain", scratch=True)
    taxonomy = problem.solve()
    assert [transfer.label for transfer in taxonomy.transfers] == ["self", "pixels"]
    assert taxonomy.objective == pytest.approx(1.4)
    assert taxonomy.sources == ("a",)
    for objective in ("affinity", "quality"):
        with pytest.raises(
            InputError, match=rf"^t.csv: scratch: expected a row 'pixels' .* {objective} for a, b"
        ):
            replace(problem, objective=objective).solve()


def test_quality_of_a_target_s_own_network_is_one_half() -> None:
    rows = [
        Transfer("a", ("self",), 0.6, 0.9),
        Transfer("a", ("b",), 0.1, 0.4, 0.3),
        Transfer("b", ("self",), 1),
    ]
    taxonomy = TaxonomyProblem(Transfers(tuple(rows)), 2, objective="quality").solve()
    assert taxonomy.objective == 1.0


def test_without_any_number_the_target_is_named() -> None:
    rows = [Transfer("a", ("self",), 0.6), Transfer("b", ("self",), 0.6, 0.8)]
    with pytest.raises(InputError, match=r"no candidate transfer .* for a"):
        TaxonomyProblem(Transfers(tuple(rows)), 2, objective="gain").solve()


def test_losers_to_scratch_are_marked() -> None:
    rows = [Transfer("a", ("b",), 0.5, 0.49), Transfer("b", ("self",), 0.6, 0.5), Transfer("c", ("b",), 0.1)]
    taxonomy = TaxonomyProblem(Transfers(tuple(rows)), 1).solve()
    assert taxonomy.as_json()["loses_to_scratch"] == ["a"]


def test_self_supervised_tasks_are_free_where_asked_for() -> None:
    names = ["autoencoder", "denoise", "jigsaw", "normal"]
    rows = [Transfer(name, ("self",), 0.5) for name in names]
    table = Transfers(tuple(rows))
    with pytest.raises(InfeasibleBudgetError):
        TaxonomyProblem(table, 1).solve()
    taxonomy = TaxonomyProblem(table, 1, free_self_supervised=True).solve()
    assert (taxonomy.spent, taxonomy.sources) == (1, tuple(names))
    priced = TaxonomyProblem(table, 1.5, cost={"denoising": 0.5}, free_self_supervised=True).solve()
    assert priced.spent == 1.5


def test_an_unknown_objective_is_refused() -> None:
    rows = (Transfer("a", ("self",), 0.5),)
    with pytest.raises(InputError, match="objective: expected affinity or gain or quality, found 'loss'"):
        TaxonomyProblem(Transfers(rows), 1, objective="loss")  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-12, 1e12, 1e200])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_unit_of_affinities_does_not_matter(scale: float, solver: Solver) -> None:
    table = random_transfers(tasks=7, seed=2)
    rows = tuple(replace(row, affinity=(row.affinity or 0.0) * scale) for row in table)
    expected = TaxonomyProblem(table, 3).solve()
    taxonomy = TaxonomyProblem(Transfers(rows), 3, solver=solver).solve()
    assert taxonomy.status == "optimal"
    assert taxonomy.sources == expected.sources
    assert [row.label for row in taxonomy.transfers] == [row.label for row in expected.transfers]
