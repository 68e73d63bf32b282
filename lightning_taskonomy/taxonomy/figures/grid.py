"""The taxonomies of a grid of budgets and maximum orders, side by side (Fig. 8)."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    INK,
    RULE,
    WIN_RATE_SPAN,
    WIN_RATES,
    ink_on,
    names_in_picture,
    new_figure,
    styled,
    width_of,
)
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import Transfer

Place = tuple[float, float]

MOST_BUDGETS = 6
"""The most columns that stay readable; of more budgets, an even selection is shown."""
_CELL, _HEAD, _SIDE, _KEY = 2.75, 0.95, 0.55, 2.5


@styled
def draw_grid(evaluation: Evaluation, tasks: Sequence[str], measure: Literal["gain", "quality"]) -> Figure:
    """Budgets from left to right, maximum orders from bottom to top, as in the paper.

    Tasks lie on a circle, numbered as in the key. Trained tasks have a dark ring; a target's colour is its
    gain or quality; lines lead from the sources to the target, joined in a dot where there are several.
    Tasks that are neither trained nor solved are dimmed.

    Args:
        evaluation: the taxonomies.
        tasks: around the circle, similar ones together.
        measure: shown as the targets' colours.
    """
    budgets = _spread(evaluation.budgets)
    orders = evaluation.max_orders[::-1]
    title = names_in_picture(evaluation.problem.transfers.tasks)
    names = [title[task] for task in tasks]
    width = _SIDE + _CELL * len(budgets) + max(_KEY, 0.65 + width_of(names, 8))
    height = max(_HEAD + _CELL * len(orders) + 0.4, _HEAD + 0.2 * len(tasks) + 1.75)
    figure = new_figure(width, height)
    places = {
        task: (
            math.sin(2 * math.pi * index / len(tasks)),
            math.cos(2 * math.pi * index / len(tasks)),
        )
        for index, task in enumerate(tasks)
    }
    for row, order in enumerate(orders):
        bottom = height - _HEAD - _CELL * (row + 1)
        label = f"up to {order} source{'s' if order > 1 else ''}"
        figure.text(0.3 / width, (bottom + _CELL / 2) / height, label, rotation=90, ha="center", va="center")
        for column, budget in enumerate(budgets):
            left = _SIDE + _CELL * column
            axes = figure.add_axes((left / width, bottom / height, _CELL / width, _CELL / height))
            axes.set(xlim=(-1.32, 1.32), ylim=(-1.32, 1.32))
            axes.set_axis_off()
            taxonomy = evaluation.taxonomies.get((order, budget))
            if taxonomy is None:
                axes.text(0, 0, f"budget {budget:g}\ntoo small", color=FAINT, ha="center", va="center")
            else:
                _draw_cell(axes, taxonomy, places, measure)
            if row == 0:
                axes.set_title(f"budget {budget:g}", size=9.5, y=0.975)
    start = _SIDE + _CELL * len(budgets) + 0.2
    _draw_key(figure, names, start, height - _HEAD)
    bar = figure.add_axes((start / width, 0.45 / height, 1.7 / width, 0.12 / height))
    figure.colorbar(
        ScalarMappable(WIN_RATE_SPAN, WIN_RATES), cax=bar, orientation="horizontal", ticks=[0, 0.5, 1]
    ).outline.set_visible(False)
    rival = "training from scratch" if measure == "gain" else "full supervision"
    bar.set_title(f"{measure}: win rate against\n{rival}", size=8, loc="left")
    figure.text(
        0.15 / width, 1 - 0.38 / height, f"Taxonomies by budget and order: {measure}", size=12, weight="bold"
    )
    return figure


def _spread(budgets: Sequence[float]) -> list[float]:
    """At most `MOST_BUDGETS`, evenly from the first to the last."""
    count = min(len(budgets), MOST_BUDGETS)
    return [budgets[round(index * (len(budgets) - 1) / max(count - 1, 1))] for index in range(count)]


def _draw_cell(
    axes: Axes, taxonomy: Taxonomy, places: Mapping[str, Place], measure: Literal["gain", "quality"]
) -> None:
    solved = {transfer.target: transfer for transfer in taxonomy.transfers}
    lines: list[list[Place]] = []
    junctions: list[Place] = []
    for transfer in taxonomy.transfers:
        if transfer.is_self:
            continue
        meeting = _junction(transfer, places)
        lines += [[places[source], meeting] for source in transfer.sources]
        if transfer.order > 1:
            junctions.append(meeting)
            lines.append([meeting, places[transfer.target]])
    axes.add_collection(LineCollection(lines, colors="#8d97a1", linewidths=0.8, alpha=0.85, zorder=1))
    axes.scatter([x for x, _ in junctions], [y for _, y in junctions], s=5, color=INK, zorder=2)
    growth = min(max(26 / len(places), 1.0), 2.0)  # few tasks leave room for larger nodes
    for number, (task, (x, y)) in enumerate(places.items(), start=1):
        trained, solution = task in taxonomy.sources, solved.get(task)
        value = None if solution is None else solution.gain if measure == "gain" else solution.quality
        unused = solution is None and not trained
        fill = "white" if value is None else WIN_RATES(WIN_RATE_SPAN(value))
        edge = INK if trained else RULE
        axes.scatter(
            [x],
            [y],
            s=112 * growth,
            color=fill,
            edgecolors=edge,
            linewidths=1.9 if trained else 0.9,
            zorder=3,
        )
        ink = FAINT if unused else ink_on(fill)
        axes.text(
            x, y - 0.005, str(number), size=6 * growth**0.5, color=ink, ha="center", va="center", zorder=4
        )


def _junction(transfer: Transfer, places: Mapping[str, Place]) -> Place:
    """Where the lines of several sources meet, between their mean and the target; the target for one."""
    target = places[transfer.target]
    if transfer.order == 1:
        return target
    middle = [sum(places[source][axis] for source in transfer.sources) / transfer.order for axis in (0, 1)]
    return 0.4 * middle[0] + 0.6 * 0.8 * target[0], 0.4 * middle[1] + 0.6 * 0.8 * target[1]


def _draw_key(figure: Figure, names: Sequence[str], left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    for number, name in enumerate(names, start=1):
        y = (top + 0.1 - 0.2 * number) / height
        figure.text((left + 0.2) / width, y, str(number), size=8, color=FAINT, ha="right")
        figure.text((left + 0.3) / width, y, name, size=8)
    y = (top + 0.1 - 0.2 * (len(names) + 0.7)) / height
    figure.text(left / width, y, "dark ring: trained fully\ngrey number: not used", size=8, va="top")
