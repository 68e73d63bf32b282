"""Figures of multi-task networks: their values, and that they are drawn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from scipy.stats import spearmanr

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching import SwitchingNet, TaskCodes
from lightning_taskonomy.switching.figures import (
    affinities_between,
    draw_affinities,
    draw_convergence,
    draw_embeddings,
    draw_parameters,
    embedding_similarities,
    logged,
    parameters_by_tasks,
    rank_correlation,
)
from lightning_taskonomy.switching.networks import SwitchedTasks
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.titles import title_of

TASKS = ["depth_zbuffer", "normal", "edge_texture", "edge_occlusion"]


def heights(axes: Axes) -> list[float]:
    return [float(height) for height in np.asarray(axes.lines[0].get_ydata())]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_parameters_grow_as_published() -> None:
    counts = parameters_by_tasks()
    heads = 65 * 21
    assert counts["single"] == [tasks * (17_724_160 + 4480 + heads) for tasks in range(1, 10)]
    assert counts["multi_decoder"] == [11_176_512 + tasks * (6_552_128 + heads) for tasks in range(1, 10)]
    assert counts["rcm"] == [10_994_880 + tasks * (8_130_496 + heads) for tasks in range(1, 10)]
    assert counts["switching"] == [18_258_805] * 9
    assert counts["task_instance_norms"] == [17_724_160 + 4480 * tasks + heads for tasks in range(1, 10)]
    figure = draw_parameters(counts)
    assert texts(figure)[0] == "Single-task  160 M"
    (axes,) = figure.axes
    assert heights(axes) == pytest.approx([count / 1e6 for count in counts["single"]])


def test_curves_are_what_was_logged(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="", version="")
    points = [(10, 2.0), (20, 1.5), (30, 1.25)]
    for step, value in points:
        logger.log_metrics({"val/loss": value}, step)
    logger.save()
    assert logged(tmp_path) == points
    with pytest.raises(InputError, match="no run has logged val/other there"):
        logged(tmp_path, "val/other")
    figure = draw_convergence({"switching": points, "single": [(10, 1.0), (30, 1.2)]})
    assert texts(figure) == ["Task switching", "Single-task"]
    (axes,) = figure.axes
    assert heights(axes) == [2.0, 1.5, 1.25]
    with pytest.raises(InputError, match="at least one point"):
        draw_convergence({})


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    figure = draw_convergence(
        {name: [(0, 1.0), (1, 0.5 + 1e-4 * place)] for place, name in enumerate("abcd")}
    )
    places = sorted(text.get_position()[1] for text in figure.axes[0].texts)
    assert min(np.diff(places)) > 0.05


def test_embeddings_are_compared_by_cosines() -> None:
    torch.manual_seed(0)
    network = SwitchedTasks(
        [1] * 4, SwitchingNet(code=8, outputs=1, width=4, decoder_width=32), TaskCodes(4, 8)
    )
    found = embedding_similarities(network)
    vectors = network.embeddings().detach().double().numpy()
    for row in range(4):
        for column in range(4):
            lengths = np.linalg.norm(vectors[row]) * np.linalg.norm(vectors[column])
            assert found[row, column] == pytest.approx(vectors[row] @ vectors[column] / lengths)
    figure = draw_embeddings(TASKS, found)
    assert len(texts(figure)) == 16
    titles = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert sorted(titles) == ["2D edges", "Normals", "Occlusion edges", "Z-depth"]


def test_like_embeddings_stand_side_by_side() -> None:
    pairs = np.array([[1, 0, 0.9, 0], [0, 1, 0, 0.8], [0.9, 0, 1, 0], [0, 0.8, 0, 1]])
    figure = draw_embeddings(TASKS, pairs)
    titles = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert {frozenset(titles[:2]), frozenset(titles[2:])} == {
        frozenset({"Z-depth", "2D edges"}),
        frozenset({"Normals", "Occlusion edges"}),
    }


def test_relation_to_affinities() -> None:
    random = np.random.default_rng(0)
    similarities = random.uniform(size=(5, 5))
    similarities = (similarities + similarities.T) / 2
    affinities = random.uniform(size=(5, 5))
    pairs = [(row, column) for row in range(5) for column in range(row + 1, 5)]
    expected = spearmanr(
        [similarities[pair] for pair in pairs], [affinities[pair] + affinities[pair[::-1]] for pair in pairs]
    ).statistic
    assert rank_correlation(similarities, affinities) == pytest.approx(expected)
    assert rank_correlation(similarities, 3 * similarities + 1) == pytest.approx(1)
    # Unknown pairs are left out; where one direction is known, it counts.
    affinities[0, 1] = affinities[1, 0] = affinities[2, 3] = np.nan
    known = {pair: affinities[pair] + affinities[pair[::-1]] for pair in pairs if pair != (0, 1)}
    known[2, 3] = 2 * affinities[3, 2]
    expected = spearmanr([similarities[pair] for pair in known], list(known.values())).statistic
    assert rank_correlation(similarities, affinities) == pytest.approx(expected)
    figure = draw_affinities([*TASKS, "reshading"], similarities, affinities)
    assert f"Spearman {expected:.2f} over 9 pairs" in texts(figure)
    best = max(known, key=lambda pair: known[pair])
    named = [title_of([*TASKS, "reshading"][place]) for place in best]
    assert any(text.startswith(f"1  {named[0]}, {named[1]}\n") for text in texts(figure))
    with pytest.raises(InputError, match="three pairs or more, found 0"):
        rank_correlation(similarities, affinities[:4, :4])
    affinities[1:, 1:] = np.nan
    affinities[0] = affinities[:, 0] = np.nan
    with pytest.raises(InputError, match="three pairs or more, found 0"):
        rank_correlation(similarities, affinities)


def test_affinities_are_those_of_single_sources(tmp_path: Path) -> None:
    (tmp_path / "transfers.csv").write_text(
        "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
        "edge2d,self,1,0.9,,\nedge2d,edge3d,1,0.25,,\nedge3d,edge2d,1,0.5,,\nedge2d,other,1,0.75,,\n"
        "edge3d,edge2d+rgb2depth,2,0.8,,\nrgb2depth,pixels,1,0.1,,\n"
    )
    # A published table, which names the tasks differently.
    found = affinities_between(TASKS, Transfers.read_csv(tmp_path / "transfers.csv"))
    expected = np.full((4, 4), np.nan)
    expected[3, 2], expected[2, 3] = 0.25, 0.5
    np.testing.assert_array_equal(found, expected)
