"""Cytoscape style sheets of the graph, for a light and a dark theme."""

from typing import Any

from lightning_taskonomy.explorer.palette import COMPUTED
from lightning_taskonomy.taxonomy.figures.style import FAINT, INK, RULE, SOURCE_COLOURS

Stylesheet = list[dict[str, Any]]
_FONT = "system-ui, Segoe UI, DejaVu Sans, sans-serif"


def _stylesheet(ink: str, dim: str, faint: str, rule: str, ground: str, trained: str) -> Stylesheet:
    return [
        {
            "selector": "node",
            "style": {
                "width": 11,
                "height": 11,
                "label": "data(label)",
                "font-family": _FONT,
                "font-size": 11.5,
                "color": ink,
                "text-valign": "center",
                "text-background-color": ground,
                "border-width": 1.2,
                "border-color": faint,
                "background-color": ground,
                "overlay-opacity": 0,
            },
        },
        {"selector": ".source", "style": {"text-halign": "left", "text-margin-x": -6}},
        {"selector": ".target", "style": {"text-halign": "right", "text-margin-x": 6, "shape": "rectangle"}},
        {
            "selector": ".trained",
            "style": {
                "width": 14,
                "height": 14,
                "font-weight": "bold",
                "background-color": trained,
                "border-color": trained,
            },
        },
        {
            "selector": ".solved",
            "style": {"width": 13, "height": 13, "background-color": "data(colour)", "border-color": ink},
        },
        {"selector": ".idle", "style": {"color": dim, "border-color": rule, "border-style": "dashed"}},
        {
            "selector": ".differs",
            "style": {"underlay-color": faint, "underlay-opacity": 0.6, "underlay-padding": 5},
        },
        {
            "selector": ".junction",
            "style": {
                "width": 13,
                "height": 13,
                "font-size": 9,
                "font-weight": "bold",
                "color": ground,
                "background-color": ink,
                "border-width": 0,
                "text-halign": "center",
            },
        },
        {
            "selector": "edge",
            "style": {
                "width": 2.4,
                "curve-style": "straight",
                "line-color": "data(colour)",
                "overlay-opacity": 0,
            },
        },
        {
            "selector": ".bent",
            "style": {
                "curve-style": "unbundled-bezier",
                "control-point-distances": "data(bends)",
                "control-point-weights": "data(weights)",
                "edge-distances": "node-position",
            },
        },
        {
            "selector": "edge.unused",
            "style": {"width": 1, "line-color": faint, "opacity": 0.35, "z-index": 0},
        },
        {
            "selector": "node.unused",
            "style": {"width": 9, "height": 9, "font-size": 7, "background-color": faint, "opacity": 0.4},
        },
        {"selector": ".away", "style": {"opacity": 0.12}},
        {"selector": "edge.unused.near, node.unused.near", "style": {"opacity": 0.95}},
        {"selector": "edge.used.near", "style": {"width": 4}},
    ]


STYLESHEETS: dict[str, Stylesheet] = {
    "light": _stylesheet(INK, "#737a82", FAINT, RULE, "#ffffff", COMPUTED),
    "dark": _stylesheet("#e8eaed", "#9aa1a9", "#858d96", "#434a52", "#1c2024", SOURCE_COLOURS[4]),
}
