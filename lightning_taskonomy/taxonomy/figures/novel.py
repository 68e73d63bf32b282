"""The win-rate table of novel tasks (Fig. 10)."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lightning_taskonomy.taxonomy.figures.style import (
    FAINT,
    WIN_RATE_SPAN,
    WIN_RATES,
    inch_axes,
    ink_on,
    new_figure,
    styled,
)
from lightning_taskonomy.taxonomy.figures.titles import title_of
from lightning_taskonomy.taxonomy.novel import NovelTask, NovelTasks

_NAMES, _CELL_WIDTH, _CELL_HEIGHT, _SOURCES, _TOP = 2.2, 0.62, 0.24, 4.6, 2.35


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
    columns += [title_of(rival) for rival in novel.rivals]
    width = _NAMES + len(columns) * _CELL_WIDTH + 0.25 + _SOURCES
    height = _TOP + len(targets) * _CELL_HEIGHT + 0.45
    figure = new_figure(width, height)
    axes = inch_axes(figure)
    for place, title in enumerate(columns):
        x = _NAMES + (place + 0.5) * _CELL_WIDTH
        axes.text(
            x, height - _TOP + 0.1, title, rotation=60, size=8, ha="left", va="bottom", rotation_mode="anchor"
        )
    for row, target in enumerate(targets):
        y = height - _TOP - (row + 0.5) * _CELL_HEIGHT
        axes.text(_NAMES - 0.1, y, title_of(target), ha="right", va="center")
        last = policies[target, orders[-1]]
        for place, rate in enumerate(_rates(policies, target, orders, novel.rivals)):
            if rate is None:
                continue
            colour = WIN_RATES(WIN_RATE_SPAN(rate))
            corner = (_NAMES + place * _CELL_WIDTH, y - _CELL_HEIGHT / 2)
            axes.add_patch(
                Rectangle(corner, _CELL_WIDTH, _CELL_HEIGHT, facecolor=colour, edgecolor="white", linewidth=1)
            )
            middle = corner[0] + _CELL_WIDTH / 2
            axes.text(middle, y, f"{100 * rate:.0f}", color=ink_on(colour), size=8, ha="center", va="center")
        from_names = " + ".join(title_of(source) for source in last.transfer.sources)
        axes.text(width - _SOURCES, y, from_names, size=8, va="center")
    axes.text(width - _SOURCES, height - _TOP + 0.1, f"transferred from, up to {orders[-1]} sources", size=8)
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
    rows = [policies[target, order] for order in orders]
    return [
        *(row.transfer.gain for row in rows),
        *(row.transfer.quality for row in rows),
        *(rows[-1].win_rates[rival] for rival in rivals),
    ]
