"""The graph matches the taxonomy: every transfer, its order, trained tasks, unused transfers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightning_taskonomy.explorer.graph_elements import Drawing, elements
from lightning_taskonomy.explorer.palette import line_colour, win_rate_colour
from lightning_taskonomy.explorer.question import Question
from lightning_taskonomy.explorer.tables import Table, Tables
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem

WIDE = Drawing("quality", 1, narrow=False)


@pytest.fixture(scope="module")
def table(own: Path) -> Table:
    return Tables([own]).find("")


@pytest.fixture(scope="module")
def taxonomy(table: Table) -> Taxonomy:
    return TaxonomyProblem(table.transfers, budget=4).solve()


def drawn(
    table: Table,
    taxonomy: Taxonomy | None,
    drawing: Drawing = WIDE,
    **view: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    return elements(table, Question.of(View(**view), table), taxonomy, drawing, 4)


def classes(element: dict[str, Any]) -> set[str]:
    return set(element["classes"].split())


def lead_to(graph: list[dict[str, Any]], node: str, state: str) -> set[str]:
    """The sources from which edges of a state lead to a node, over junctions."""
    found: set[str] = set()
    for element in graph:
        data = element["data"]
        if data.get("target") == node and state in classes(element):
            start = data["source"]
            found |= {start} if start.startswith("source:") else lead_to(graph, start, state)
    return found


def test_every_chosen_transfer_is_drawn(table: Table, taxonomy: Taxonomy) -> None:
    graph = drawn(table, taxonomy)
    for transfer in taxonomy.transfers:
        expected = {f"source:{task}" for task in transfer.trained_tasks}
        assert lead_to(graph, f"target:{transfer.target}", "used") == expected
    trained = {
        element["data"]["id"].removeprefix("source:") for element in graph if "trained" in classes(element)
    }
    assert trained == set(taxonomy.sources)


def test_a_transfer_of_higher_order_meets_in_a_node_that_shows_it(table: Table, taxonomy: Taxonomy) -> None:
    graph = drawn(table, taxonomy, Drawing("quality", 0, narrow=False))
    junctions = [element for element in graph if "junction" in classes(element)]
    assert [int(element["data"]["label"]) for element in junctions] == [
        transfer.order for transfer in taxonomy.transfers if transfer.order > 1
    ]


def test_ids_are_unique_and_ends_exist(table: Table, taxonomy: Taxonomy) -> None:
    graph = drawn(table, taxonomy, Drawing("gain", 3, narrow=True))
    ids = [element["data"]["id"] for element in graph]
    assert len(set(ids)) == len(ids)
    for element in graph:
        for end in ("source", "target"):
            assert element["data"].get(end, ids[0]) in ids


@pytest.mark.parametrize("count", [0, 1, 3])
def test_unused_transfers_are_the_best_that_were_not_chosen(
    table: Table, taxonomy: Taxonomy, count: int
) -> None:
    graph = drawn(table, taxonomy, Drawing("quality", count, narrow=False), target_only=("normals",))
    for chosen in taxonomy.transfers:
        rows = [
            row
            for row in table.transfers.candidates()
            if row.target == chosen.target
            and row != chosen
            and row.order <= 4
            and "normals" not in row.trained_tasks
        ]
        best = sorted(rows, key=lambda row: -(row.affinity or 0))[:count]
        expected = {f"source:{task}" for row in best for task in row.trained_tasks}
        assert lead_to(graph, f"target:{chosen.target}", "unused") == expected


def test_tasks_have_fixed_positions(table: Table, taxonomy: Taxonomy) -> None:
    def places(graph: list[dict[str, Any]]) -> dict[str, object]:
        return {
            element["data"]["id"]: element["position"]
            for element in graph
            if classes(element) & {"source", "target"}
        }

    assert places(drawn(table, taxonomy)) == places(drawn(table, None))
    assert not any({"used", "trained", "solved"} & classes(element) for element in drawn(table, None))


def test_colours_and_numbers_are_of_the_measure(table: Table, taxonomy: Taxonomy) -> None:
    for measure, narrow in (("gain", False), ("quality", True)):
        graph = drawn(table, taxonomy, Drawing(measure, 0, narrow))  # type: ignore[arg-type]
        nodes = {element["data"]["id"]: element["data"] for element in graph}
        for transfer in taxonomy.transfers:
            value = getattr(transfer, measure)
            data = nodes[f"target:{transfer.target}"]
            assert data["colour"] == win_rate_colour(value)
            assert data["label"].endswith(f"{value:.2f}")
            assert f"{transfer.affinity:.4f}" in data["about"]


def test_curves_are_horizontal_at_both_ends(table: Table, taxonomy: Taxonomy) -> None:
    graph = drawn(table, taxonomy)
    place = {element["data"]["id"]: element.get("position") for element in graph}
    bent = [element["data"] for element in graph if "bent" in classes(element)]
    assert bent
    for data in bent:
        start, end = (np.array([place[data[name]][key] for key in "xy"]) for name in ("source", "target"))  # type: ignore[index]
        along = (end - start) / np.linalg.norm(end - start)
        aside = np.array([-along[1], along[0]])
        heights = [
            (start + weight * (end - start) + bend * aside)[1]
            for weight, bend in zip(data["weights"], data["bends"], strict=True)
        ]
        assert heights == pytest.approx([start[1], end[1]])


def test_losing_and_winning_have_different_colours() -> None:
    for colour in (win_rate_colour, line_colour):
        red_lost, blue_lost = int(colour(0.1)[1:3], 16), int(colour(0.1)[5:], 16)
        red_won, blue_won = int(colour(0.9)[1:3], 16), int(colour(0.9)[5:], 16)
        assert red_lost > blue_lost + 80  # orange
        assert blue_won > red_won + 80  # blue
