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


def test_drops_transfers_that_need_more_for_less() -> None:
    rows = [
        Transfer("a", ("b",), 0.4),
        Transfer("a", ("b", "c"), 0.3),
        Transfer("a", ("b", "d"), 0.5),
        Transfer("a", ("self",), 0.1),
        Transfer("a", ("a",), 0.2),
    ]
    graph = Hypergraph.build(rows, ["a"], list("abcd"), {}, {})
    assert {edge.label for edge in graph.edges} == {"b", "b+d", "a"}


def test_leaves_out_transfers_from_tasks_that_must_not_be_trained() -> None:
    rows = [Transfer("a", ("self",), 0.9), Transfer("a", ("b",), 0.5), Transfer("a", ("b", "c"), 0.7)]
    graph = Hypergraph.build(rows, ["a"], ["b"], {}, {})
    assert [edge.label for edge in graph.edges] == ["b"]
    assert graph.up_to_order(1).edges == graph.edges
