"""Figures: tasks in two dimensions, by embeddings and by images alone (the paper's Fig. 3); task norms."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from lightning_taskonomy.task2vec.distances import Matrix
from lightning_taskonomy.taxonomy.figures.style import INK, RULE, SOURCE_COLOURS, new_figure, styled

_MAP, _TITLE, _LETTER, _LINE = 3.9, 0.85, 0.072, 0.19


@styled
def draw_maps(maps: Mapping[str, Matrix], names: Sequence[str], labels: Sequence[int]) -> Figure:
    """A panel per map; similar tasks lie close together, as well as two dimensions allow.

    Args:
        maps: Coordinates by title, (tasks, 2) each.
        names: Task names.
        labels: Cluster of each task, for its colour.
    """
    margin = 0.45 + _LETTER * max(map(len, names))
    side = max(_MAP, _LINE * len(names) / 2 + 0.3)
    panel = side + 2 * margin
    width, height = panel * len(maps), side + _TITLE + 0.15
    figure = new_figure(width, height)
    for number, (title, places) in enumerate(maps.items()):
        left = number * panel + margin
        axes = figure.add_axes((left / width, 0.12 / height, side / width, side / height))
        axes.set_title(title)
        _draw_map(axes, places, names, labels, side)
    figure.text(0.2 / width, 1 - 0.3 / height, "Tasks near each other", size=12, weight="bold")
    return figure


def _draw_map(axes: Axes, places: Matrix, names: Sequence[str], labels: Sequence[int], side: float) -> None:
    """Draw points in a square of `side` inches, with the names beside it, ordered by height."""
    colours = [SOURCE_COLOURS[label % len(SOURCE_COLOURS)] for label in labels]
    span = float(np.ptp(places, axis=0).max()) or 1.0
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    at = side / 2 + (places - middle) / span * (side - 0.5)  # inches
    axes.set(xlim=(0, side), ylim=(0, side), xticks=[], yticks=[])
    across = np.argsort(at[:, 0], kind="stable")
    for half, edge, anchor, step in (
        (across[: (len(across) + 1) // 2], 0.0, "right", -0.14),
        (across[(len(across) + 1) // 2 :], side, "left", 0.14),
    ):
        rows = _spread(np.sort(at[half, 1]), side)
        for row, place in zip(rows, half[np.argsort(at[half, 1], kind="stable")], strict=True):
            (x, y), colour = at[place], colours[place]
            path = ([x, edge, edge + step], [y, row, row])
            axes.plot(*path, color=colour, linewidth=0.5, alpha=0.55, clip_on=False, zorder=1)
            axes.text(edge + 1.3 * step, row, names[place], size=8, ha=anchor, va="center", color=colour)
    axes.scatter(at[:, 0], at[:, 1], s=38, c=colours, edgecolors="white", linewidths=0.6, zorder=3)
    for spine in axes.spines.values():
        spine.set_color(RULE)


def _spread(heights: npt.NDArray[np.float64], side: float) -> npt.NDArray[np.float64]:
    """Spread sorted heights at least one line apart within the square, each close to its original."""
    rows = heights.copy()
    lowest = 0.1
    for place in range(len(rows)):
        rows[place] = lowest = max(rows[place], lowest)
        lowest += _LINE
    highest = side - 0.1
    for place in reversed(range(len(rows))):
        rows[place] = highest = min(rows[place], highest)
        highest -= _LINE
    return rows


@styled
def draw_norms(norms: Sequence[float], names: Sequence[str], labels: Sequence[int]) -> Figure:
    """Complexity of tasks as bars, the most complex first, on a logarithmic scale."""
    order = np.argsort(norms)[::-1]
    left, row = 0.35 + 0.075 * max(map(len, names)), 0.24
    width, height = left + 4.6, row * len(names) + 1.3
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, 0.6 / height, 4.3 / width, row * len(names) / height))
    for place, number in enumerate(order):
        colour = SOURCE_COLOURS[labels[number] % len(SOURCE_COLOURS)]
        axes.plot(norms[number], place, "o", color=colour, markersize=6)
        axes.axhline(place, color=RULE, linewidth=0.6, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [names[number] for number in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("sum of the embedding", color=INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.text(0.15 / width, 1 - 0.35 / height, "How complex is each task?", size=12, weight="bold")
    return figure
