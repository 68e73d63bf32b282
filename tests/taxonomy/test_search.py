import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.hypergraph import Hypergraph, Solution
from lightning_taskonomy.taxonomy.search import Search
from lightning_taskonomy.taxonomy.statement import Statement
from tests.taxonomy.tables import best_by_trying_all, random_transfers


def graph_of(transfers: Transfers, cost: dict[str, float] | None = None) -> Hypergraph:
    return Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, cost or {})


def searched(graph: Hypergraph, budget: float, **options: float) -> Solution:
    return Search(graph).best(graph.worth, budget, np.zeros(len(graph.sources), np.bool_), **options)


def value_of(graph: Hypergraph, found: Solution) -> float:
    assert found.trained is not None
    return graph.value(found.trained)


@given(seed=st.integers(0, 10_000), budget=st.floats(1, 6), real=st.booleans())
@settings(max_examples=30, deadline=None)
def test_equals_trying_every_choice_of_sources(seed: int, budget: float, real: bool) -> None:
    transfers = random_transfers(tasks=8, seed=seed)
    rng = np.random.default_rng(seed)
    cost = {name: float(rng.uniform(0.3, 2)) for name in transfers.tasks} if real else {}
    graph = graph_of(transfers, cost)
    expected = best_by_trying_all(transfers, budget, cost=cost)
    found = searched(graph, budget)
    if expected is None:
        assert found.trained is None
        assert np.isneginf(found.upper)
        return
    assert value_of(graph, found) == pytest.approx(expected, abs=1e-9)
    assert found.upper == pytest.approx(expected, abs=1e-8)
    assert found.trained is not None
    assert graph.cost[found.trained].sum() <= budget + 1e-9


@pytest.mark.parametrize(("tasks", "budget"), [(26, 7), (26, 13.5), (40, 10)])
def test_equals_highs_where_every_choice_cannot_be_tried(tasks: int, budget: float) -> None:
    graph = graph_of(random_transfers(tasks, seed=1))
    found = searched(graph, budget)
    by_highs = Statement(graph, budget, np.zeros(tasks, np.bool_)).best().trained
    assert by_highs is not None
    assert value_of(graph, found) == pytest.approx(graph.value(by_highs), abs=1e-9)
    assert found.upper == pytest.approx(graph.value(by_highs), abs=1e-7)


def test_out_of_time_it_still_bounds_the_optimum() -> None:
    transfers = random_transfers(tasks=9, seed=2)
    graph = graph_of(transfers)
    best = best_by_trying_all(transfers, 4)
    assert best is not None
    found = searched(graph, 4, time_limit=0.0)
    assert found.nodes == 0
    assert value_of(graph, found) <= best + 1e-9
    assert found.upper >= best - 1e-9


@given(seed=st.integers(0, 10_000), gap=st.floats(0.001, 0.2))
@settings(max_examples=15, deadline=None)
def test_keeps_the_gap_it_was_allowed(seed: int, gap: float) -> None:
    transfers = random_transfers(tasks=8, seed=seed)
    graph = graph_of(transfers)
    best = best_by_trying_all(transfers, 3)
    assert best is not None
    found = searched(graph, 3, gap=gap)
    assert best - 1e-9 <= found.upper <= value_of(graph, found) * (1 + gap) + 1e-8
    assert value_of(graph, found) <= best + 1e-9


def test_sources_alike_are_told_apart_without_trying_all_of_them() -> None:
    # Any eight of sixteen sources are equally good: a search without bounds would visit 12,870 sets.
    transfers = random_transfers(tasks=16, seed=0, levels=1)
    graph = graph_of(transfers)
    flat = graph.with_worths(np.ones(len(graph.edges)))
    found = searched(flat, 8)
    assert value_of(flat, found) == 16
    assert found.nodes < 100
