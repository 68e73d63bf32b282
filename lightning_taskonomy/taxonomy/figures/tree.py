"""The similarity tree as a figure (Fig. 13)."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    INK,
    SOURCE_COLOURS,
    names_in_picture,
    new_figure,
    styled,
    width_of,
)

_WIDTH, _NAMES, _ROW = 8.2, 2.4, 0.27


class ClusteredTasks(Protocol):
    """The parts of a tree that are drawn; `SimilarityTree` documents them."""

    @property
    def tasks(self) -> Sequence[str]:
        """The N clustered tasks, by name."""

    @property
    def linkage(self) -> npt.NDArray[np.float64]:
        """SciPy's linkage matrix of N − 1 merges, (N − 1, 4)."""

    @property
    def order(self) -> Sequence[str]:
        """The tasks from top to bottom."""


@styled
def draw_tree(tree: ClusteredTasks, clusters: Sequence[Sequence[str]] = ()) -> Figure:
    """Tasks from top to bottom; branches meet at the distance at which their groups were merged.

    Args:
        tree: the tree.
        clusters: groups to colour alike.
    """
    order = tree.order
    title = names_in_picture(order)
    height = len(order) * _ROW + 1.35
    width = _WIDTH - _NAMES + max(_NAMES, 0.3 + width_of(title.values()))
    figure = new_figure(width, height)
    axes = figure.add_axes(
        (
            0.03 * _WIDTH / width,
            0.62 / height,
            (_WIDTH - _NAMES - 0.03 * _WIDTH) / width,
            len(order) * _ROW / height,
        )
    )
    group_of = {task: index for index, group in enumerate(clusters) for task in group}
    colours = {task: SOURCE_COLOURS[group_of[task] % len(SOURCE_COLOURS)] for task in group_of}

    # For each node: its row, the distance of its merge, and its colour if all leaves below share one.
    row = [float(order.index(task)) for task in tree.tasks]
    reach = [0.0] * len(tree.tasks)
    colour = [colours.get(task, INK) for task in tree.tasks]
    group = [group_of.get(task, -1) for task in tree.tasks]
    lines, shades = [], []
    for left, right, distance, _ in tree.linkage:
        pair = (int(left), int(right))
        same = group[pair[0]] == group[pair[1]] and group[pair[0]] >= 0
        joined = colour[pair[0]] if same else FAINT
        for child in pair:
            lines.append([(reach[child], row[child]), (distance, row[child])])
            shades.append(colour[child])
        lines.append([(distance, row[pair[0]]), (distance, row[pair[1]])])
        shades.append(joined)
        row.append((row[pair[0]] + row[pair[1]]) / 2)
        reach.append(float(distance))
        colour.append(joined)
        group.append(group[pair[0]] if same else -1)
    axes.add_collection(LineCollection(lines, colors=shades, linewidths=1.8, capstyle="projecting"))
    axes.set(xlim=(float(np.max(tree.linkage[:, 2])) * 1.03, 0), ylim=(len(order) - 0.5, -0.5))
    axes.yaxis.tick_right()
    axes.set_yticks(range(len(order)), [title[task] for task in order])
    axes.tick_params(axis="y", length=0, pad=6)
    for label, task in zip(axes.get_yticklabels(), order, strict=True):
        label.set_color(colours.get(task, INK))
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("correlation distance between transferring-out patterns")
    groups = f", {len(clusters)} clusters" if clusters else ""
    figure.text(
        0.03 * _WIDTH / width,
        1 - 0.38 / height,
        f"Task similarity by transferring out{groups}",
        size=12,
        weight="bold",
    )
    return figure
