"""The common style of all figures, and saving them: SVG and PNG, the same bytes for the same input."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.taxonomy.figures.fonts import OWN, families_for, legible
from lightning_taskonomy.taxonomy.figures.titles import titles_of

Colour = tuple[float, float, float, float] | str

INK = "#22262b"
FAINT = "#9aa1a9"
RULE = "#d9dde1"
PNG_DOTS_PER_INCH = 110
_MOST_DOTS = 2**15
"""The longest side in pixels: a figure of very many tasks is scaled down to stay small enough to open."""
LONGEST_NAME = 40
"""The most letters of a task's name that a figure has room for."""

# Parity, a win rate of one half, is the neutral middle: orange loses, blue wins, for colour-blind eyes too.
WIN_RATES = LinearSegmentedColormap.from_list(
    "win_rates", ["#b35806", "#f1a340", "#f4f4f2", "#74add1", "#2166ac"]
)
WIN_RATE_SPAN = Normalize(0.0, 1.0)

# Okabe and Ito's palette without its yellow, which vanishes on white, and three darker colours.
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
    "font.sans-serif": [OWN, "Verdana", "Arial", "sans-serif"],
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is literal
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "lightning_taskonomy",
}
_FONTS = logging.getLogger("matplotlib.font_manager")


@contextmanager
def _look() -> Iterator[None]:
    """Apply our settings, and silence warnings about fonts without a bold face."""

    def keep(record: logging.LogRecord) -> bool:
        return "Failed to find font weight" not in record.getMessage()

    _FONTS.addFilter(keep)
    try:
        with matplotlib.rc_context(_SETTINGS):  # type: ignore[arg-type, unused-ignore]
            yield
    finally:
        _FONTS.removeFilter(keep)


styled = _look()
"""Decorates functions that draw or save: the caller's matplotlib settings stay unchanged."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure without a window, sizes in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def names_in_picture(tasks: Iterable[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """The titles of a table's tasks in a figure, by task.

    This also sets fonts that have all their letters: call it before anything is drawn, from a function
    decorated with `styled`.
    """
    titles = titles_of(tasks, longest, legible)
    _use_fonts_for(titles.values())
    return titles


def words_in_picture(words: str) -> str:
    """A user's words in a figure, such as a file name; call it like `names_in_picture`."""
    spelled = legible(words)
    _use_fonts_for([spelled])
    return spelled


def _use_fonts_for(words: Iterable[str]) -> None:
    known = list(matplotlib.rcParams["font.family"])
    further = [family for family in families_for(words) if family not in known]
    matplotlib.rcParams["font.family"] = [*known, *further]


def width_of(words: Iterable[str], size: float = 9.0, weight: str = "normal") -> float:
    """The width of the longest of some lines, in inches."""
    figure = Figure()
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call, unused-ignore]
    font = FontProperties(size=size, weight=weight)  # type: ignore[arg-type, unused-ignore]
    widths = (renderer.get_text_width_height_descent(line, font, False)[0] for line in words)
    return float(max(widths, default=0.0)) / figure.dpi


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
        dots = min(PNG_DOTS_PER_INCH, _MOST_DOTS / max(figure.get_size_inches()))
        figure.savefig(temporary, format="png", dpi=dots)
