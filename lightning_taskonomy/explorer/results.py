"""Tables of one taxonomy, or of two side by side, as data that the browser renders.

As Dash components, every cell would slow down every later update of the page, and a move of the slider would
take twice as long.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_taskonomy.explorer.graph_elements import sources_words
from lightning_taskonomy.explorer.meanings import MEANINGS
from lightning_taskonomy.explorer.palette import number_words, win_rate_colour
from lightning_taskonomy.taxonomy import Taxonomy, Transfer
from lightning_taskonomy.taxonomy.figures.style import ink_on

Cell = dict[str, Any]
Table = dict[str, Any]
"""`caption`, `head` (rows of cells) and `rows` (a target, a kind, its title and cells)."""


def headline(taxonomy: Taxonomy) -> dict[str, str]:
    """Objective, means and spent budget, by name."""
    return {
        "objective": number_words(taxonomy.objective, 4),
        "mean gain": number_words(taxonomy.mean_gain),
        "mean quality": number_words(taxonomy.mean_quality),
        "trained fully": f"{len(taxonomy.sources)} of {len(taxonomy.tasks)}",
        "spent": f"{taxonomy.spent:g} of {taxonomy.budget:g}",
        "status": taxonomy.status,
    }


def result_table(taxonomy: Taxonomy, titles: Mapping[str, str]) -> Table:
    """A row per target; focusing a row by keyboard highlights its transfer in the graph.

    Args:
        taxonomy: The solution.
        titles: Titles of its tasks.
    """
    rows = [
        _row(
            transfer,
            titles,
            [
                _from(transfer, titles),
                {"text": str(transfer.order), "kind": "number"},
                _win_rate(transfer.gain),
                _win_rate(transfer.quality),
            ],
        )
        for transfer in taxonomy.transfers
    ]
    return {"caption": "", "head": [_heads("target", "from", "order", "gain", "quality")], "rows": rows}


def comparison_table(
    first: Taxonomy, second: Taxonomy, names: Sequence[str], titles: Mapping[str, str]
) -> Table:
    """The transfers of both taxonomies to each target; targets that differ come first.

    Args:
        first: One taxonomy.
        second: The other.
        names: Their names.
        titles: Titles of the tasks of both.
    """
    left = {transfer.target: transfer for transfer in first.transfers}
    right = {transfer.target: transfer for transfer in second.transfers}
    differing = differing_targets(first, second)
    targets = sorted({*left, *right}, key=lambda target: (target not in differing, target))
    rows = [
        _row(
            left.get(target) or right[target],
            titles,
            [cell for side in (left.get(target), right.get(target)) for cell in _half(side, titles)],
            "" if target in differing else "same",
        )
        for target in targets
    ]
    return {
        "caption": f"{len(differing)} of {len(targets)} targets are transferred differently",
        "head": [
            [{"text": "target", "rows": 2}, *({"text": name, "columns": 3} for name in names)],
            _heads(*("from", "gain", "quality") * 2),
        ],
        "rows": rows,
    }


def differing_targets(first: Taxonomy, second: Taxonomy) -> frozenset[str]:
    """The targets that two taxonomies transfer from different sources, or that one of them lacks."""
    left = {transfer.target: frozenset(transfer.sources) for transfer in first.transfers}
    right = {transfer.target: frozenset(transfer.sources) for transfer in second.transfers}
    return frozenset(target for target in {*left, *right} if left.get(target) != right.get(target))


def _heads(*words: str) -> list[Cell]:
    return [{"text": word, "meaning": MEANINGS.get(word, "")} for word in words]


def _row(transfer: Transfer, titles: Mapping[str, str], cells: list[Cell], kind: str = "") -> Table:
    return {"target": transfer.target, "title": titles[transfer.target], "kind": kind, "cells": cells}


def _half(transfer: Transfer | None, titles: Mapping[str, str]) -> list[Cell]:
    if transfer is None:
        return [{"text": "not solved", "columns": 3, "kind": "own"}]
    return [_from(transfer, titles), _win_rate(transfer.gain), _win_rate(transfer.quality)]


def _from(transfer: Transfer, titles: Mapping[str, str]) -> Cell:
    return {"text": sources_words(transfer, titles), "kind": "own" if transfer.is_self else ""}


def _win_rate(value: float | None) -> Cell:
    if value is None:
        return {"text": number_words(value), "kind": "number"}
    colour = win_rate_colour(value)
    return {"text": number_words(value), "kind": "number", "colour": colour, "ink": ink_on(colour)}
