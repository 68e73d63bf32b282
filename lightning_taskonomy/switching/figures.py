"""Figures of multi-task networks: their size, their convergence, the similarity of their tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.methods import TITLES, Method, NetworkOptions
from lightning_taskonomy.switching.networks import SwitchedTasks
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.style import INK, RULE, SOURCE_COLOURS, new_figure, styled
from lightning_taskonomy.taxonomy.figures.titles import title_of

Floats = npt.NDArray[np.float64]
_CURVES: tuple[Method, ...] = ("single", "rcm", "multi_decoder", "task_instance_norms", "switching")
_PUBLISHED = NetworkOptions(outputs=21)
_CELL = 0.62
_NAMED = 20
_MARKERS = ("o", "s", "^", "D", "v", "P")


def parameters_by_tasks(
    most: int = 9,
    options: NetworkOptions = _PUBLISHED,
    channels: int = 21,
) -> dict[str, list[int]]:
    """Parameter counts of each method's network for 1, 2, … tasks, by method.

    Args:
        most: largest number of tasks.
        options: the shape of the networks.
        channels: of every task's output.
    """
    with torch.device("meta"):  # shapes without values
        return {
            method: [
                sum(weight.numel() for weight in options.build(method, [channels] * tasks).parameters())
                for tasks in range(1, most + 1)
            ]
            for method in _CURVES
        }


@styled
def draw_parameters(counts: Mapping[str, Sequence[int]]) -> Figure:
    """Parameter counts against the number of tasks, a line for each method.

    Args:
        counts: for 1, 2, … tasks, by method.
    """
    figure = new_figure(6.4, 4.0)
    axes = figure.add_axes((0.11, 0.13, 0.62, 0.75))
    ends = []
    for place, (method, parameters) in enumerate(counts.items()):
        millions = np.asarray(parameters) / 1e6
        tasks = np.arange(1, len(millions) + 1)
        # Later lines are thinner, so that coinciding lines stay visible.
        width = 3.4 - 2.0 * place / max(len(counts) - 1, 1)
        style = {
            "color": SOURCE_COLOURS[place],
            "marker": _MARKERS[place],
            "markersize": 5,
            "linewidth": width,
        }
        axes.plot(tasks, millions, **style)  # type: ignore[arg-type]
        ends.append((float(millions[-1]), f"{TITLES[method]}  {millions[-1]:.0f} M", SOURCE_COLOURS[place]))
    _framed(axes, "number of tasks", "parameters (millions)")
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(1, max(map(len, counts.values())) + 1))
    _name_ends(axes, ends)
    axes.set_title("Size of the network", loc="left", weight="bold")
    return figure


@styled
def draw_convergence(
    curves: Mapping[str, Sequence[tuple[int, float]]], label: str = "validation loss"
) -> Figure:
    """How a quantity falls during training, a line for each network.

    Args:
        curves: steps and values, by method or by the run's own name.
        label: name of the quantity.

    Raises:
        InputError: nothing to draw.
    """
    if not any(curves.values()):
        raise InputError("curves: expected at least one point")
    figure = new_figure(6.4, 4.0)
    axes = figure.add_axes((0.11, 0.13, 0.62, 0.75))
    ends = []
    for place, (name, points) in enumerate(curves.items()):
        steps, values = zip(*points, strict=True)
        colour = SOURCE_COLOURS[place % len(SOURCE_COLOURS)]
        marker = _MARKERS[place % len(_MARKERS)]
        axes.plot(steps, values, color=colour, marker=marker, markersize=5, linewidth=1.8)
        ends.append((float(values[-1]), TITLES.get(name, name), colour))
    _framed(axes, "training steps", label)
    _name_ends(axes, ends)
    axes.set_title("Convergence", loc="left", weight="bold")
    return figure


def logged(folder: Path, tag: str = "val/loss") -> list[tuple[int, float]]:
    """Steps and values of a scalar that a run has logged for TensorBoard.

    Args:
        folder: of the run.
        tag: name of the scalar.

    Raises:
        InputError: the run has not logged it.
    """
    from tensorboard.backend.event_processing import event_accumulator  # slow to import

    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    if tag not in events.Tags()["scalars"]:
        raise InputError(f"{folder}: no run has logged {tag} there")
    return [(event.step, event.value) for event in events.Scalars(tag)]


@torch.no_grad()
def embedding_similarities(network: SwitchedTasks) -> Floats:
    """Cosine similarities of the tasks' embeddings, (tasks, tasks)."""
    units = torch.nn.functional.normalize(network.embeddings().double(), dim=1)
    return np.asarray((units @ units.T).cpu().numpy())


