"""A taxonomy as a picture: trained tasks on the left, what is transferred from them on the right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Curve

from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    INK,
    SOURCE_COLOURS,
    WIN_RATE_SPAN,
    WIN_RATES,
    inch_axes,
    ink_on,
    new_figure,
    styled,
)
from lightning_taskonomy.taxonomy.figures.titles import title_of
from lightning_taskonomy.taxonomy.transfers import Transfer

if TYPE_CHECKING:  # a taxonomy draws itself when it is saved
    from lightning_taskonomy.taxonomy.taxonomy import Taxonomy

# Inches, from the left: own results, name and node of a trained task; junction, node, name and results of a
# transferred one.
_WIDTH = 11.4
_LEFT_CELLS, _LEFT_NODE = 0.2, 3.5
_JUNCTION, _RIGHT_NODE, _RIGHT_CELLS = 7.0, 7.6, 10.0
_CELL_WIDTH, _CELL_HEIGHT = 0.58, 0.22
_ROW = 0.3
_HEAD, _FOOT = 1.15, 0.3
_DIMMED_PER_LINE = 6


@styled
def draw_taxonomy(taxonomy: "Taxonomy") -> Figure:
    """The hyperedges of a taxonomy, with gain and quality of every target (as the paper's Fig. 8, unrolled).

    A transfer of higher order joins the lines of its sources in a dot. Tasks that are neither trained nor
    solved are dimmed.
    """
    transferred = [transfer for transfer in taxonomy.transfers if not transfer.is_self]
    own = {transfer.target: transfer for transfer in taxonomy.transfers if transfer.is_self}
    solved = {transfer.target for transfer in taxonomy.transfers}
    dimmed = [task for task in taxonomy.tasks if task not in taxonomy.sources and task not in solved]
    sources, targets = _untangled(taxonomy.sources, transferred)
    rows = max(len(sources), len(targets), 1)
    lines = [dimmed[first : first + _DIMMED_PER_LINE] for first in range(0, len(dimmed), _DIMMED_PER_LINE)]
    foot = _FOOT + 0.25 * len(lines) + (0.15 if lines else 0.0)
    figure = new_figure(_WIDTH, _HEAD + rows * _ROW + foot)
    axes = inch_axes(figure)
    top = foot + (rows - 0.5) * _ROW
    left = _heights(sources, rows, top)
    right = _heights([transfer.target for transfer in targets], rows, top)
    colour = {name: SOURCE_COLOURS[index % len(SOURCE_COLOURS)] for index, name in enumerate(sources)}
    _draw_edges(axes, targets, left, right, colour)
    _draw_nodes(axes, left, right, colour)
    for name, transfer in own.items():
        _draw_results(axes, transfer, _LEFT_CELLS, left[name])
    for transfer in targets:
        _draw_results(axes, transfer, _RIGHT_CELLS, right[transfer.target])
    _draw_head(axes, taxonomy, top + 0.75 * _ROW, bool(own), bool(targets))
    for number, line in enumerate(lines):
        start = "Neither trained nor solved:  " if number == 0 else ""
        words = start + ",  ".join(map(title_of, line))
        axes.text(0.2, foot - 0.35 - 0.25 * number, words, color=FAINT, va="center")
    return figure


def _untangled(sources: Sequence[str], transfers: Sequence[Transfer]) -> tuple[list[str], list[Transfer]]:
    """Sources and transfers in an order with few crossings: each to the mean height of its neighbours."""
    left, right = list(sources), sorted(transfers, key=lambda transfer: transfer.target)
    for _ in range(12):
        place = {name: index / max(len(left) - 1, 1) for index, name in enumerate(left)}
        right.sort(key=lambda transfer: sum(place[name] for name in transfer.sources) / transfer.order)
        reached: dict[str, list[float]] = {name: [] for name in left}
        for index, transfer in enumerate(right):
            for name in transfer.sources:
                reached[name].append(index / max(len(right) - 1, 1))
        # Sources that only serve themselves go to the end.
        left.sort(key=lambda name: sum(reached[name]) / len(reached[name]) if reached[name] else 2.0)
    return left, right


def _heights(names: Sequence[str], rows: int, top: float) -> dict[str, float]:
    """Spread over the whole height, but for few names, which stay together in the middle."""
    step = _ROW * min((rows - 1) / max(len(names) - 1, 1), 2.5)
    first = top - 0.5 * ((rows - 1) * _ROW - (len(names) - 1) * step)
    return {name: first - index * step for index, name in enumerate(names)}


def _draw_edges(
    axes: Axes,
    transfers: Sequence[Transfer],
    left: Mapping[str, float],
    right: Mapping[str, float],
    colour: Mapping[str, str],
) -> None:
    middle = (_LEFT_NODE + _JUNCTION) / 2
    curves, colours, stems, dots = [], [], [], []
    for transfer in transfers:
        height = right[transfer.target]
        for name in transfer.sources:
            points = [(_LEFT_NODE, left[name]), (middle, left[name]), (middle, height), (_JUNCTION, height)]
            curves.append(Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]))
            colours.append(colour[name])
        single = transfer.order == 1
        stems.append((height, colour[transfer.sources[0]] if single else INK))
        if not single:
            dots.append(height)
    axes.add_collection(
        PathCollection(curves, facecolors="none", edgecolors=colours, linewidths=1.5, alpha=0.8, zorder=1)
    )
    for height, shade in stems:
        axes.plot((_JUNCTION, _RIGHT_NODE), (height, height), color=shade, linewidth=1.5, zorder=1)
    axes.scatter([_JUNCTION] * len(dots), dots, s=16, color=INK, zorder=2)


def _draw_nodes(
    axes: Axes, left: Mapping[str, float], right: Mapping[str, float], colour: Mapping[str, str]
) -> None:
    axes.scatter(
        [_LEFT_NODE] * len(left),
        list(left.values()),
        s=70,
        c=[colour[name] for name in left],
        edgecolors="white",
        zorder=3,
    )
    axes.scatter(
        [_RIGHT_NODE] * len(right), list(right.values()), s=34, facecolors="white", edgecolors=INK, zorder=3
    )
    for name, height in left.items():
        axes.text(_LEFT_NODE - 0.15, height, title_of(name), ha="right", va="center", weight="bold")
    for name, height in right.items():
        axes.text(_RIGHT_NODE + 0.12, height, title_of(name), ha="left", va="center")


def _draw_results(axes: Axes, transfer: Transfer, start: float, height: float) -> None:
    for place, value in enumerate((transfer.gain, transfer.quality)):
        if value is None:
            continue
        colour = WIN_RATES(WIN_RATE_SPAN(value))
        corner = (start + place * (_CELL_WIDTH + 0.04), height - _CELL_HEIGHT / 2)
        axes.add_patch(Rectangle(corner, _CELL_WIDTH, _CELL_HEIGHT, color=colour, linewidth=0))
        middle = corner[0] + _CELL_WIDTH / 2
        axes.text(middle, height, f"{value:.2f}", ha="center", va="center", color=ink_on(colour), size=8)


def _draw_head(axes: Axes, taxonomy: "Taxonomy", height: float, own: bool, transferred: bool) -> None:
    order = "any order" if taxonomy.max_order is None else f"transfers of up to {taxonomy.max_order} sources"
    measures = [
        f"mean {name} {value:.3f}"
        for name, value in (("gain", taxonomy.mean_gain), ("quality", taxonomy.mean_quality))
        if value is not None
    ]
    title = f"Taxonomy for a budget of {taxonomy.budget:g}, {order}"
    result = ", ".join([f"objective {taxonomy.objective:.4f} ({taxonomy.status})", *measures])
    top = axes.get_ylim()[1]
    axes.text(0.2, top - 0.28, title, size=12, weight="bold", va="center")
    axes.text(0.2, top - 0.54, result, va="center")
    for start, shown in ((_LEFT_CELLS, own), (_RIGHT_CELLS, transferred)):
        for place, word in enumerate(("gain", "quality")) if shown else ():
            middle = start + place * (_CELL_WIDTH + 0.04) + _CELL_WIDTH / 2
            axes.text(middle, height, word, ha="center", va="center", size=8)
    label = f"trained fully ({taxonomy.spent:g} label units)"
    axes.text(_LEFT_NODE - 0.15, height, label, ha="right", va="center", size=8)
    if transferred:
        axes.text(_RIGHT_NODE + 0.12, height, "transferred", ha="left", va="center", size=8)
