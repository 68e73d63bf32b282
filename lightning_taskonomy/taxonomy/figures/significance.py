"""The computed taxonomies against random ones over budgets (Fig. 11)."""

import numpy as np
from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.figures.style import FAINT, INK, RULE, new_figure, styled
from lightning_taskonomy.taxonomy.significance import Band, Measure, Significance

_COMPUTED = "#0072b2"
_BANDS: tuple[tuple[Band, str, str, str], ...] = (
    ("connectivities", RULE, FAINT, "random connectivities (the paper's), 5th to 95th percentile"),
    ("sources", "#e8c9a0", "#b5762a", "random sources with their best transfers"),
)


@styled
def draw_significance(significance: Significance) -> Figure:
    """Mean gain and quality by budget: the computed taxonomy, and 5th to 95th percentile of both random ones.

    A measure that the table does not have is left out; a table without either shows the objective.
    """
    wanted: tuple[Measure, ...] = ("gain", "quality")
    shown = [name for name in wanted if np.isfinite(significance.computed[name]).all()] or ["objective"]
    figure = new_figure(0.6 + 4.6 * len(shown), 4.1)
    draws = significance.random["objective"].shape[1]
    for place, measure in enumerate(shown, start=1):
        axes = figure.add_subplot(1, len(shown), place)
        budgets = significance.budgets
        marker = "o" if len(budgets) == 1 else None
        for band, colour, line, name in _BANDS:
            low, middle, high = significance.percentiles(measure, (5, 50, 95), band)
            axes.fill_between(budgets, low, high, color=colour, alpha=0.55, linewidth=0, label=name)
            axes.plot(budgets, middle, color=line, linewidth=1.5, marker=marker, label="their median")
        computed = significance.computed[measure]
        axes.plot(
            budgets, computed, color=_COMPUTED, linewidth=2.2, marker="o", markersize=3.5, label="computed"
        )
        name = "objective" if measure == "objective" else f"mean {measure}"
        axes.set(xlabel="budget", ylabel=name)
        axes.set_title(name, loc="left")
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="lower center", ncols=3 if len(shown) > 1 else 1)
    figure.subplots_adjust(
        left=0.7 / (0.6 + 4.6 * len(shown)),
        right=0.97,
        top=0.8,
        bottom=0.23 if len(shown) > 1 else 0.33,
        wspace=0.25,
    )
    title = f"Computed taxonomies against {draws:,} random ones of the same budget"
    figure.text(0.02, 0.92, title, size=12, weight="bold", color=INK)
    return figure
