"""The graph of a taxonomy as Cytoscape elements: sources on the left, targets on the right.

Every task has a fixed row, so that a change of the budget moves edges but never nodes. In a transfer of
higher order, the edges of its sources meet in a small node labelled with the order.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lightning_taskonomy.explorer.palette import line_colour, measured, number_words, win_rate_colour
from lightning_taskonomy.explorer.question import Question
from lightning_taskonomy.explorer.tables import Table
from lightning_taskonomy.explorer.view import Measure
from lightning_taskonomy.taxonomy import Taxonomy, Transfer

Element = dict[str, Any]
ROW = 25
"""Pixels from one task to the next."""


@dataclass(frozen=True)
class Drawing:
    """How a graph is drawn.

    Attributes:
        measure: The measure shown by colours.
        alternatives: Number of unused transfers drawn per target.
        narrow: Whether it is for a phone, or for two graphs side by side.
    """

    measure: Measure
    alternatives: int
    narrow: bool

    @property
    def right(self) -> int:
        """Horizontal position of the targets; the sources are at 0."""
        return 104 if self.narrow else 225

    @property
    def junction(self) -> int:
        """Horizontal position where the sources of a transfer meet."""
        return self.right - (26 if self.narrow else 40)


def elements(
    table: Table,
    question: Question,
    taxonomy: Taxonomy | None,
    drawing: Drawing,
    max_order: int | None,
    differing: frozenset[str] = frozenset(),
) -> list[Element]:
    """Nodes and edges; without a taxonomy everything is dimmed.

    Args:
        table: The table, with its tasks ordered from top to bottom.
        question: Which tasks may be trained and which are solved.
        taxonomy: The solution.
        drawing: How it is drawn.
        max_order: Unused transfers of higher order are not shown.
        differing: Targets to mark because the other taxonomy uses different transfers for them.
    """
    heights = {task: row * ROW for row, task in enumerate(table.order)}
    chosen = {transfer.target: transfer for transfer in taxonomy.transfers} if taxonomy else {}
    trained = frozenset(taxonomy.sources) if taxonomy else frozenset()
    nodes = [
        *(_source(task, heights[task], table, question, trained, chosen.values()) for task in table.sources),
        *(
            _target(task, heights[task], table, chosen.get(task), drawing, task in differing)
            for task in table.transfers.targets
        ),
    ]
    used = [
        part for transfer in chosen.values() for part in _hyperedge(transfer, heights, table, drawing, True)
    ]
    unused = [
        part
        for transfer in _alternatives(table, question, chosen, drawing.alternatives, max_order)
        for part in _hyperedge(transfer, heights, table, drawing, False)
    ]
    return [*sorted(nodes, key=lambda node: str(node["data"]["id"])), *unused, *used]


def about(transfer: Transfer, chosen: bool, titles: Mapping[str, str]) -> str:
    """The values of a transfer, shown when the pointer is over it."""
    numbers = [
        f"affinity {number_words(transfer.affinity, 4)}",
        f"gain {number_words(transfer.gain)}",
        f"quality {number_words(transfer.quality)}",
    ]
    state = "" if chosen else " (not chosen)"
    order = "own network" if transfer.is_self else f"order {transfer.order}"
    head = f"{titles[transfer.target]} ← {sources_words(transfer, titles)}{state}"
    return f"{head}\n{order} · {' · '.join(numbers)}"


def sources_words(transfer: Transfer, titles: Mapping[str, str]) -> str:
    """The sources of a transfer, for readers."""
    if transfer.is_self:
        return "trained fully"
    return " + ".join(titles[source] for source in transfer.sources)


def _source(
    task: str,
    height: float,
    table: Table,
    question: Question,
    trained: frozenset[str],
    chosen: Iterable[Transfer],
) -> Element:
    cost = dict(question.cost).get(task, 1.0)
    served = sum(task in transfer.trained_tasks for transfer in chosen)
    if task in trained:
        state = f"trained fully, serves {served} target{'s' if served != 1 else ''}"
    else:
        state = "may not be trained" if task in question.target_only else "not trained"
    only = "" if task in table.transfers.targets else " source-only"
    return {
        "data": {
            "id": f"source:{task}",
            "label": table.labels[task],
            "about": f"{table.titles[task]}\nlabel cost {cost:g} · {state}",
        },
        "position": {"x": 0, "y": height},
        "classes": f"source {'trained' if task in trained else 'idle'}{only}",
    }


def _target(
    task: str, height: float, table: Table, transfer: Transfer | None, drawing: Drawing, differing: bool
) -> Element:
    data: dict[str, Any] = {"id": f"target:{task}", "label": table.labels[task], "target_task": task}
    if transfer is None:
        data["about"] = f"{table.titles[task]}\nnot solved"
    else:
        value = measured(transfer, drawing.measure)
        data["label"] += f"  {number_words(value, 2)}"
        data["colour"] = win_rate_colour(value)
        data["about"] = about(transfer, True, table.titles)
    classes = ["target", "idle" if transfer is None else "solved", *(["differs"] if differing else [])]
    return {"data": data, "position": {"x": drawing.right, "y": height}, "classes": " ".join(classes)}


def _alternatives(
    table: Table, question: Question, chosen: dict[str, Transfer], count: int, max_order: int | None
) -> list[Transfer]:
    """The best transfers of each solved target that were not chosen."""
    excluded = set(question.target_only)
    best: list[Transfer] = []
    for target, ranked in table.ranked.items() if count else ():
        used = chosen.get(target)
        usable = (
            transfer
            for transfer in ranked
            if used is not None
            and set(transfer.sources) != set(used.sources)
            and (max_order is None or transfer.order <= max_order)
            and excluded.isdisjoint(transfer.trained_tasks)
        )
        best += [transfer for _, transfer in zip(range(count), usable, strict=False)]
    return best


def _hyperedge(
    transfer: Transfer, heights: Mapping[str, float], table: Table, drawing: Drawing, used: bool
) -> list[Element]:
    """An edge from a single source; or edges to a junction labelled with the order, and one to the target."""
    state = "used" if used else "unused"
    # Task names contain no plus, so all keys are unique.
    key = f"{state}+{transfer.target}" if used else f"{state}+{transfer.target}+{transfer.label}"
    shared = {
        "target_task": transfer.target,
        "about": about(transfer, used, table.titles),
        "colour": line_colour(measured(transfer, drawing.measure)),
    }
    height = heights[transfer.target]
    if transfer.order == 1:
        source = transfer.trained_tasks[0]
        bend = _bend((0, heights[source]), (drawing.right, height))
        return [
            _edge(
                f"{key}+{source}",
                f"source:{source}",
                f"target:{transfer.target}",
                f"{state} last",
                shared,
                bend,
            )
        ]
    junction = f"junction:{key}"
    # Junctions of unused transfers are drawn beside that of the used one.
    place = drawing.junction - (0 if used else 14)
    lift = 0.0 if used else 6.0
    node = {
        "data": {"id": junction, "label": str(transfer.order), **shared},
        "position": {"x": place, "y": height + lift},
        "classes": f"junction {state}",
    }
    lines = [
        _edge(
            f"{key}+{source}",
            f"source:{source}",
            junction,
            state,
            shared,
            _bend((0, heights[source]), (place, height + lift)),
        )
        for source in transfer.sources
    ]
    last = _edge(f"{key}+", junction, f"target:{transfer.target}", f"{state} last", shared, None)
    return [node, *lines, last]


def _edge(
    name: str,
    start: str,
    end: str,
    classes: str,
    shared: dict[str, Any],
    bend: tuple[list[float], list[float]] | None,
) -> Element:
    data = {"id": name, "source": start, "target": end, **shared}
    if bend is None:
        return {"data": data, "classes": classes}
    return {"data": {**data, "bends": bend[0], "weights": bend[1]}, "classes": f"{classes} bent"}


def _bend(start: tuple[float, float], end: tuple[float, float]) -> tuple[list[float], list[float]] | None:
    """Control points in Cytoscape's format, for an edge horizontal at both ends; None if it is horizontal.

    Each is given by its distance from the straight line and its position along the line, from 0 to 1.
    """
    across, down = end[0] - start[0], end[1] - start[1]
    if down == 0:
        return None
    length = math.hypot(across, down)
    distances, weights = [], []
    for reach, fall in ((0.35 * across, 0.0), (0.65 * across, down)):
        weights.append((reach * across + fall * down) / length**2)
        distances.append((fall * across - reach * down) / length)
    return distances, weights
