"""Figure: the distance matrix ordered by hierarchical clustering, with a dendrogram (the paper's Fig. 1)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lightning_taskonomy.task2vec.clusters import Clusters
from lightning_taskonomy.task2vec.distances import Matrix
from lightning_taskonomy.taxonomy.figures.style import INK, SOURCE_COLOURS, new_figure, styled

_CELL, _TREE, _TITLE, _BAR, _LETTER = 0.24, 0.9, 0.5, 0.95, 0.075
_LEAST = 3.2


@styled
def draw_matrix(matrix: Matrix, clusters: Clusters, labels: Sequence[int], title: str) -> Figure:
    """Tasks in rows and columns, similar ones adjacent; dark is near.

    Args:
        matrix: Distances; the diagonal is left blank.
        clusters: Clustering of the same tasks.
        labels: Cluster of each task, for the colour of its name.
        title: Title of the figure.
    """
    order = clusters.order
    names = [clusters.names[place] for place in order]
    left = 0.25 + _LETTER * max(map(len, names))
    side = max(_CELL * len(names), _LEAST)
    width, height = left + side + _BAR, _TITLE + _TREE + side + left
    figure = new_figure(width, height)
    bottom = left
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    shown = matrix[np.ix_(order, order)].copy()
    np.fill_diagonal(shown, np.nan)
    image = axes.imshow(shown, cmap="viridis", aspect="auto", interpolation="nearest")
    axes.set_facecolor("white")
    for axis, rotation in ((axes.xaxis, 90), (axes.yaxis, 0)):
        axis.set_ticks(range(len(names)), names)
        axis.set_tick_params(length=0, rotation=rotation)
        for text, place in zip(axis.get_ticklabels(), order, strict=True):
            text.set_color(SOURCE_COLOURS[labels[place] % len(SOURCE_COLOURS)])
    for spine in axes.spines.values():
        spine.set_visible(False)
    tree = figure.add_axes((left / width, (bottom + side) / height, side / width, _TREE / height))
    segments, top = clusters.segments()
    tree.add_collection(LineCollection(segments, colors=INK, linewidths=1.1, capstyle="projecting"))
    tree.set(xlim=(-0.5, len(names) - 0.5), ylim=(0, top * 1.05))
    tree.set_axis_off()
    bar = figure.add_axes(((left + side + 0.2) / width, bottom / height, 0.14 / width, side / height))
    figure.colorbar(image, cax=bar).outline.set_visible(False)  # type: ignore[operator, unused-ignore]
    figure.text(0.2 / width, 1 - 0.35 / height, title, size=12, weight="bold")
    return figure
