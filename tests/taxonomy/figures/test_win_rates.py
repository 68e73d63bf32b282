"""The content of the win-rate matrix; its names lie within the figure."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy.figures.win_rates import draw_win_rates
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins

SOURCES = [
    "autoencoder",
    "segmentsemantic_rb",
    "vanishing_point",
    "impainting_whole",
    "edge2d",
    "reshade",
    "a",
]


def tournament(names: list[str], target: str = "rgb2sfnorm") -> Tournament:
    """Better ones last."""
    losses = np.random.default_rng(0).normal(-np.arange(len(names)), 1.5, (60, len(names)))
    halves = np.zeros((len(names), len(names)), np.int64)
    count_half_wins(losses, halves)
    return Tournament.from_counts(target, names, halves, losses.sum(axis=0), len(losses))


@pytest.mark.parametrize("target", ["rgb2sfnorm", "vanishing_point_well_defined"])
@pytest.mark.parametrize(
    "names",
    [
        ["reshade", "random"],
        [*SOURCES, "+".join(SOURCES[:5]), "+".join(SOURCES)],
        [f"t{n}" for n in range(90)],
    ],
    ids=["two", "high orders", "many"],
)
def test_all_is_within_the_picture(names: list[str], target: str) -> None:
    figure = draw_win_rates(tournament(names, target))
    figure.canvas.draw()
    labels = [*figure.axes[0].get_yticklabels(), *figure.axes[0].get_xticklabels(), *figure.texts]
    assert len(labels) > 4
    for label in labels:
        box = label.get_window_extent()
        assert box.x0 >= 0, label.get_text()
        assert box.x1 <= figure.bbox.width, label.get_text()
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height, label.get_text()


def test_rows_are_the_contenders_the_best_first() -> None:
    names = ["edge2d", "reshade", "reshade+edge2d", "+".join(SOURCES)]
    held = tournament(names)
    axes = draw_win_rates(held).axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    many = "Autoencoding + Semantic segm. + Vanishing points + In-painting + 3 more"
    assert rows == [f"{many}  1", "Reshading + 2D edges  2", "Reshading  3", "2D edges  4"]
    shown: NDArray[np.float64] = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, held.win_rates[::-1, ::-1])


def test_of_very_many_the_best_40_are_shown() -> None:
    axes = draw_win_rates(tournament([f"t{n}" for n in range(90)])).axes[0]
    assert len(axes.get_yticklabels()) == 40
    assert np.asarray(axes.images[0].get_array()).shape == (40, 40)
