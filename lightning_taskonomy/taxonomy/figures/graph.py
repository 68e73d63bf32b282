"""A taxonomy as a figure: trained tasks on the left, tasks transferred from them on the right."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
    names_in_picture,
    new_figure,
    styled,
    width_of,
)
from lightning_taskonomy.taxonomy.transfers import Transfer

# Inches.
_LEFT_CELLS = 0.2
_CELL_WIDTH, _CELL_HEIGHT = 0.58, 0.22
_ROW = 0.3
_HEAD, _FOOT = 1.15, 0.3
_DIMMED_PER_LINE = 6


class SolvedTaxonomy(Protocol):
    """The parts of a taxonomy that are drawn; `Taxonomy` documents them."""

    @property
    def objective(self) -> float:
        """Importance times affinity, summed over the transfers."""

    @property
    def status(self) -> str:
        """`optimal`, or the gap."""

    @property
    def budget(self) -> float:
        """In label units."""

    @property
    def max_order(self) -> int | None:
        """The largest order allowed; None for any."""

    @property
    def spent(self) -> float:
        """In label units."""

    @property
    def sources(self) -> Sequence[str]:
        """The tasks trained fully, by name."""

    @property
    def transfers(self) -> Sequence[Transfer]:
        """The chosen one of each target."""

    @property
    def tasks(self) -> Sequence[str]:
        """Every task of the program, by name."""

    @property
    def maximises(self) -> str:
        """What the objective sums: affinity, gain or quality."""

    @property
    def mean_gain(self) -> float | None:
        """None where it was not measured."""

    @property
    def mean_quality(self) -> float | None:
        """None where it was not measured."""


@dataclass(frozen=True)
class _Columns:
    """Horizontal positions of the parts of a row, in inches from the left.

    Attributes:
        left_node: of a trained task, after its results and name.
        right_name: width of the longest name of a transferred task.
    """

    left_node: float
    right_name: float

    @classmethod
    def of(cls, left: Iterable[str], right: Iterable[str], left_title: str) -> "_Columns":
        before = max(width_of(left, weight="bold"), width_of([left_title], 8))
        return cls(max(3.5, _LEFT_CELLS + 2 * _CELL_WIDTH + 0.4 + before), max(2.2, width_of(right) + 0.1))

    @property
    def junction(self) -> float:
        """Where the sources of a transfer meet."""
        return self.left_node + 3.5

    @property
    def right_node(self) -> float:
        """Of a transferred task, before its name and results."""
        return self.junction + 0.6

    @property
    def right_cells(self) -> float:
        """Of gain and quality of a transferred task."""
        return self.right_node + 0.2 + self.right_name

    @property
    def width(self) -> float:
        """Of the figure."""
        return self.right_cells + 1.4


@styled
def draw_taxonomy(taxonomy: SolvedTaxonomy, doubtful: Collection[str] = ()) -> Figure:
    """The hyperedges of a taxonomy, with gain and quality of every target (as the paper's Fig. 8, unrolled).

    A transfer of higher order joins the lines of its sources in a dot. Transfers that lose to training from
    scratch are dashed. Tasks that are neither trained nor solved are dimmed. A dagger marks doubtful tasks,
    whose networks have learned nothing.
    """
    transferred = [transfer for transfer in taxonomy.transfers if not transfer.is_self]
    own = {transfer.target: transfer for transfer in taxonomy.transfers if transfer.is_self}
    solved = {transfer.target for transfer in taxonomy.transfers}
    dimmed = [task for task in taxonomy.tasks if task not in taxonomy.sources and task not in solved]
    sources, targets = _untangled(taxonomy.sources, transferred)
    rows = max(len(sources), len(targets), 1)
    titles = names_in_picture({*taxonomy.tasks, *taxonomy.sources, *solved})
    title = {task: f"{words} †" if task in doubtful else words for task, words in titles.items()}
    trained = f"trained fully ({taxonomy.spent:g} label units)"
    columns = _Columns.of(
        (title[name] for name in sources), (title[transfer.target] for transfer in targets), trained
    )
    lines = _filled([title[task] for task in dimmed], columns.width - 0.4)
    if any(task in doubtful for task in title):
        lines.insert(
            0, "†  Its network loses to a constant guess or an untrained encoder: not to be relied on"
        )
    if any(transfer.loses_to_scratch for transfer in transferred):
        lines.insert(0, "Dashed:  loses to training from scratch on most images")
    foot = _FOOT + 0.25 * len(lines) + (0.15 if lines else 0.0)
    figure = new_figure(columns.width, _HEAD + rows * _ROW + foot)
    axes = inch_axes(figure)
    top = foot + (rows - 0.5) * _ROW
    left = _heights(sources, rows, top)
    right = _heights([transfer.target for transfer in targets], rows, top)
    colour = {name: SOURCE_COLOURS[index % len(SOURCE_COLOURS)] for index, name in enumerate(sources)}
    _draw_edges(axes, columns, targets, left, right, colour)
    _draw_nodes(axes, columns, left, right, colour, title)
    for name, transfer in own.items():
        _draw_results(axes, transfer, _LEFT_CELLS, left[name])
    for transfer in targets:
        _draw_results(axes, transfer, columns.right_cells, right[transfer.target])
    _draw_head(axes, columns, taxonomy, trained, top + 0.75 * _ROW, bool(own), bool(targets))
    for number, line in enumerate(lines):
        axes.text(0.2, foot - 0.35 - 0.25 * number, line, color=FAINT, va="center")
    return figure


def _filled(names: Sequence[str], width: float) -> list[str]:
    """Lines of a few names each, none wider than `width` inches."""
    lines: list[str] = []
    line: list[str] = []
    for name in names:
        start = "" if lines else "Neither trained nor solved:  "
        words = start + ",  ".join([*line, name])
        if line and (len(line) == _DIMMED_PER_LINE or width_of([words]) > width):
            lines.append(start + ",  ".join(line))
            line = []
        line.append(name)
    return [*lines, ("" if lines else "Neither trained nor solved:  ") + ",  ".join(line)] if names else []


def _untangled(sources: Sequence[str], transfers: Sequence[Transfer]) -> tuple[list[str], list[Transfer]]:
    """Sources and transfers in an order with few crossings, by the barycentre of their neighbours."""
    left, right = list(sources), sorted(transfers, key=lambda transfer: transfer.target)
    for _ in range(12):
        place = {name: index / max(len(left) - 1, 1) for index, name in enumerate(left)}
        right.sort(key=lambda t: sum(place[name] for name in t.trained_tasks) / t.order)
        reached: dict[str, list[float]] = {name: [] for name in left}
        for index, transfer in enumerate(right):
            for name in transfer.trained_tasks:
                reached[name].append(index / max(len(right) - 1, 1))
        # Sources that serve only themselves go last.
        left.sort(key=lambda name: sum(reached[name]) / len(reached[name]) if reached[name] else 2.0)
    return left, right


def _heights(names: Sequence[str], rows: int, top: float) -> dict[str, float]:
    """Heights spread over all rows; few names stay together in the middle."""
    step = _ROW * min((rows - 1) / max(len(names) - 1, 1), 2.5)
    first = top - 0.5 * ((rows - 1) * _ROW - (len(names) - 1) * step)
    return {name: first - index * step for index, name in enumerate(names)}


def _draw_edges(
    axes: Axes,
    columns: _Columns,
    transfers: Sequence[Transfer],
    left: Mapping[str, float],
    right: Mapping[str, float],
    colour: Mapping[str, str],
) -> None:
    start, junction = columns.left_node, columns.junction
    middle = (start + junction) / 2
    curves, colours, styles, stems, dots = [], [], [], [], []
    for transfer in transfers:
        height = right[transfer.target]
        style = "--" if transfer.loses_to_scratch else "-"
        for name in transfer.trained_tasks:
            points = [(start, left[name]), (middle, left[name]), (middle, height), (junction, height)]
            curves.append(Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]))
            colours.append(colour[name])
            styles.append(style)
        if transfer.is_scratch:
            axes.text(columns.right_node - 0.15, height, "from scratch", color=FAINT, ha="right", va="center")
            continue
        single = transfer.order == 1
        stems.append((height, colour[transfer.sources[0]] if single else INK, style))
        if not single:
            dots.append(height)
    axes.add_collection(
        PathCollection(
            curves,
            facecolors="none",
            edgecolors=colours,
            linestyles=styles,
            linewidths=1.5,
            alpha=0.8,
            zorder=1,
        )
    )
    for height, shade, style in stems:
        ends = (junction, columns.right_node)
        axes.plot(ends, (height, height), style, color=shade, linewidth=1.5, zorder=1)
    axes.scatter([junction] * len(dots), dots, s=16, color=INK, zorder=2)


def _draw_nodes(
    axes: Axes,
    columns: _Columns,
    left: Mapping[str, float],
    right: Mapping[str, float],
    colour: Mapping[str, str],
    title: Mapping[str, str],
) -> None:
    axes.scatter(
        [columns.left_node] * len(left),
        list(left.values()),
        s=70,
        c=[colour[name] for name in left],
        edgecolors="white",
        zorder=3,
    )
    axes.scatter(
        [columns.right_node] * len(right),
        list(right.values()),
        s=34,
        facecolors="white",
        edgecolors=INK,
        zorder=3,
    )
    for name, height in left.items():
        axes.text(columns.left_node - 0.15, height, title[name], ha="right", va="center", weight="bold")
    for name, height in right.items():
        axes.text(columns.right_node + 0.12, height, title[name], ha="left", va="center")


def _draw_results(axes: Axes, transfer: Transfer, start: float, height: float) -> None:
    for place, value in enumerate((transfer.gain, transfer.quality)):
        if value is None:
            continue
        colour = WIN_RATES(WIN_RATE_SPAN(value))
        corner = (start + place * (_CELL_WIDTH + 0.04), height - _CELL_HEIGHT / 2)
        axes.add_patch(Rectangle(corner, _CELL_WIDTH, _CELL_HEIGHT, color=colour, linewidth=0))
        middle = corner[0] + _CELL_WIDTH / 2
        axes.text(middle, height, f"{value:.2f}", ha="center", va="center", color=ink_on(colour), size=8)


def _draw_head(
    axes: Axes,
    columns: _Columns,
    taxonomy: SolvedTaxonomy,
    trained: str,
    height: float,
    own: bool,
    transferred: bool,
) -> None:
    order = "any order" if taxonomy.max_order is None else f"transfers of up to {taxonomy.max_order} sources"
    measures = [
        f"mean {name} {value:.3f}"
        for name, value in (("gain", taxonomy.mean_gain), ("quality", taxonomy.mean_quality))
        if value is not None
    ]
    title = f"Taxonomy for a budget of {taxonomy.budget:g}, {order}"
    maximised = "" if taxonomy.maximises == "affinity" else f", sum of {taxonomy.maximises}"
    result = ", ".join([f"objective {taxonomy.objective:.4f} ({taxonomy.status}{maximised})", *measures])
    top = axes.get_ylim()[1]
    axes.text(0.2, top - 0.28, title, size=12, weight="bold", va="center")
    axes.text(0.2, top - 0.54, result, va="center")
    for start, shown in ((_LEFT_CELLS, own), (columns.right_cells, transferred)):
        for place, word in enumerate(("gain", "quality")) if shown else ():
            middle = start + place * (_CELL_WIDTH + 0.04) + _CELL_WIDTH / 2
            axes.text(middle, height, word, ha="center", va="center", size=8)
    axes.text(columns.left_node - 0.15, height, trained, ha="right", va="center", size=8)
    if transferred:
        axes.text(columns.right_node + 0.12, height, "transferred", ha="left", va="center", size=8)
