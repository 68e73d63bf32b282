"""Which views stand together, checked against the keys and records of the views chosen."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.index import SplitIndex
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.partners import Partners, Span
from lightning_taskonomy.tasks import task_named
from tests.data.small_folder import label_file, make_folder

FIXATED, TRIPLET = task_named("fixated_pose"), task_named("egomotion")
OVERLAPPING, MATCHING = task_named("nonfixated_pose"), task_named("point_matching")
POINTS = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Point p is also seen from the views of p + 1; the last view of point 2 of ash has no image."""
    root = make_folder(
        tmp_path_factory.mktemp("partners") / "in", points=POINTS, views=3, domains=("rgb", "point_info")
    )
    for building in ("ash", "birch", "cedar"):
        for point in range(POINTS):
            for view in range(3):
                path = label_file(root, building, point, view, "point_info")
                record = json.loads(path.read_text())
                record["nonfixated_points_in_view"] = [point - 1] if point else [POINTS + 7]
                path.write_text(json.dumps(record))
    label_file(root, "ash", 2, 2, "rgb").unlink()
    return root


@pytest.fixture(scope="module")
def index(source: Path, tmp_path_factory: pytest.TempPathFactory) -> SplitIndex:
    out = tmp_path_factory.mktemp("packed")
    split_of = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, out, split_of, Packing(shard_size=6)).run(1)
    return SplitIndex.read(out / "train", overlapping=True)


def chosen(index: SplitIndex, task: str) -> Iterator[list[ViewName]]:
    partners = Partners(index)
    for sample in np.flatnonzero(partners.eligible(task_named(task))).tolist():
        for seed in range(20):
            views = partners.views(task_named(task), sample, np.random.default_rng([seed, sample]))
            assert views[0] == sample
            yield [ViewName.from_key(index.keys[view]) for view in views]


@pytest.mark.parametrize(("task", "count"), [("fixated_pose", 2), ("egomotion", 3)])
def test_fixated_views_are_different_ones_of_the_same_point_with_all_labels(
    index: SplitIndex, task: str, count: int
) -> None:
    seen = set()
    for views in chosen(index, task):
        assert len(set(views)) == count
        assert len({(view.building, view.point) for view in views}) == 1
        assert ViewName("ash", 2, 2) not in views
        seen.add(tuple(views))
    whole, damaged = 2 * POINTS - 1, 1
    expected = 6 * whole + (2 if count == 2 else 0) * damaged
    assert len(seen) == expected


def test_points_with_too_few_whole_views_are_left_out(index: SplitIndex) -> None:
    partners = Partners(index)
    assert partners.eligible(FIXATED).sum() == 29
    assert partners.eligible(TRIPLET).sum() == 27


def test_overlapping_views_are_of_another_point_that_the_first_one_sees(index: SplitIndex) -> None:
    pairs = list(chosen(index, "nonfixated_pose"))
    assert {first.point for first, _ in pairs} == {1, 2, 3, 4}
    for first, second in pairs:
        assert second.building == first.building
        assert second.point == first.point - 1
        assert second != ViewName("ash", 2, 2)


def test_matching_is_even_between_its_point_and_others_of_the_building(index: SplitIndex) -> None:
    pairs = list(chosen(index, "point_matching"))
    same = [first.point == second.point for first, second in pairs]
    assert 0.42 < np.mean(same) < 0.58
    assert all(first.building == second.building for first, second in pairs)
    assert all(first != second for first, second in pairs)
    assert len({second.point for first, second in pairs if first == ViewName("birch", 3, 0)}) == POINTS


def test_a_building_of_one_point_is_matched_with_others(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "in", points=1, views=2, domains=("rgb",))
    PackPlan(root, tmp_path / "out", dict.fromkeys(("ash", "birch", "cedar"), "train"), Packing()).run(1)
    buildings = {
        (first.building == second.building)
        for first, second in chosen(SplitIndex.read(tmp_path / "out" / "train"), "point_matching")
    }
    assert buildings == {True, False}


def test_no_second_point_no_matching(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "in", buildings=("ash",), points=1, views=3, domains=("rgb",))
    PackPlan(root, tmp_path / "out", {"ash": "train"}, Packing()).run(1)
    partners = Partners(SplitIndex.read(tmp_path / "out" / "train"))
    assert not partners.eligible(MATCHING).any()
    assert not partners.eligible(replace(FIXATED, domains=("normal",))).any()


def test_single_views_need_no_partner(index: SplitIndex) -> None:
    partners = Partners(index)
    task = task_named("vanishing_point")
    assert partners.eligible(task).sum() == 29
    assert partners.views(task, 4, np.random.default_rng(0)) == [4]


@pytest.mark.parametrize("task", ["fixated_pose", "egomotion", "point_matching", "nonfixated_pose"])
def test_a_small_set_is_closed_under_its_pairs(index: SplitIndex, task: str) -> None:
    end = len(index.keys) // 2 + 1
    partners = Partners(index, Span(1, end))
    eligible = np.flatnonzero(partners.eligible(task_named(task)))
    seen = {
        place
        for sample in eligible.tolist()
        for seed in range(8)
        for place in partners.views(task_named(task), sample, np.random.default_rng(seed))
    }
    assert seen
    assert seen <= set(range(1, end))
