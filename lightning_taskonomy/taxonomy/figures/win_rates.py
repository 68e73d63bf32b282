"""The win rates among the contenders of one tournament."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.figures.style import (
    WIN_RATE_SPAN,
    WIN_RATES,
    names_in_picture,
    new_figure,
    styled,
    width_of,
)
from lightning_taskonomy.taxonomy.tournament import Tournament

_CELL, _TOP, _BOTTOM, _RIGHT, _MOST = 0.22, 0.8, 0.45, 0.9, 40
_LEAST_LEFT = 2.0
"""The least width for names, in inches."""
_LONGEST_JOINED = 24
"""The most letters of a name where several may be joined."""
_MOST_NAMED = 5


@styled
def draw_win_rates(tournament: Tournament) -> Figure:
    """How often the row's contender has a lower loss than the column's; the best are at the top.

    Columns are numbered like the rows. Only the best 40 contenders are shown.
    """
    order = tournament.win_rates.mean(axis=1).argsort()[::-1][:_MOST]
    title = names_in_picture(
        {tournament.target, *(task for name in tournament.contenders for task in name.split("+"))},
        _LONGEST_JOINED,
    )
    names = [_name(tournament.contenders[n], title) for n in order]
    numbered = [f"{name}  {n + 1}" for n, name in enumerate(names)]
    side = max(len(order) * _CELL, 2.4)
    before = max(_LEAST_LEFT, 0.2 + width_of(numbered))
    words = f"{title[tournament.target]}: who has the lower loss? ({tournament.images:,} images)"
    width = max(before + side + _RIGHT, 0.3 + width_of([words], 11, "bold"))
    height = _TOP + side + _BOTTOM
    figure = new_figure(width, height)
    axes = figure.add_axes((before / width, _BOTTOM / height, side / width, side / height))
    image = axes.imshow(
        tournament.win_rates[order][:, order], cmap=WIN_RATES, norm=WIN_RATE_SPAN, interpolation="nearest"
    )
    axes.set_yticks(range(len(order)), numbered)
    step = max(1, len(order) // 10)
    axes.set_xticks(range(0, len(order), step), [str(n + 1) for n in range(0, len(order), step)])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    left = before + side + 0.2
    bar = figure.add_axes((left / width, _BOTTOM / height, 0.14 / width, side / height))
    figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1]).outline.set_visible(False)
    bar.set_title("wins", size=8, loc="left")
    figure.text(0.15 / width, 1 - 0.4 / height, words, size=11, weight="bold")
    return figure


def _name(transfer: str, title: Mapping[str, str]) -> str:
    """The titles of its sources; of very many, the first ones and the number of the rest."""
    titles = [title[source] for source in transfer.split("+")]
    if len(titles) > _MOST_NAMED:
        titles = [*titles[: _MOST_NAMED - 1], f"{len(titles) - _MOST_NAMED + 1} more"]
    return " + ".join(titles)
