from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import RelatedPrograms, Taxonomy, TaxonomyProblem, Transfer, Transfers
from tests.taxonomy.tables import best_by_trying_all, random_transfers


def with_affinities(related: RelatedPrograms, affinities: np.ndarray) -> Transfers:
    rows = zip(related.candidates, affinities.tolist(), strict=True)
    return Transfers(tuple(replace(row, affinity=affinity) for row, affinity in rows))


def answer(taxonomy: Taxonomy) -> tuple[object, ...]:
    return taxonomy.sources, taxonomy.transfers, taxonomy.objective, taxonomy.upper_bound, taxonomy.spent


@given(
    seed=st.integers(0, 10_000),
    budget=st.floats(1, 6),
    price=st.sampled_from(["unit", "whole", "real"]),
    max_order=st.sampled_from([1, 2, None]),
)
@settings(max_examples=15, deadline=None)
def test_each_equals_trying_every_choice_of_sources(
    seed: int, budget: float, price: str, max_order: int | None
) -> None:
    transfers = random_transfers(tasks=6, seed=seed, targets=5)
    rng = np.random.default_rng(seed)
    importance = {name: float(rng.integers(0, 4)) for name in transfers.targets}
    cost = {
        name: {"unit": 1.0, "whole": float(rng.integers(0, 4)), "real": float(rng.uniform(0, 2))}[price]
        for name in transfers.tasks
    }
    related = RelatedPrograms(TaxonomyProblem(transfers, budget, max_order, importance, cost))
    for _ in range(4):
        affinities = rng.exponential(size=len(related.candidates))
        changed = with_affinities(related, affinities)
        expected = best_by_trying_all(changed, budget, max_order or 99, importance, cost)
        if expected is None:
            with pytest.raises(InputError, match="cannot serve every target"):
                related.solve(affinities)
            return
        taxonomy = related.solve(affinities)
        assert taxonomy.objective == pytest.approx(expected, abs=1e-8)
        assert taxonomy.status == "optimal"
        assert set(taxonomy.transfers) <= set(changed.rows)


@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 3, None]), budget=st.integers(2, 8))
@settings(max_examples=10, deadline=None)
def test_each_is_the_answer_of_a_problem_of_its_own(seed: int, levels: int | None, budget: int) -> None:
    """Even among equal optima, and whatever was solved before."""
    problem = TaxonomyProblem(random_transfers(tasks=14, seed=seed), budget, trained=["task03"])
    related = RelatedPrograms(problem)
    tables = [
        np.array([row.affinity for row in random_transfers(14, seed + 1 + draw, levels=levels).candidates()])[
            : len(related.candidates)
        ]
        for draw in range(3)
    ]
    answers = [answer(related.solve(affinities)) for affinities in tables]
    assert [answer(related.solve(affinities)) for affinities in reversed(tables)] == answers[::-1]
    for affinities, expected in zip(tables, answers, strict=True):
        assert answer(replace(problem, transfers=with_affinities(related, affinities)).solve()) == expected


def test_noisy_published_affinities(published: Path) -> None:
    problem = TaxonomyProblem(Transfers.read_csv(published), budget=8, source_only=["autoencoder"])
    related = RelatedPrograms(problem)
    rng = np.random.default_rng(0)
    own = np.array([row.affinity for row in related.candidates])
    for noise in (0.0, 0.1, 0.3, 1.0):
        affinities = own * np.exp(noise * rng.standard_normal(len(own)))
        taxonomy = related.solve(affinities)
        whole = replace(problem, transfers=with_affinities(related, affinities), solver="highs").solve()
        assert taxonomy.objective == pytest.approx(whole.objective, abs=1e-8)
        assert taxonomy.status == "optimal"
    assert answer(related.solve()) == answer(problem.solve())


def test_another_budget_is_the_problem_with_that_budget() -> None:
    problem = TaxonomyProblem(random_transfers(tasks=9, seed=4), budget=3)
    related = RelatedPrograms(problem)
    for budget in (1, 5.5, 3):
        assert answer(related.solve(budget=budget)) == answer(replace(problem, budget=budget).solve())


@pytest.mark.parametrize("affinities", [[0.5], [0.5, np.nan, 0.1], [[0.5, 0.2, 0.1]]])
def test_refuses_other_than_one_number_for_each_candidate(affinities: list[float]) -> None:
    rows = (Transfer("a", ("self",), 0.5), Transfer("a", ("b",), 0.2), Transfer("b", ("self",), 0.1))
    with pytest.raises(InputError, match="worths: expected 3 finite numbers, one for each candidate"):
        RelatedPrograms(TaxonomyProblem(Transfers(rows), 2)).solve(affinities)
