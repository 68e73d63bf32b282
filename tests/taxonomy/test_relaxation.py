import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from lightning_taskonomy.taxonomy.hypergraph import Hypergraph
from lightning_taskonomy.taxonomy.relaxation import relax
from tests.taxonomy.tables import best_by_trying_all, random_transfers


def graph_of(seed: int, tasks: int = 7, cost: dict[str, float] | None = None) -> Hypergraph:
    transfers = random_transfers(tasks, seed)
    return Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {}, cost or {})


def linear_bound(graph: Hypergraph, budget: float) -> float:
    """The tight linear program, row by row: one transfer per target, prices per target and source."""
    edges, sources = len(graph.edges), len(graph.sources)
    rows, limits = [np.concatenate([np.zeros(edges), graph.cost])], [budget]
    for target, source in itertools.product(range(len(graph.targets)), range(sources)):
        row = np.zeros(edges + sources)
        row[:edges] = (graph.target == target) & (graph.members == source).any(axis=1)
        row[edges + source] = -1
        rows.append(row)
        limits.append(0.0)
    one = np.zeros((len(graph.targets), edges + sources))
    one[graph.target, np.arange(edges)] = 1
    found = linprog(
        -np.concatenate([graph.weight, np.zeros(sources)]),
        np.array(rows),
        limits,
        one,
        np.ones(len(one)),
        bounds=(0, 1),
    )
    assert found.fun is not None
    return float(-found.fun)


@given(seed=st.integers(0, 10_000), budget=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_bounds_enclose_the_optimum(seed: int, budget: int) -> None:
    graph = graph_of(seed)
    nothing = np.zeros(7, np.bool_)
    relaxed = relax(graph, budget, nothing, nothing)
    best = best_by_trying_all(random_transfers(7, seed), budget)
    assert best is not None
    assert relaxed.value <= best + 1e-9
    assert relaxed.upper >= best - 1e-9
    assert graph.value(relaxed.trained) == pytest.approx(relaxed.value)


@pytest.mark.parametrize("seed", range(5))
def test_reaches_the_bound_of_the_tight_linear_program(seed: int) -> None:
    graph = graph_of(seed, tasks=9)
    nothing = np.zeros(9, np.bool_)
    relaxed = relax(graph, 3, nothing, nothing)
    # Fixing may push the bound below the linear program's, but never above by more than the descent leaves.
    assert relaxed.upper <= linear_bound(graph, 3) * 1.0005


@given(seed=st.integers(0, 10_000), budget=st.floats(1, 4))
@settings(max_examples=25, deadline=None)
def test_what_is_fixed_holds_for_every_better_choice(seed: int, budget: float) -> None:
    rng = np.random.default_rng(seed)
    cost = {f"task{index:02d}": float(rng.uniform(0.2, 2)) for index in range(7)}
    graph = graph_of(seed, cost=cost)
    nothing = np.zeros(7, np.bool_)
    relaxed = relax(graph, budget, nothing, nothing)
    for choice in itertools.product([False, True], repeat=7):
        trained = np.array(choice)
        if graph.cost[trained].sum() > budget or graph.value(trained) <= relaxed.value + 1e-6:
            continue
        assert trained[relaxed.forced].all()
        assert not trained[relaxed.banned].any()
        assert relaxed.graph.value(trained) == pytest.approx(graph.value(trained))
        assert not relaxed.closed
