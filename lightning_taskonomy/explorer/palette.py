"""The colours of the project's figures, for CSS."""

from matplotlib.colors import LinearSegmentedColormap, to_hex

from lightning_taskonomy.explorer.view import Measure
from lightning_taskonomy.taxonomy import Transfer
from lightning_taskonomy.taxonomy.figures.style import FAINT, SOURCE_COLOURS, WIN_RATE_SPAN, WIN_RATES

COMPUTED = SOURCE_COLOURS[0]
"""Colour of computed taxonomies in curves, and of fully trained tasks."""
SECOND = SOURCE_COLOURS[1]
"""Colour of the second budget or table."""


def win_rate_colour(value: float | None) -> str:
    """Orange below parity, blue above; grey if not measured."""
    return FAINT if value is None else to_hex(WIN_RATES(WIN_RATE_SPAN(value)))


# Near-white, the colour of parity, would be invisible on white; grey is visible in both themes.
_LINES = LinearSegmentedColormap.from_list(
    "lines",
    [to_hex(WIN_RATES(0.0)), to_hex(WIN_RATES(0.25)), FAINT, to_hex(WIN_RATES(0.8)), to_hex(WIN_RATES(1.0))],
)


def line_colour(value: float | None) -> str:
    """Orange below parity, blue above, grey at parity or if not measured."""
    return to_hex(_LINES(0.5 if value is None else WIN_RATE_SPAN(value)))


def measured(transfer: Transfer, measure: Measure) -> float | None:
    """Gain or quality of a transfer."""
    return transfer.gain if measure == "gain" else transfer.quality


def number_words(value: float | None, digits: int = 3) -> str:
    """A number for readers, or a dash if it is unknown."""
    return "–" if value is None else f"{value:.{digits}f}"
