"""Figure: how well distances predict transfers, and what pruning by distance keeps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from lightning_taskonomy.task2vec.agreement import BEST, PairedTables, Pruned
from lightning_taskonomy.taxonomy.figures.style import FAINT, SOURCE_COLOURS, new_figure, styled


@styled
def draw_agreement(tables: PairedTables, curve: Sequence[Pruned], spearman: float, p: float) -> Figure:
    """Plot affinity ranks over nearness ranks, and the fraction of good sources kept over that tried."""
    figure = new_figure(9.6, 4.7)
    left = figure.add_axes((0.075, 0.14, 0.38, 0.66))
    for near, strength in zip(tables.distances.T, tables.affinities.T, strict=True):
        both = ~np.isnan(near) & ~np.isnan(strength)
        ranks = [np.argsort(np.argsort(values[both])) + 1 for values in (near, -strength)]
        left.plot(*ranks, "o", color=SOURCE_COLOURS[0], alpha=0.3, markersize=5, markeredgewidth=0)
    left.set(xlabel="source's rank by nearness of embeddings", ylabel="rank by measured affinity")
    left.set_title(f"mean Spearman {spearman:.2f}, Mantel p = {p:.3g}")
    left.invert_yaxis()
    left.invert_xaxis()
    right = figure.add_axes((0.57, 0.14, 0.38, 0.66))
    shares = [100 * point.share for point in curve]
    right.plot([0, 100], [0, 100], "--", color=FAINT, label="sources at random")
    possible = [100 * min(point.tried / BEST, 1) for point in curve]
    right.plot(shares, possible, ":", color=SOURCE_COLOURS[0], label=f"most of {BEST} that can be kept")
    kept = [100 * point.kept for point in curve]
    right.plot(shares, kept, "o-", color=SOURCE_COLOURS[0], label=f"of the {BEST} best sources")
    best = [100 * point.best_kept for point in curve]
    right.plot(shares, best, "s-", color=SOURCE_COLOURS[1], label="targets that keep their best")
    right.set(xlabel="first-order transfers tried, %", ylabel="kept, %", xlim=(0, 103), ylim=(0, 103))
    right.set_title("trying only each target's nearest sources")
    right.legend(frameon=False, loc="lower right")
    for axes in (left, right):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.text(0.02, 0.93, "Do embeddings predict transfers?", size=12, weight="bold")
    return figure
