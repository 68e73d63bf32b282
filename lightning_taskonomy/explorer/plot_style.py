"""What all plots share. Texts and grid lines take their colours from the page's theme, by its style sheet."""

import textwrap
from typing import Any

from lightning_taskonomy.taxonomy.figures.style import INK

Figure = dict[str, Any]
"""A plotly figure as JSON, which needs no import of plotly."""

_LINE = 44
"""Letters of a line in the place of a plot, which may be as narrow as a phone."""
_CLEAR = "rgba(0,0,0,0)"
PLOT_OPTIONS: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True}


def layout(title: str, subtitle: str = "", **more: object) -> dict[str, Any]:
    """A layout without ground, frame or toolbar.

    Args:
        title: stands above the plot, to the left.
        subtitle: smaller, below it.
        more: further keys of plotly's layout.
    """
    below = {"text": subtitle, "font": {"size": 11}}
    return {
        "title": {
            "text": title,
            "subtitle": below,
            "x": 0.01,
            "font": {"size": 14},
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 10},
        },
        "margin": {"l": 52, "r": 12, "t": 40, "b": 44},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "font": {"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12},
        "hoverlabel": {"bgcolor": INK, "bordercolor": INK, "font": {"color": "white"}, "align": "left"},
        "hovermode": "closest",
        "dragmode": False,
        **more,
    }


def plain(words: str) -> str:
    """Words as they are, for plotly, which takes some for markup."""
    return words.replace("&", "&amp;").replace("<", "&lt;")


def axis(title: str = "", **more: object) -> dict[str, Any]:
    """An axis with light grid lines, which cannot be dragged.

    Args:
        title: what it measures.
        more: further keys of plotly's axis.
    """
    return {
        "title": {"text": title},
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
        "ticks": "",
        **more,
    }


def message(words: str) -> Figure:
    """An empty plot that says why."""
    return {
        "data": [],
        "layout": layout(
            "",
            xaxis={"visible": False},
            yaxis={"visible": False},
            annotations=[
                {
                    "text": "<br>".join(map(plain, textwrap.wrap(words, _LINE))),
                    "showarrow": False,
                    "x": 0.5,
                    "y": 0.5,
                    "xref": "paper",
                    "yref": "paper",
                }
            ],
        ),
    }
