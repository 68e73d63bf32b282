"""The affinity matrix and the similarity tree as plots."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lightning_taskonomy.explorer.plot_style import Figure, axis, layout, plain
from lightning_taskonomy.explorer.tables import LONGEST_LABEL
from lightning_taskonomy.explorer.view import Arrangement, Stage
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix, Floats
from lightning_taskonomy.taxonomy.ahp import BETA, distance
from lightning_taskonomy.taxonomy.figures.style import FAINT, SOURCE_COLOURS
from lightning_taskonomy.taxonomy.figures.titles import titles_of
from lightning_taskonomy.taxonomy.tree import SimilarityTree


def matrix_plot(matrix: AffinityMatrix, stage: Stage, arrangement: Arrangement) -> Figure:
    """Targets in rows, sources in columns; dark is a strong transfer (Fig. 7).

    Args:
        matrix: The matrix, in the tree's order.
        stage: Before or after AHP.
        arrangement: Order of tasks, by the tree or by name.
    """
    tasks = {*matrix.targets, *matrix.sources}
    titles, labels = titles_of(tasks), titles_of(tasks, LONGEST_LABEL)
    rows, columns = list(matrix.targets), list(matrix.sources)
    if arrangement == "name":
        rows, columns = sorted(rows, key=titles.__getitem__), sorted(columns, key=titles.__getitem__)
    place = np.ix_(
        [matrix.targets.index(name) for name in rows], [matrix.sources.index(name) for name in columns]
    )
    measured = (matrix.after if stage == "after" else matrix.before)[place]
    far = distance(measured) if stage == "after" else 1 - measured
    words = "affinity" if stage == "after" else "win rate against full supervision"
    heads = {
        "after": f"After AHP: exp(−βP), β = {BETA:g}",
        "before": "Before: 1 − win rate against full supervision",
    }
    heatmap = {
        "type": "heatmap",
        "z": _with_gaps(far),
        "text": [[plain(f"{titles[column]} → {titles[row]}") for column in columns] for row in rows],
        "customdata": _with_gaps(measured),
        "zmin": 0,
        "zmax": 1,
        "colorscale": "YlGnBu",
        "xgap": 1,
        "ygap": 1,
        "colorbar": {
            "tickvals": [0, 1],
            "ticktext": ["near", "far"],
            "thickness": 9,
            "lenmode": "pixels",
            "len": 80,
            "y": 1,
            "yanchor": "top",
            "xpad": 4,
            "outlinewidth": 0,
        },
        "hovertemplate": f"%{{text}}<br>{words} %{{customdata:.4f}}<extra></extra>",
        "hoverongaps": False,
    }
    return {
        "data": [heatmap],
        "layout": layout(
            heads[stage],
            "targets in rows, sources in columns",
            xaxis=axis(**_names(columns, labels), tickangle=-90),
            yaxis=axis(**_names(rows, labels), autorange="reversed"),
            margin={"l": 10, "r": 6, "t": 56, "b": 10},
        ),
    }


def tree_plot(tree: SimilarityTree, clusters: int) -> Figure:
    """Tasks from top to bottom; branches meet at the distance of their merge, clusters share a colour."""
    labels = titles_of(tree.tasks, LONGEST_LABEL)
    groups = tree.clusters(clusters)
    group_of = {task: number for number, group in enumerate(groups) for task in group}
    row = {task: float(place) for place, task in enumerate(tree.order)}
    heights, reaches = [row[task] for task in tree.tasks], [0.0] * len(tree.tasks)
    group = [group_of[task] for task in tree.tasks]
    lines: dict[int, tuple[list[float | None], list[float | None]]] = {}
    for left, right, merged, _ in tree.linkage.tolist():
        pair = (int(left), int(right))
        common = group[pair[0]] if group[pair[0]] == group[pair[1]] else -1
        xs, ys = lines.setdefault(common, ([], []))
        for child in pair:
            inner = lines.setdefault(group[child], ([], []))
            inner[0].extend((reaches[child], merged, None))
            inner[1].extend((heights[child], heights[child], None))
        xs.extend((merged, merged, None))
        ys.extend((heights[pair[0]], heights[pair[1]], None))
        heights.append((heights[pair[0]] + heights[pair[1]]) / 2)
        reaches.append(merged)
        group.append(common)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": xs,
            "y": ys,
            "line": {
                "color": FAINT if number < 0 else SOURCE_COLOURS[number % len(SOURCE_COLOURS)],
                "width": 2,
            },
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for number, (xs, ys) in sorted(lines.items())
    ]
    merges = {
        "type": "scatter",
        "mode": "markers",
        "x": reaches[len(tree.tasks) :],
        "y": heights[len(tree.tasks) :],
        "marker": {"size": 5, "color": FAINT},
        "customdata": [int(count) for count in tree.linkage[:, 3]],
        "hovertemplate": "%{customdata} tasks, distance %{x:.3f}<extra></extra>",
        "showlegend": False,
    }
    return {
        "data": [*traces, merges],
        "layout": layout(
            f"Task similarity by transferring out, {len(groups)} cluster{'s' if len(groups) != 1 else ''}",
            xaxis=axis("correlation distance", autorange="reversed", showgrid=False),
            yaxis=axis(
                side="right",
                tickvals=list(row.values()),
                ticktext=[plain(labels[task]) for task in row],
                range=[len(row) - 0.4, -0.6],
                showgrid=False,
            ),
            margin={"l": 12, "r": 40, "t": 40, "b": 44},
        ),
    }


def _names(tasks: list[str], labels: Mapping[str, str]) -> dict[str, Any]:
    """Ticks of a task axis; at indices, because two tasks may share a title."""
    return {
        "tickvals": list(range(len(tasks))),
        "ticktext": [plain(labels[task]) for task in tasks],
        "tickfont": {"size": 10.5},
        "showgrid": False,
    }


def _with_gaps(values: Floats) -> list[list[float | None]]:
    """Values with None for NaN, which JSON does not support."""
    return [[None if np.isnan(value) else value for value in line] for line in values.tolist()]
