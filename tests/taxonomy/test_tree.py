import json
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Transfer, Transfers
from lightning_taskonomy.taxonomy.tree import VARIANTS, SimilarityTree, order_of_tasks, transfer_patterns

PUBLISHED_CLUSTERS = {
    "autoencoder colorization denoise edge2d impainting_whole keypoint2d segment2d",
    "class_1000 class_places segmentsemantic_rb",
    "curvature edge3d keypoint3d reshade rgb2depth rgb2mist rgb2sfnorm segment25d",
    "ego_motion fix_pose jigsaw non_fixated_pose point_match room_layout vanishing_point_well_defined",
}


def first_order(affinity: dict[str, dict[str, float]]) -> Transfers:
    return Transfers(
        tuple(
            Transfer(target, (source,), value)
            for target, row in affinity.items()
            for source, value in row.items()
        )
    )


def random_matrix(sources: int, targets: int, seed: int) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(seed)
    return {
        f"target{t}": {f"source{s}": float(value) for s, value in enumerate(rng.random(sources))}
        for t in range(targets)
    }


def test_the_published_table_gives_the_four_groups_of_the_paper(published: Path) -> None:
    tree = SimilarityTree.from_transfers(Transfers.read_csv(published), VARIANTS)
    assert {" ".join(sorted(group)) for group in tree.clusters(4)} == PUBLISHED_CLUSTERS


def test_the_variant_joins_the_semantic_group_when_it_takes_part(published: Path) -> None:
    tree = SimilarityTree.from_transfers(Transfers.read_csv(published))
    group = next(group for group in tree.clusters(4) if "class_1000" in group)
    assert set(group) == {"class_1000", "class_places", "class_selected", "segmentsemantic_rb"}


def test_average_linkage_agrees_with_a_naive_implementation() -> None:
    affinity = random_matrix(sources=7, targets=9, seed=0)
    tree = SimilarityTree.from_transfers(first_order(affinity))
    matrix = np.array([list(row.values()) for row in affinity.values()])
    matrix /= matrix.sum(axis=1, keepdims=True)
    matrix = (matrix - matrix.mean(axis=1, keepdims=True)) / matrix.std(axis=1, keepdims=True)
    distances = 1 - np.corrcoef(matrix.T)
    groups = [[index] for index in range(7)]
    heights = []
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a)]
        gaps = [distances[np.ix_(groups[a], groups[b])].mean() for a, b in pairs]
        a, b = pairs[int(np.argmin(gaps))]
        heights.append(min(gaps))
        groups = [g for i, g in enumerate(groups) if i not in (a, b)] + [groups[a] + groups[b]]
    np.testing.assert_allclose(tree.linkage[:, 2], heights)


def test_scale_of_a_target_does_not_matter() -> None:
    affinity = random_matrix(sources=6, targets=5, seed=1)
    scaled = {
        target: {source: (index + 1) * value for source, value in row.items()}
        for index, (target, row) in enumerate(affinity.items())
    }
    first = SimilarityTree.from_transfers(first_order(affinity))
    second = SimilarityTree.from_transfers(first_order(scaled))
    np.testing.assert_allclose(first.linkage, second.linkage)


def test_baselines_self_and_higher_orders_take_no_part() -> None:
    table = first_order(random_matrix(sources=4, targets=5, seed=2))
    more = (
        Transfer("target0", ("random",), 0.9),
        Transfer("target0", ("self",), 0.9),
        Transfer("target0", ("source0", "source1"), 0.9),
    )
    with_more = Transfers(table.rows + more)
    np.testing.assert_array_equal(
        SimilarityTree.from_transfers(table).linkage, SimilarityTree.from_transfers(with_more).linkage
    )


def test_a_missing_transfer_is_left_out_of_the_comparison() -> None:
    affinity = random_matrix(sources=4, targets=6, seed=3)
    del affinity["target2"]["source1"]
    tasks, patterns = transfer_patterns(first_order(affinity))
    assert np.isnan(patterns[2, tasks.index("source1")])
    assert np.isnan(patterns).sum() == 1
    assert len(SimilarityTree.from_transfers(first_order(affinity)).order) == 4


def parse_newick(text: str) -> tuple[set[str], float]:
    """Leaf names and height of the root, by a small parser; checks that all leaves are equally deep."""
    text = text.removesuffix(";")
    position = 0

    def node() -> tuple[set[str], float]:
        nonlocal position
        if text[position] != "(":
            start = position
            while text[position] not in ":,)":
                position += 1
            return {text[start:position]}, 0.0
        position += 1
        names: set[str] = set()
        depths = []
        while True:
            below, depth = node()
            names |= below
            assert text[position] == ":"
            start = position = position + 1
            while text[position] not in ",)":
                position += 1
            depths.append(depth + float(text[start:position]))
            position += 1
            if text[position - 1] == ")":
                break
        assert depths == pytest.approx([depths[0]] * len(depths), abs=1e-4)
        return names, depths[0]

    return node()


def test_newick_is_an_ultrametric_tree_of_all_tasks() -> None:
    tree = SimilarityTree.from_transfers(first_order(random_matrix(sources=8, targets=6, seed=4)))
    names, height = parse_newick(tree.newick())
    assert names == set(tree.tasks)
    assert height == pytest.approx(tree.linkage[-1, 2] / 2, rel=1e-4)


def test_newick_quotes_names_that_hold_its_own_signs() -> None:
    rows = random_matrix(sources=2, targets=4, seed=5)
    rows = {target: {"a b": row["source0"], "it's": row["source1"]} for target, row in rows.items()}
    text = SimilarityTree.from_transfers(first_order(rows)).newick()
    assert "'a b'" in text
    assert "'it''s'" in text


def test_order_falls_back_to_names_without_a_tree() -> None:
    rows = (Transfer("b", ("self",), 0.5), Transfer("a", ("b",), 0.5))
    assert order_of_tasks(Transfers(rows)) == ("a", "b")


@pytest.mark.parametrize("count", [0, 9])
def test_an_impossible_number_of_clusters_is_refused(count: int, tmp_path: Path) -> None:
    tree = SimilarityTree.from_transfers(first_order(random_matrix(sources=8, targets=6, seed=6)))
    with pytest.raises(InputError, match=f"clusters: expected a number from 1 to 8, found {count}"):
        tree.save(tmp_path / "out", count)
    assert not (tmp_path / "out").exists()


def test_too_few_common_targets_are_named() -> None:
    with pytest.raises(InputError, match="source0 and source1 have first-order transfers to 2 common"):
        SimilarityTree.from_transfers(first_order(random_matrix(sources=2, targets=2, seed=7)))


def test_saved_files(tmp_path: Path) -> None:
    tree = SimilarityTree.from_transfers(first_order(random_matrix(sources=6, targets=6, seed=8)))
    tree.save(tmp_path, 3)
    content = json.loads((tmp_path / "tree.json").read_text())
    assert content["newick"] == tree.newick()
    assert [len(group) for group in content["clusters"]] == [len(group) for group in tree.clusters(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree.json", "tree.png", "tree.svg"]
