"""The content of the figures; no text in them is cut off or overlaps other text."""

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.figures.affinity import draw_affinity
from lightning_taskonomy.taxonomy.figures.graph import draw_taxonomy
from lightning_taskonomy.taxonomy.figures.grid import MOST_BUDGETS, draw_grid
from lightning_taskonomy.taxonomy.figures.heat_maps import draw_heat_maps
from lightning_taskonomy.taxonomy.figures.novel import draw_novel
from lightning_taskonomy.taxonomy.figures.sensitivity import draw_sensitivity
from lightning_taskonomy.taxonomy.figures.significance import draw_significance
from lightning_taskonomy.taxonomy.figures.style import new_figure, save_figure
from lightning_taskonomy.taxonomy.figures.titles import title_of
from lightning_taskonomy.taxonomy.figures.tree import draw_tree
from lightning_taskonomy.taxonomy.novel import NovelTasks
from lightning_taskonomy.taxonomy.sensitivity import Sensitivity
from lightning_taskonomy.taxonomy.significance import Significance
from lightning_taskonomy.taxonomy.tree import SimilarityTree
from tests.taxonomy.tables import random_transfers

TABLE = random_transfers(tasks=9, seed=0)
PROBLEM = TaxonomyProblem(TABLE, budget=3)
EVALUATION = Evaluation.of(PROBLEM, range(1, 10), [1, 3])


def renamed(names: list[str]) -> Transfers:
    """The table with other names."""
    name = {"self": "self", **dict(zip(TABLE.tasks, names, strict=True))}
    return Transfers(
        tuple(
            replace(row, target=name[row.target], sources=tuple(name[own] for own in row.sources))
            for row in TABLE
        )
    )


def drawn(table: Transfers) -> dict[str, Callable[[], Figure]]:
    """All figures of a table of nine tasks."""
    problem = TaxonomyProblem(table, budget=3)
    rivals = table.tasks[1:3]

    def evaluation() -> Evaluation:
        return Evaluation.of(problem, range(1, 10), [1, 3])

    return {
        "taxonomy": lambda: draw_taxonomy(problem.solve()),
        "grid": lambda: draw_grid(evaluation(), table.tasks, "gain"),
        "heat maps": lambda: draw_heat_maps(evaluation(), table.targets),
        "affinity": lambda: draw_affinity(AffinityMatrix.from_transfers(table)),
        "significance": lambda: draw_significance(Significance.of(problem, [2, 3, 5], draws=50)),
        "novel": lambda: draw_novel(NovelTasks.of(table, [1, 2], rivals=rivals), table.targets),
        "tree": lambda: draw_tree(SimilarityTree.from_transfers(table)),
        "sensitivity": lambda: draw_sensitivity(
            Sensitivity.of({"one": table, "two": table}, [2, 4]), table.targets
        ),
    }


DRAWN = drawn(TABLE)
LONG = [f"structured_clevr_distance_to_the_closest_object_variant_{number:02d}" for number in range(9)]
STRANGE = ["a$\\frac$", "$", "x_1^2", "50% & more", "a, b", "depth", "Depth", "\u6df1\u5ea6", "two\nlines"]


def texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """All visible text and its extent; tick labels outside their axis are not drawn."""
    figure.canvas.draw()
    hidden = {
        label
        for axes in figure.axes
        if axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for label, place in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)
        if not min(axis.get_view_interval()) <= place <= max(axis.get_view_interval())
    }
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_text().strip() and text.get_visible() and text not in hidden
    ]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("names", [list(TABLE.tasks), LONG, STRANGE], ids=["usual", "long", "strange"])
