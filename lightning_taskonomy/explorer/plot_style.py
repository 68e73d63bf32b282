"""Common style of all plots. The page's style sheet sets the colours of text and grid lines by theme."""

import textwrap
from typing import Any

from lightning_taskonomy.taxonomy.figures.style import INK

Figure = dict[str, Any]
"""A plotly figure as JSON, which does not require importing plotly."""

_LINE = 44
"""Characters per line of a message in place of a plot, which may be as narrow as a phone."""
_CLEAR = "rgba(0,0,0,0)"
PLOT_OPTIONS: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True}


def layout(title: str, subtitle: str = "", **more: object) -> dict[str, Any]:
    """A layout without background, frame or toolbar.

    Args:
        title: Title above the plot, to the left.
        subtitle: Smaller text below the title.
        more: Further keys of plotly's layout.
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
    """Text escaped for plotly, which interprets markup."""
    return words.replace("&", "&amp;").replace("<", "&lt;")


def axis(title: str = "", **more: object) -> dict[str, Any]:
    """An axis with light grid lines and a fixed range.

    Args:
        title: Quantity on the axis.
        more: Further keys of plotly's axis.
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
    """An empty plot with a message."""
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
