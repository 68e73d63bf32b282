import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.taxonomy.hypergraph import Hypergraph
from lightning_taskonomy.taxonomy.relaxation import Relaxed
from lightning_taskonomy.taxonomy.search import search
from lightning_taskonomy.taxonomy.statement import Statement
from tests.taxonomy.tables import best_by_trying_all, random_transfers


def unrelaxed(graph: Hypergraph, trained: np.ndarray) -> Relaxed:
    """A kernel in which nothing is decided and hardly anything known."""
    nothing = np.zeros(len(graph.sources), np.bool_)
    multipliers = np.zeros((len(graph.targets), len(graph.sources) + 1))
    return Relaxed(graph, np.inf, graph.value(trained), trained, nothing, nothing.copy(), multipliers)


def affordable(graph: Hypergraph, budget: float) -> np.ndarray:
    """Some choice of sources within the budget: as many as fit, by name."""
    return np.cumsum(graph.cost) <= budget


@given(seed=st.integers(0, 10_000), budget=st.floats(1, 6), real=st.booleans())
@settings(max_examples=30, deadline=None)
def test_equals_trying_every_choice_of_sources(seed: int, budget: float, real: bool) -> None:
    transfers = random_transfers(tasks=8, seed=seed)
    rng = np.random.default_rng(seed)
    cost = {name: float(rng.uniform(0.3, 2)) for name in transfers.tasks} if real else {}
    graph = Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, cost)
    start = affordable(graph, budget)
    if not np.isfinite(graph.value(start)):
        start = np.zeros(8, np.bool_)
        start[np.argmin(graph.cost)] = True
        if graph.cost.min() > budget or not np.isfinite(graph.value(start)):
            return
    found = search(unrelaxed(graph, start), budget)
    assert found.value == pytest.approx(best_by_trying_all(transfers, budget, cost=cost), abs=1e-9)
    assert found.upper == pytest.approx(found.value, abs=1e-6)
    assert graph.value(found.trained) == pytest.approx(found.value)
    assert graph.cost[found.trained].sum() <= budget + 1e-9


@pytest.mark.slow
def test_equals_highs_where_every_choice_cannot_be_tried() -> None:
    transfers = random_transfers(tasks=26, seed=1, orders=3)
    graph = Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, {})
    nothing = np.zeros(26, np.bool_)
    found = search(unrelaxed(graph, affordable(graph, 7)), 7)
    by_highs, _ = Statement(graph, 7, nothing, nothing).best()
    assert by_highs is not None
    assert found.value == pytest.approx(graph.value(by_highs), abs=1e-9)


def test_out_of_time_it_still_bounds_the_optimum() -> None:
    transfers = random_transfers(tasks=9, seed=2)
    graph = Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, {})
    best = best_by_trying_all(transfers, 4)
    assert best is not None
    found = search(unrelaxed(graph, affordable(graph, 4)), 4, time_limit=0.0)
    assert found.value <= best + 1e-9
    assert found.upper >= best - 1e-9


@given(seed=st.integers(0, 10_000), gap=st.floats(0.001, 0.2))
@settings(max_examples=15, deadline=None)
def test_keeps_the_gap_it_was_allowed(seed: int, gap: float) -> None:
    transfers = random_transfers(tasks=8, seed=seed)
    graph = Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, {})
    best = best_by_trying_all(transfers, 3)
    assert best is not None
    found = search(unrelaxed(graph, affordable(graph, 3)), 3, gap=gap)
    assert best - 1e-9 <= found.upper <= found.value * (1 + gap) + 1e-9
    assert found.value <= best + 1e-9