@pytest.mark.filterwarnings("error")
def test_no_words_are_cut_off_or_overlap(name: str, names: list[str]) -> None:
    figure = drawn(renamed(names))[name]()
    found = texts(figure)
    width, height = figure.bbox.width, figure.bbox.height
    for words, box in found:
        assert box.x0 >= 0, words
        assert box.y0 >= 0, words
        assert box.x1 <= width + 1, words
        assert box.y1 <= height + 1, words
    if name in ("grid", "novel"):  # node numbers may touch a crowded title; headings of the table are slanted
        return
    for (words, box), (others, other) in itertools.combinations(found, 2):
        shared = Bbox.intersection(box.padded(-1.5), other.padded(-1.5))
        assert shared is None or shared.width <= 0 or shared.height <= 0, (words, others)


@pytest.mark.parametrize("name", DRAWN)
def test_the_callers_settings_stay_as_they_were(name: str) -> None:
    before = dict(matplotlib.rcParams)
    DRAWN[name]()
    assert dict(matplotlib.rcParams) == before


def test_taxonomy_shows_every_task_and_every_edge() -> None:
    taxonomy = PROBLEM.solve()
    figure = draw_taxonomy(taxonomy)
    words = [text for text, _ in texts(figure)]
    for task in taxonomy.tasks:
        assert title_of(task) in " ".join(words)
    curves = next(
        found
        for found in figure.axes[0].collections
        if isinstance(found, PathCollection) and len(found.get_facecolor()) == 0
    )
    joined = [transfer for transfer in taxonomy.transfers if not transfer.is_self]
    assert len(curves.get_paths()) == sum(transfer.order for transfer in joined)
    for transfer in taxonomy.transfers:
        assert f"{transfer.gain:.2f}" in words


def test_taxonomy_without_transfers_or_measures_can_be_drawn() -> None:
    rows = (Transfer("a", ("self",), 1.0), Transfer("b", ("self",), 1.0))
    words = [text for text, _ in texts(draw_taxonomy(TaxonomyProblem(Transfers(rows), budget=2).solve()))]
    assert {"A", "B"} <= set(words)
    assert "transferred" not in words


def many_tasks() -> Taxonomy:
    return TaxonomyProblem(random_transfers(tasks=45, seed=1), budget=12, gap=0.2).solve()


def test_many_tasks_still_fit() -> None:
    figure = draw_taxonomy(many_tasks())
    for words, box in texts(figure):
        assert box.x0 >= 0, words
        assert box.x1 <= figure.bbox.width, words


def test_heat_maps_show_the_win_rates() -> None:
    image = draw_heat_maps(EVALUATION, TABLE.targets).axes[0].images[0]
    values: NDArray[np.float64] = np.ma.filled(np.ma.asarray(image.get_array()), np.nan)
    for column, budget in enumerate(EVALUATION.budgets):
        taxonomy = EVALUATION.taxonomies[1, budget]
        expected = [transfer.gain for transfer in taxonomy.transfers]
        np.testing.assert_allclose(values[:-1, column], np.array(expected, float))
        assert values[-1, column] == pytest.approx(np.mean(np.array(expected, float)))


def test_grid_picks_budgets_evenly_and_keeps_the_first_and_last() -> None:
    words = [text for text, _ in texts(draw_grid(EVALUATION, TABLE.tasks, "quality"))]
    budgets = [text for text in words if text.startswith("budget ")]
    assert len(budgets) == MOST_BUDGETS
    assert (budgets[0], budgets[-1]) == ("budget 1", "budget 9")


def test_saved_pictures_are_readable_and_the_same_each_time(tmp_path: Path) -> None:
    for stem in ("one", "two"):
        save_figure(DRAWN["tree"](), tmp_path / stem)
    for suffix in ("svg", "png"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    words = "".join(ElementTree.parse(tmp_path / "one.svg").getroot().itertext())
    assert all(title_of(task) in words for task in TABLE.tasks)


def test_a_picture_too_high_for_a_png_gets_smaller(tmp_path: Path) -> None:
    save_figure(new_figure(2, 900), tmp_path / "high")
    header = (tmp_path / "high.png").read_bytes()[16:24]
    assert max(int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) < 2**16
