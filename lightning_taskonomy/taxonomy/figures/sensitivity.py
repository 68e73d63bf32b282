"""How much affinities and solutions differ between measurements, as a figure."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    INK,
    RULE,
    SOURCE_COLOURS,
    names_in_picture,
    new_figure,
    styled,
    width_of,
    words_in_picture,
)
from lightning_taskonomy.taxonomy.sensitivity import MEAN, OVERALL, Sensitivity

_NAMES, _PANEL, _BETWEEN, _ROW = 2.2, 3.6, 0.95, 0.25


@styled
def draw_sensitivity(sensitivity: Sensitivity, targets: Sequence[str]) -> Figure:
    """Rank correlation by target, overlap of sources by budget, and loss of objective by budget.

    Args:
        sensitivity: the comparison.
        targets: from top to bottom.
    """
    rows = len(targets) + 2
    pairs = list(dict.fromkeys((c.first, c.second) for c in sensitivity.correlations))
    title = names_in_picture(targets)
    names = {name: words_in_picture(name) for name in sensitivity.names}
    before = max(_NAMES, 0.3 + width_of(title.values()))
    width = before + 3 * _PANEL + 2 * _BETWEEN + 0.3
    panel = max(rows * _ROW, 3.0)
    legend = 0.22 * 2 * len(pairs)
    height = panel + 1.75 + legend
    figure = new_figure(width, height)
    panels = []
    for place in range(3):
        left = before + place * (_PANEL + _BETWEEN)
        box = (left / width, (0.65 + legend) / height, _PANEL / width, panel / height)
        panels.append(figure.add_axes(box))
        for side in ("top", "right"):
            panels[-1].spines[side].set_visible(False)
        panels[-1].set_axisbelow(True)
    _draw_correlations(panels[0], sensitivity, pairs, names, {task: title[task] for task in targets})
    _draw_changes(panels[1], panels[2], sensitivity, names)
    handles, labels = panels[2].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower right", bbox_to_anchor=(1 - 0.3 / width, 0.05 / height), frameon=False
    )
    figure.text(
        0.15 / width, 1 - 0.38 / height, f"Sensitivity: {', '.join(names.values())}", size=12, weight="bold"
    )
    return figure


def _draw_correlations(
    axes: Axes,
    sensitivity: Sensitivity,
    pairs: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    titles: Mapping[str, str],
) -> None:
    rows = [MEAN, OVERALL, *titles]
    thickness = 0.8 / len(pairs)
    for index, pair in enumerate(pairs):
        found = {c.target: c.spearman for c in sensitivity.correlations if (c.first, c.second) == pair}
        values = [found.get(name, math.nan) for name in rows]
        places = [row - 0.4 + thickness * (index + 0.5) for row in range(len(rows))]
        label = f"{names[pair[0]]} and {names[pair[1]]}"
        colour = SOURCE_COLOURS[index % len(SOURCE_COLOURS)]
        known = [(y, value) for y, value in zip(places, values, strict=True) if not math.isnan(value)]
        axes.barh([y for y, _ in known], [value for _, value in known], thickness, color=colour, label=label)
    axes.set_yticks(range(len(rows)), [MEAN, "all transfers pooled", *titles.values()])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    lowest = min((c.spearman for c in sensitivity.correlations if not math.isnan(c.spearman)), default=0.0)
    axes.set_xlim(min(0.0, lowest - 0.05), 1)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_title("rank correlation of affinities (Spearman)", loc="left", size=9.5)
    if len(pairs) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.06))


def _draw_changes(overlap: Axes, change: Axes, sensitivity: Sensitivity, names: Mapping[str, str]) -> None:
    ordered = list(dict.fromkeys((c.first, c.second) for c in sensitivity.changes))
    seen: list[frozenset[str]] = []
    for index, pair in enumerate(ordered):
        rows = [c for c in sensitivity.changes if (c.first, c.second) == pair]
        budgets = [row.budget for row in rows]
        colour = SOURCE_COLOURS[index % len(SOURCE_COLOURS)]
        # The overlap is the same in both directions: draw it once.
        if frozenset(pair) not in seen:
            seen.append(frozenset(pair))
            shade = SOURCE_COLOURS[(len(seen) - 1) % len(SOURCE_COLOURS)]
            overlap.plot(budgets, [row.overlap for row in rows], marker="o", markersize=3.5, color=shade)
        label = f"policy of {names[pair[0]]}, scored by {names[pair[1]]}"
        values = [100 * row.relative_change for row in rows]
        change.plot(budgets, values, marker="o", markersize=3.5, color=colour, label=label)
    overlap.set(ylim=(0, 1.03), xlabel="budget")
    overlap.set_title("overlap of chosen sources (Jaccard)", loc="left", size=9.5)
    change.set(xlabel="budget")
    change.axhline(0, color=INK, linewidth=0.8)
    change.set_title("change of the objective in %", loc="left", size=9.5)
    for axes in (overlap, change):
        axes.grid(axis="y", color=RULE, linewidth=0.6)
