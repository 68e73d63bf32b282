"""The look that all pictures share, and saving them: SVG and PNG, the same bytes for the same input."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure

from lightning_taskonomy.output import whole_file

Colour = tuple[float, float, float, float] | str

INK = "#22262b"
FAINT = "#9aa1a9"
RULE = "#d9dde1"
PNG_DOTS_PER_INCH = 110

# Parity, a win rate of one half, is the neutral middle: orange loses, blue wins, for colour-blind eyes too.
WIN_RATES = LinearSegmentedColormap.from_list(
    "win_rates", ["#b35806", "#f1a340", "#f4f4f2", "#74add1", "#2166ac"]
)
WIN_RATE_SPAN = Normalize(0.0, 1.0)

# Okabe and Ito's palette without its yellow, which vanishes on white, and three darker companions.
SOURCE_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#5b4a9e",
    "#7f7f7f",
    "#8c5a2b",
    "#6b8e23",
)

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "lightning_taskonomy",
}
styled = matplotlib.rc_context(_SETTINGS)  # type: ignore[arg-type, unused-ignore]
"""Decorates whatever draws or saves: the settings of the program that called us stay as they were."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches, that belongs to no window."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def inch_axes(figure: Figure) -> Axes:
    """Axes over the whole figure whose unit is an inch, the origin at the lower left."""
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    width, height = figure.get_size_inches()
    axes.set(xlim=(0.0, width), ylim=(0.0, height))
    axes.set_axis_off()
    return axes


def ink_on(colour: Colour) -> str:
    """Black or white, whichever is easier to read on a background."""
    red, green, blue = to_rgb(colour)
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


@styled
def save_figure(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`, each whole or not at all.

    Raises:
        InputError: a file cannot be written.
    """
    with whole_file(stem.with_suffix(".svg")) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    with whole_file(stem.with_suffix(".png")) as temporary:
        figure.savefig(temporary, format="png", dpi=PNG_DOTS_PER_INCH)
