import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.taxonomy import Transfer
from lightning_taskonomy.taxonomy.hypergraph import Hypergraph
from tests.taxonomy.tables import random_transfers


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_value_is_the_best_usable_transfer_of_every_target(seed: int) -> None:
    transfers = random_transfers(tasks=6, seed=seed)
    graph = Hypergraph.build(transfers.candidates(), transfers.targets, transfers.tasks, {"task01": 2.5}, {})
    for choice in itertools.product([False, True], repeat=6):
        chosen = {name for name, picked in zip(transfers.tasks, choice, strict=True) if picked}
        expected = 0.0
        for target in transfers.targets:
            usable = [
                row.affinity or 0.0
                for row in transfers
                if row.target == target and set(row.trained_tasks) <= chosen
            ]
            expected += (2.5 if target == "task01" else 1.0) * max(usable, default=-np.inf)
        assert graph.value(np.array(choice)) == pytest.approx(expected)


def test_places_of_edges_do_not_depend_on_affinities_or_the_order_of_rows() -> None:
    transfers = random_transfers(tasks=5, seed=0)
    other = random_transfers(tasks=5, seed=0, levels=2)
    graphs = [
        Hypergraph.build(rows, transfers.targets, transfers.tasks, {}, {})
        for rows in (transfers.candidates(), other.candidates()[::-1])
    ]
    places = [[(edge.target, edge.sources) for edge in graph.edges] for graph in graphs]
    assert places[0] == places[1]
    assert np.array_equal(graphs[0].members, graphs[1].members)
    changed = graphs[0].with_worths(graphs[1].worth)
    for choice in itertools.product([False, True], repeat=5):
        assert changed.value(np.array(choice)) == graphs[1].value(np.array(choice))


def test_among_equal_transfers_the_one_of_fewest_sources_is_taken_then_the_first_by_name() -> None:
    rows = [Transfer("a", sources, 0.5) for sources in [("c", "b"), ("c",), ("b",), ("self",)]]
    graph = Hypergraph.build(rows, ["a"], list("abc"), {}, {})
    for trained, expected in (([1, 1, 1], "b"), ([1, 0, 1], "c"), ([1, 0, 0], "self")):
        best = graph.with_sources(np.array(trained, np.bool_))
        assert graph.edges[best[0]].label == expected
    assert graph.with_sources(np.zeros(3, np.bool_)).tolist() == [-1]


def test_idle_sources_are_dropped_the_dearest_first() -> None:
    rows = [Transfer("a", (source,), 0.5) for source in "bcd"]
    graph = Hypergraph.build(rows, ["a"], list("bcd"), {}, {"c": 2.0})
    everything, nothing = np.ones(3, np.bool_), np.zeros(3, np.bool_)
    assert graph.without_idle(everything, nothing, 1e-9).tolist() == [True, False, False]
    assert graph.without_idle(everything, np.array([False, True, False]), 1e-9).tolist() == [
        False,
        True,
        False,
    ]


def test_leaves_out_transfers_from_tasks_that_must_not_be_trained() -> None:
    rows = [Transfer("a", ("self",), 0.9), Transfer("a", ("b",), 0.5), Transfer("a", ("b", "c"), 0.7)]
    graph = Hypergraph.build(rows, ["a"], ["b"], {}, {})
    assert [edge.label for edge in graph.edges] == ["b"]
    assert graph.up_to_order(1).edges == graph.edges
