"""Objective, gain and quality against the budget, and against random taxonomies of the same budget."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lightning_taskonomy.explorer.palette import COMPUTED, SECOND
from lightning_taskonomy.explorer.plot_style import Figure, axis, layout, message, plain
from lightning_taskonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.figures.style import FAINT
from lightning_taskonomy.taxonomy.significance import Measure, Significance

_TITLES: dict[Measure, str] = {
    "objective": "Objective against budget",
    "gain": "Mean gain against budget",
    "quality": "Mean quality against budget",
}
_INSIDE = {"x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}
"""Curves rise, so the lower right has room for a legend."""
_BAND = "rgba(154,161,169,0.35)"


def value_of(taxonomy: Taxonomy, measure: Measure) -> float | None:
    """The value of a measure for a taxonomy."""
    if measure == "objective":
        return taxonomy.objective
    return taxonomy.mean_gain if measure == "gain" else taxonomy.mean_quality


def curve_plot(
    curves: Mapping[str, Mapping[float, Taxonomy]], measure: Measure, budgets: Mapping[str, float]
) -> Figure:
    """A curve per table, and a line at each slider's budget.

    Args:
        curves: Taxonomies by budget, by table name.
        measure: The measure to plot.
        budgets: The selected budgets by their labels.
    """
    if all(value_of(taxonomy, measure) is None for curve in curves.values() for taxonomy in curve.values()):
        return message(f"This table holds no {measure}.")
    coloured = zip((COMPUTED, SECOND), curves.items(), strict=False)
    return {
        "data": [_curve(name, taxonomies, measure, colour) for colour, (name, taxonomies) in coloured],
        "layout": layout(
            _TITLES[measure],
            xaxis=axis("budget (label units)"),
            yaxis=axis(),
            showlegend=len(curves) > 1,
            legend=_INSIDE,
            shapes=[_upright_line(at) for at in budgets.values()],
            annotations=[_name_beside(at, name) for name, at in budgets.items()],
        ),
    }


def _curve(name: str, taxonomies: Mapping[float, Taxonomy], measure: Measure, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plain(name),
        "x": list(taxonomies),
        "y": [value_of(taxonomy, measure) for taxonomy in taxonomies.values()],
        "line": {"color": colour, "width": 2.2},
        "marker": {"size": 5, "color": colour},
        "customdata": [
            f"trained fully: {len(taxonomy.sources)} · {taxonomy.status}" for taxonomy in taxonomies.values()
        ],
        "hovertemplate": "budget %{x:g}: %{y:.4f}<br>%{customdata}<extra></extra>",
    }


def _upright_line(at: float) -> dict[str, Any]:
    """Where a slider stands."""
    line = {"color": FAINT, "width": 1.5, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _name_beside(at: float, name: str) -> dict[str, Any]:
    return {
        "text": plain(name),
        "x": at,
        "y": 0,
        "yref": "paper",
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "xshift": 3,
        "font": {"size": 11},
    }


def significance_plot(significance: Significance, measure: Measure) -> Figure:
    """The computed taxonomies over the 5th to the 95th percentile of random connectivities (Fig. 11)."""
    low, middle, high = significance.percentiles(measure, (5, 50, 95)).tolist()
    budgets = list(significance.budgets)
    values = significance.computed[measure]
    below = [
        f"{float((drawn < value).mean()):.1%} of {len(drawn):,} random connectivities are below"
        for drawn, value in zip(significance.random[measure], values, strict=True)
    ]
    band = {
        "type": "scatter",
        "x": [*budgets, *budgets[::-1]],
        "y": [*high, *low[::-1]],
        "fill": "toself",
        "fillcolor": _BAND,
        "line": {"width": 0},
        "mode": "lines",
        "name": "random connectivities, 5th to 95th percentile",
        "hoverinfo": "skip",
    }
    median = {
        "type": "scatter",
        "x": budgets,
        "y": middle,
        "mode": "lines",
        "line": {"color": FAINT, "width": 1.5},
        "name": "their median",
        "hovertemplate": "budget %{x:g}: random median %{y:.4f}<extra></extra>",
    }
    computed = {
        "type": "scatter",
        "x": budgets,
        "y": values.tolist(),
        "mode": "lines+markers",
        "line": {"color": COMPUTED, "width": 2.2},
        "marker": {"size": 5, "color": COMPUTED},
        "name": "computed",
        "customdata": below,
        "hovertemplate": "budget %{x:g}: %{y:.4f}<br>%{customdata}<extra></extra>",
    }
    return {
        "data": [band, median, computed],
        "layout": layout(
            "More than luck?",
            xaxis=axis("budget (label units)"),
            yaxis=axis("objective" if measure == "objective" else f"mean {measure}"),
            legend=_INSIDE,
        ),
    }


def has_measure(significance: Significance, measure: Measure) -> bool:
    """Whether the table contains the values that the measure needs."""
    return bool(np.isfinite(significance.computed[measure]).all())
