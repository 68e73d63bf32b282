"""Table 1: win rates of the task networks, compared with independent counts."""

from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.sanity import Sanity
from tests.taxonomy.tables import read_rows


def table(target: str, **columns: list[float]) -> LossTable:
    images = [f"i{number}" for number in range(len(next(iter(columns.values()))))]
    return LossTable.from_arrays(target, images, tuple(columns), np.array(list(columns.values())).T)


DEPTH = table("depth", random=[3, 3, 1, 3], self=[1, 2, 2, 3], average=[2, 4, 9, 4])
SCENE = table("scene", average=[5, 1], self=[5, 2])
EDGES = table("edges", self=[1, 1, 2], depth=[9, 9, 9])


def test_shares_of_images_won_a_tie_half() -> None:
    result = Sanity.of([DEPTH, SCENE, EDGES])
    found = [(row.task, row.images, row.wins_vs_average, row.wins_vs_random) for row in result.rows]
    assert found == [("depth", 4, 1.0, 2.5 / 4), ("scene", 2, 0.25, None), ("edges", 3, None, None)]
    assert result.mean == (0.625, 0.625)


def test_any_table_by_comparing_image_by_image() -> None:
    random = np.random.default_rng(0)
    losses = random.integers(0, 4, (200, 3)).astype(float)
    own, average, untrained = losses.T.tolist()
    (row,) = Sanity.of([table("depth", self=own, average=average, random=untrained)]).rows
    for rival, found in ((1, row.wins_vs_average), (2, row.wins_vs_random)):
        assert found == pytest.approx((np.sign(losses[:, rival] - losses[:, 0]) + 1).mean() / 2)


def test_the_file_has_empty_cells_and_the_mean(tmp_path: Path) -> None:
    Sanity.of([DEPTH, SCENE, EDGES]).save_table(tmp_path / "sanity.csv")
    rows = [tuple(row.values()) for row in read_rows(tmp_path / "sanity.csv")]
    assert rows == [
        ("depth", "4", "1.0", "0.625"),
        ("scene", "2", "0.25", ""),
        ("edges", "3", "", ""),
        ("mean", "", "0.625", "0.625"),
    ]
    assert list(read_rows(tmp_path / "sanity.csv")[0]) == [
        "task",
        "images",
        "wins_vs_average",
        "wins_vs_random",
    ]
    Sanity.of([EDGES]).save_table(tmp_path / "none.csv")
    assert tuple(read_rows(tmp_path / "none.csv")[-1].values()) == ("mean", "", "", "")


def test_columns_of_the_printed_table_are_aligned() -> None:
    lines = Sanity.of([DEPTH, SCENE, EDGES]).text().splitlines()
    assert lines[0].split() == ["task", "images", "vs", "average", "vs", "random"]
    assert [line.split() for line in lines[1:]] == [
        ["depth", "4", "100.0", "62.5"],
        ["scene", "2", "25.0"],
        ["edges", "3"],
        ["mean", "62.5", "62.5"],
    ]
    ends = {
        line.index(number) + len(number) for line, number in zip(lines[1:3], ("100.0", "25.0"), strict=True)
    }
    assert ends == {lines[0].index("vs average") + len("vs average")}
    assert all(line == line.rstrip() for line in lines)


def test_a_table_without_the_task_s_own_network_is_refused() -> None:
    alone = table("depth", average=[1.0], random=[2.0])
    with pytest.raises(InputError, match=r"expected a column 'self', .*found average, random"):
        Sanity.of([DEPTH, alone])


def test_missing_losses_are_refused_or_left_out() -> None:
    gap = table("depth", self=[1, float("nan"), 1], average=[2, 2, 0])
    with pytest.raises(InputError, match="image i1, contender self"):
        Sanity.of([gap])
    (row,) = Sanity.of([gap], drop_incomplete=True).rows
    assert (row.images, row.wins_vs_average) == (2, 0.5)