@styled
def draw_embeddings(tasks: Sequence[str], similarities: Floats) -> Figure:
    """Tasks by the similarity of their embeddings: a table of cosines beside a tree, in the tree's order.

    Args:
        tasks: names, at least two.
        similarities: cosines, (tasks, tasks).
    """
    distances = np.clip(1 - (similarities + similarities.T) / 2, 0, None)
    np.fill_diagonal(distances, 0)
    tree = hierarchy.linkage(squareform(distances, checks=False), "average")
    names, side = 1.5, _CELL * len(tasks)
    width, height = names + side + 1.7, side + 0.9
    figure = new_figure(width, height)
    trunk = figure.add_axes(((names + side + 0.15) / width, 0.35 / height, 1.3 / width, side / height))
    hierarchy.dendrogram(
        tree, orientation="right", ax=trunk, color_threshold=0, above_threshold_color=INK, no_labels=True
    )
    trunk.set_axis_off()
    trunk.invert_yaxis()
    order = hierarchy.leaves_list(tree).tolist()
    axes = figure.add_axes((names / width, 0.35 / height, side / width, side / height))
    shown = similarities[np.ix_(order, order)]
    axes.imshow(shown, cmap="PuOr", vmin=-1, vmax=1)
    for row, column in np.ndindex(shown.shape):
        colour = "white" if abs(shown[row, column]) > 0.7 else INK
        axes.text(column, row, f"{shown[row, column]:.2f}", ha="center", va="center", size=8, color=colour)
    titles = [title_of(tasks[place]) for place in order]
    axes.set_yticks(range(len(tasks)), titles)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Cosines between task embeddings", loc="left", weight="bold", pad=10)
    return figure


def affinities_between(tasks: Sequence[str], transfers: Transfers) -> Floats:
    """Affinities of first-order transfers, (sources, targets); NaN where none was measured.

    Args:
        tasks: names.
        transfers: of these tasks and perhaps others.
    """
    place = {name: number for number, name in enumerate(tasks)}
    affinities = np.full((len(tasks), len(tasks)), np.nan)
    for row in transfers.with_names_of(tasks).candidates():
        if row.order == 1 and not row.is_self and row.affinity is not None:
            source, target = place.get(row.sources[0]), place.get(row.target)
            if source is not None and target is not None:
                affinities[source, target] = row.affinity
    return affinities


def rank_correlation(similarities: Floats, affinities: Floats) -> float:
    """Spearman's rank correlation of embeddings' cosines and transfer affinities, over pairs of tasks.

    Args:
        similarities: (tasks, tasks).
        affinities: of the same tasks in the same order, from source (row) to target (column); a pair's value
            is the mean of both directions, or the one that is known.

    Raises:
        InputError: fewer than three pairs, or tables of different sizes.
    """
    alike, affine, _ = _paired(similarities, affinities)
    return float(spearmanr(alike, affine).statistic)


@styled
def draw_affinities(tasks: Sequence[str], similarities: Floats, affinities: Floats) -> Figure:
    """Pairs of tasks: transfer affinity against the similarity of their embeddings.

    Args:
        tasks: names.
        similarities: cosines, (tasks, tasks).
        affinities: as for `rank_correlation`.

    Raises:
        InputError: fewer than three pairs, or tables of different sizes.
    """
    alike, affine, pairs = _paired(similarities, affinities)
    figure = new_figure(7.2, 4.4)
    axes = figure.add_axes((0.11, 0.13, 0.55, 0.72))
    axes.plot(alike, affine, "o", color=SOURCE_COLOURS[0], markersize=6)
    _framed(axes, "cosine of task embeddings", "transfer affinity, mean of both directions")
    order = np.argsort(-affine)
    names = []
    for number, pair in enumerate(order, 1):
        axes.annotate(str(number), (alike[pair], affine[pair]), (5, 3), textcoords="offset points", size=8)
        first, second = pairs[pair]
        names.append(f"{number}  {title_of(tasks[first])}, {title_of(tasks[second])}")
    shown = names[:_NAMED] + ([f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else [])
    axes.text(1.04, 1, "\n".join(shown), transform=axes.transAxes, va="top", size=8, linespacing=1.5)
    axes.set_title("Task embeddings and transfers", loc="left", weight="bold", pad=22)
    correlation = rank_correlation(similarities, affinities)
    axes.text(0, 1.03, f"Spearman {correlation:.2f} over {len(pairs)} pairs", transform=axes.transAxes)
    return figure


def _paired(similarities: Floats, affinities: Floats) -> tuple[Floats, Floats, list[tuple[int, int]]]:
    """Cosines and affinities of the pairs whose affinity is known, and these pairs."""
    pairs: list[tuple[int, int]] = []
    if similarities.shape == affinities.shape:
        both = np.stack([affinities, affinities.T])
        known = ~np.isnan(both).all(axis=0)
        rows, columns = np.nonzero(np.triu(known, 1))
        pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    if len(pairs) < 3:
        raise InputError(
            f"affinities: expected those of the same tasks for three pairs or more, found {len(pairs)} "
            f"(tables of {len(similarities)} and {len(affinities)} tasks)"
        )
    return similarities[rows, columns], np.nanmean(both[:, rows, columns], axis=0), pairs


def _framed(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the ends of lines, from top to bottom, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    spacing, height = 0.065 * (high - low), float("inf")
    for value, name, colour in sorted(ends, reverse=True):
        height = min(value, height - spacing)
        relative = (height - low) / (high - low)
        axes.text(1.02, relative, name, transform=axes.transAxes, color=colour, va="center", size=9)
