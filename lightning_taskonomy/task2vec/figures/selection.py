"""Figures: the cost of choosing experts, per task (the paper's Fig. 4) and over the number of known tasks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from lightning_taskonomy.task2vec.history import History
from lightning_taskonomy.task2vec.selection import CHANCE, FIXED, OPTIMAL, Choice
from lightning_taskonomy.taxonomy.figures.style import FAINT, RULE, SOURCE_COLOURS, new_figure, styled

_MARKS = {FIXED: "s", "cosine": "^", "asymmetric": "D", "model2vec": "o"}
_COLOURS = dict(zip((CHANCE, *_MARKS), (FAINT, *SOURCE_COLOURS), strict=False))


@styled
def draw_selection(history: History, choices: Sequence[Choice]) -> Figure:
    """Every expert's error on every task as a grey mark, and the expert that each method chose."""
    order = np.argsort(np.nanmin(history.errors, axis=1))
    row, left = 0.27, 0.35 + 0.075 * max(map(len, history.tasks))
    width, height = left + 7.2, row * len(order) + 1.55
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, 0.6 / height, 4.9 / width, row * len(order) / height))
    for place, number in enumerate(order):
        errors = history.errors[number]
        axes.plot(errors, np.full(len(errors), place), "|", color=FAINT, markersize=7)
        axes.axhline(place, color=RULE, linewidth=0.6, zorder=0)
    offsets = dict(zip(_MARKS, np.linspace(-0.27, 0.27, len(_MARKS)), strict=True))
    place_of = {history.tasks[number]: place for place, number in enumerate(order)}
    for method, mark in _MARKS.items():
        chosen = [choice for choice in choices if choice.method == method]
        rows = [place_of[choice.task] + offsets[method] for choice in chosen]
        errors = [choice.error for choice in chosen]
        axes.plot(errors, rows, mark, color=_COLOURS[method], markersize=5, linestyle="", label=method)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_yticks(range(len(order)), [history.tasks[number] for number in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("error of experts (grey: all of them)")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.text(
        0.15 / width, 1 - 0.35 / height, "Which expert does each method choose?", size=12, weight="bold"
    )
    return figure


@styled
def draw_curve(curve: Mapping[int, Mapping[str, float]]) -> Figure:
    """Mean excess error of each method over the number of known tasks."""
    figure = new_figure(6.4, 4.2)
    axes = figure.add_axes((0.12, 0.14, 0.56, 0.68))
    methods = [method for method in next(iter(curve.values())) if method != OPTIMAL]
    for method in methods:
        values = [100 * curve[known][method] for known in curve]
        line = "--" if method == CHANCE else "-"
        colour = _COLOURS.get(method, FAINT)
        axes.plot(list(curve), values, line, marker=_MARKS.get(method, ""), color=colour, label=method)
    axes.set(xlabel="known tasks", ylabel="error above the best expert's, %")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.text(0.02, 0.92, "How many tasks must be known?", size=12, weight="bold")
    return figure
