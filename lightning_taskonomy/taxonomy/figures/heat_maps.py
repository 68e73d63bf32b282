"""Gain and quality of every target as the budget grows (Fig. 9)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.figures.style import (
    RULE,
    WIN_RATE_SPAN,
    WIN_RATES,
    names_in_picture,
    new_figure,
    styled,
    width_of,
)

_CELL, _NAMES, _HEAD, _FOOT, _BETWEEN, _BAR = 0.2, 1.95, 0.95, 0.55, 0.35, 0.9


@styled
def draw_heat_maps(evaluation: Evaluation, targets: Sequence[str]) -> Figure:
    """A row of panels per maximum order, gain on the left and quality on the right; the last row is the mean.

    Args:
        evaluation: the taxonomies; infeasible budgets are grey.
        targets: from top to bottom.
    """
    title = names_in_picture(evaluation.problem.transfers.tasks)
    before = max(_NAMES, 0.2 + width_of(title[task] for task in targets))
    rows, columns = len(targets) + 1, len(evaluation.budgets)
    cell_width = max(_CELL, 2.4 / columns)
    panel = (columns * cell_width, rows * _CELL)
    orders = evaluation.max_orders
    width = before + 2 * panel[0] + _BETWEEN + _BAR
    height = _HEAD + len(orders) * (panel[1] + _FOOT) + (len(orders) - 1) * 0.3
    figure = new_figure(width, height)
    top = height - _HEAD
    for order in orders:
        bottom = top - panel[1]
        for place, measure in enumerate(("gain", "quality")):
            left = before + place * (panel[0] + _BETWEEN)
            axes = figure.add_axes((left / width, bottom / height, panel[0] / width, panel[1] / height))
            image = _draw_panel(axes, _values(evaluation, targets, order, measure), evaluation.budgets)
            axes.set_title(f"{measure}, up to {order} source{'s' if order > 1 else ''}")
            names = [*(title[task] for task in targets), "mean"] if place == 0 else []
            axes.set_yticks(range(len(names)), names)
            axes.set_xlabel("budget")
        top = bottom - _FOOT - 0.3
    bar = figure.add_axes(((width - _BAR + 0.2) / width, _FOOT / height, 0.14 / width, panel[1] / height))
    figure.colorbar(image, cax=bar).outline.set_visible(False)
    bar.set_title("win rate", size=8, loc="left")
    figure.text(
        0.15 / width, 1 - 0.38 / height, "Gain and quality as the budget grows", size=12, weight="bold"
    )
    return figure


def _values(
    evaluation: Evaluation, targets: Sequence[str], max_order: int, measure: str
) -> NDArray[np.float64]:
    """Win rates and, in the last row, their means, (targets + 1, budgets); NaN where unknown."""
    values = np.full((len(targets) + 1, len(evaluation.budgets)), np.nan)
    for column, budget in enumerate(evaluation.budgets):
        taxonomy = evaluation.taxonomies.get((max_order, budget))
        if taxonomy is None:
            continue
        for transfer in taxonomy.transfers:
            value = transfer.gain if measure == "gain" else transfer.quality
            values[targets.index(transfer.target), column] = np.nan if value is None else value
        mean = taxonomy.mean_gain if measure == "gain" else taxonomy.mean_quality
        values[-1, column] = np.nan if mean is None else mean
    return values


def _draw_panel(axes: Axes, values: NDArray[np.float64], budgets: Sequence[float]) -> AxesImage:
    image = axes.imshow(values, cmap=WIN_RATES, norm=WIN_RATE_SPAN, aspect="auto", interpolation="nearest")
    axes.set_facecolor(RULE)
    step = max(1, -(-len(budgets) // 9))
    shown = range(0, len(budgets), step)
    axes.set_xticks(shown, [f"{budgets[index]:g}" for index in shown])
    axes.axhline(len(values) - 1.5, color="white", linewidth=3)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
