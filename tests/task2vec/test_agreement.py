"""Distances against measured transfers, and clusters and maps of distances."""

from itertools import permutations

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.agreement import PairedTables, pruned
from lightning_taskonomy.task2vec.clusters import Clusters, plane
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.transfers import Transfer

NAMES = ("a", "b", "c", "d", "e")


def transfers(strength: np.ndarray, names: tuple[str, ...] = NAMES) -> Transfers:
    rows = [
        Transfer(target, (source,), float(strength[i, j]))
        for j, target in enumerate(names)
        for i, source in enumerate(names)
        if i != j
    ]
    rows.append(Transfer(names[0], ("self",), 0.9))
    rows.append(Transfer(names[0], (names[1], names[2]), 0.5))
    return Transfers(tuple(rows))


def random_tables(seed: int, noise: float) -> PairedTables:
    generator = np.random.default_rng(seed)
    distances = squareform(pdist(generator.random((5, 2))))
    return PairedTables.of(transfers(np.exp(-distances) + noise * generator.random((5, 5))), NAMES, distances)


def test_tables_hold_first_order_transfers_among_embedded_tasks() -> None:
    distances = np.arange(25.0).reshape(5, 5)
    tables = PairedTables.of(transfers(np.eye(5) + 0.1), NAMES, distances)
    assert (tables.sources.index("b"), tables.targets) == (0, NAMES)
    order = [NAMES.index(source) for source in tables.sources]
    for row, source in enumerate(order):
        for column in range(5):
            if source == column:
                assert np.isnan(tables.distances[row, column])
                assert np.isnan(tables.affinities[row, column])
            else:
                assert tables.distances[row, column] == distances[source, column]
    with pytest.raises(InputError, match="expected 3 tasks or more with embeddings; found"):
        PairedTables.of(transfers(np.eye(5)), ("a", "x", "y"), np.zeros((3, 3)))


def test_spearman_is_the_mean_over_targets() -> None:
    tables = random_tables(0, 0.5)
    expected = []
    for near, strength in zip(tables.distances.T, tables.affinities.T, strict=True):
        both = ~np.isnan(near)
        expected.append(spearmanr(-near[both], strength[both]).statistic)
    assert tables.spearman() == pytest.approx(np.mean(expected))
    assert random_tables(0, 0.0).spearman() == pytest.approx(1)


def test_mantel_is_the_fraction_of_permutations_that_agree_as_well() -> None:
    tables = random_tables(3, 0.4)
    order = [tables.sources.index(name) for name in NAMES]
    distances, affinities = tables.distances[order], tables.affinities[order]
    in_order = PairedTables(NAMES, NAMES, distances, affinities)
    as_good = total = 0
    for chosen in permutations(range(5)):
        shuffled = distances[np.ix_(chosen, chosen)]
        as_good += PairedTables(NAMES, NAMES, shuffled, affinities).spearman() >= in_order.spearman() - 1e-9
        total += 1
    assert tables.mantel(4000) == pytest.approx(as_good / total, abs=0.03)


def test_mantel_is_uniform_where_nothing_agrees() -> None:
    values = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        distances = squareform(pdist(generator.random((5, 2))))
        values.append(PairedTables.of(transfers(generator.random((5, 5))), NAMES, distances).mantel(99))
    assert 0.3 < np.mean(values) < 0.7


def test_pruning_by_true_affinities_keeps_the_best_and_all_keep_all() -> None:
    curve = pruned(random_tables(0, 0.0))
    assert [point.tried for point in curve] == [1, 2, 3, 4]
    assert [point.share for point in curve] == pytest.approx([0.25, 0.5, 0.75, 1])
    assert [point.kept for point in curve] == pytest.approx([0.25, 0.5, 0.75, 1])  # of the four there are
    assert all(point.best_kept == 1 for point in curve)
    backwards = random_tables(0, 0.0)
    worst = pruned(PairedTables(NAMES, backwards.sources, -backwards.distances, backwards.affinities))
    assert [point.best_kept for point in worst] == [0, 0, 0, 1]


def test_clusters_match_scipy_and_are_contiguous() -> None:
    points = np.concatenate([np.random.default_rng(0).normal(centre, 0.3, (4, 3)) for centre in (0, 4, 9)])
    names = [f"t{n}" for n in range(12)]
    matrix = squareform(pdist(points))
    clusters = Clusters.of(names, matrix)
    expected = hierarchy.fcluster(hierarchy.linkage(pdist(points), "complete"), 3, "maxclust")
    groups = clusters.groups(3)
    assert {frozenset(group) for group in groups} == {
        frozenset(np.array(names)[expected == label]) for label in set(expected)
    }
    assert [name for group in groups for name in group] == [names[place] for place in clusters.order]
    lines, top = clusters.segments()
    assert len(lines) == 11
    assert top == pytest.approx(matrix.max())
    with pytest.raises(InputError, match="clusters: expected 1 to 12, found 13"):
        clusters.labels(13)


def test_scaling_recovers_points_of_a_plane() -> None:
    points = np.random.default_rng(0).random((9, 2))
    matrix = squareform(pdist(points))
    np.testing.assert_allclose(squareform(pdist(plane(matrix))), matrix, atol=1e-9)
    np.testing.assert_allclose(plane(matrix), plane(matrix.copy()))
