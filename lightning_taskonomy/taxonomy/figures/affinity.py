"""The affinity matrix of first-order transfers before and after normalisation (Fig. 7)."""

from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.ahp import BETA, distance
from lightning_taskonomy.taxonomy.figures.style import (
    names_in_picture,
    new_figure,
    styled,
    width_of,
)

_CELL, _LEFT, _TOP, _BOTTOM, _BETWEEN, _RIGHT = 0.21, 1.95, 0.95, 1.75, 0.4, 0.9
_LEAST_WIDTH = 3.3  # of a panel, so that its title fits


@styled
def draw_affinity(matrix: AffinityMatrix) -> Figure:
    """Two matrices side by side, targets in rows and sources in columns; dark is a strong transfer.

    The values shown are distances: one minus the values before normalisation, and exp(−βP) of affinities P.
    """
    targets, sources = matrix.targets, matrix.sources
    before = (
        "losses, rescaled to [0, 1]" if matrix.rescaled_losses else "1 − win rate against full supervision"
    )
    title = names_in_picture({*targets, *sources})
    left_side = max(_LEFT, 0.5 + width_of(title[task] for task in targets))
    bottom_side = max(_BOTTOM, 0.45 + width_of(title[task] for task in sources))
    panel = (max(len(sources) * _CELL, _LEAST_WIDTH), len(targets) * _CELL)
    width = left_side + 2 * panel[0] + _BETWEEN + _RIGHT
    height = _TOP + panel[1] + bottom_side
    figure = new_figure(width, height)
    titles = (f"before: {before}", f"after AHP: exp(−βP), β = {BETA:g}")
    for place, values in enumerate((1 - matrix.before, distance(matrix.after))):
        left = left_side + place * (panel[0] + _BETWEEN)
        axes = figure.add_axes((left / width, bottom_side / height, panel[0] / width, panel[1] / height))
        image = axes.imshow(values, cmap="YlGnBu_r", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_facecolor("white")
        axes.set_title(titles[place])
        axes.set_xticks(range(len(sources)), [title[task] for task in sources], rotation=90)
        names = [title[task] for task in targets] if place == 0 else []
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("source")
        if place == 0:
            axes.set_ylabel("target")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    left = width - _RIGHT + 0.2
    bar = figure.add_axes((left / width, bottom_side / height, 0.14 / width, panel[1] / height))
    figure.colorbar(image, cax=bar, ticks=[0, 1]).outline.set_visible(False)
    bar.set_yticklabels(["near", "far"])
    figure.text(
        0.15 / width, 1 - 0.38 / height, "How far is each source from each target?", size=12, weight="bold"
    )
    return figure
