"""The win-rate table of novel tasks (Fig. 10)."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    WIN_RATE_SPAN,
    WIN_RATES,
    inch_axes,
    ink_on,
    names_in_picture,
    new_figure,
    styled,
    width_of,
)
from lightning_taskonomy.taxonomy.novel import NovelTask, NovelTasks

_NAMES, _CELL_WIDTH, _CELL_HEIGHT, _SOURCES, _TOP = 2.2, 0.62, 0.24, 4.6, 2.35
_SLOPE = 60
"""Slant of the column names in degrees."""
_LONGEST_JOINED = 24
"""The most letters of a name where several may be joined."""


@styled
def draw_novel(novel: NovelTasks, targets: Sequence[str]) -> Figure:
    """A row per target, for the highest order asked for: win rates of its policy, and what it transfers from.

    Before the rivals stand the win rates against scratch and against full supervision of every order.

    Args:
        novel: the policies.
        targets: from top to bottom.
    """
    orders = sorted({row.max_order for row in novel.rows})
    policies = {(row.transfer.target, row.max_order): row for row in novel.rows}
    columns = [f"scratch, order {order}" for order in orders] + [f"full, order {order}" for order in orders]
    tasks = {*targets, *novel.rivals, *(name for row in novel.rows for name in row.transfer.sources)}
    title, short = names_in_picture(tasks), names_in_picture(tasks, _LONGEST_JOINED)
    columns += [title[rival] for rival in novel.rivals]
    last = {target: policies[target, orders[-1]] for target in targets}
    joined = {target: " + ".join(short[name] for name in last[target].transfer.sources) for target in targets}
    before = max(_NAMES, 0.25 + width_of(title[target] for target in targets))
    after = max(_SOURCES, 0.15 + width_of(joined.values(), 8))
    # There are two lines of text above the slanted names.
    slanted = width_of(columns, 8) * math.sin(math.radians(_SLOPE))
    top = max(_TOP, 1.1 + slanted)
    width = before + len(columns) * _CELL_WIDTH + 0.25 + after
    height = top + len(targets) * _CELL_HEIGHT + 0.45
    figure = new_figure(width, height)
    axes = inch_axes(figure)
    for place, name in enumerate(columns):
        x = before + (place + 0.5) * _CELL_WIDTH
        axes.text(
            x,
            height - top + 0.1,
            name,
            rotation=_SLOPE,
            size=8,
            ha="left",
            va="bottom",
            rotation_mode="anchor",
        )
    for row, target in enumerate(targets):
        y = height - top - (row + 0.5) * _CELL_HEIGHT
        axes.text(before - 0.1, y, title[target], ha="right", va="center")
        for place, rate in enumerate(_rates(policies, target, orders, novel.rivals)):
            if rate is None:
                continue
            colour = WIN_RATES(WIN_RATE_SPAN(rate))
            corner = (before + place * _CELL_WIDTH, y - _CELL_HEIGHT / 2)
            axes.add_patch(
                Rectangle(corner, _CELL_WIDTH, _CELL_HEIGHT, facecolor=colour, edgecolor="white", linewidth=1)
            )
            middle = corner[0] + _CELL_WIDTH / 2
            axes.text(middle, y, f"{100 * rate:.0f}", color=ink_on(colour), size=8, ha="center", va="center")
        axes.text(width - after, y, joined[target], size=8, va="center")
    axes.text(width - after, height - top + 0.1, f"transferred from, up to {orders[-1]} sources", size=8)
    axes.text(0.15, height - 0.38, "Novel tasks: each target from all other tasks", size=12, weight="bold")
    how = (
        "counted on the test images"
        if novel.measured
        else "implied by the affinities: p / (p + p of the rival)"
    )
    axes.text(0.15, height - 0.64, "win rate in %, parity is 50", va="center")
    if novel.rivals:
        axes.text(
            0.15,
            0.2,
            f"Against single sources: {how}. Empty: the rival itself, or not measured.",
            color=FAINT,
        )
    return figure


def _rates(
    policies: dict[tuple[str, int], NovelTask], target: str, orders: Sequence[int], rivals: Sequence[str]
) -> list[float | None]:
    rows = [policies.get((target, order)) for order in orders]  # low orders may have no transfer
    last = policies[target, orders[-1]]
    return [
        *(None if row is None else row.transfer.gain for row in rows),
        *(None if row is None else row.transfer.quality for row in rows),
        *(last.win_rates[rival] for rival in rivals),
    ]
