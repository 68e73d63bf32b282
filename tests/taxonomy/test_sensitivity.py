import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.sensitivity import MEAN, OVERALL, Sensitivity, spearman
from tests.taxonomy.tables import random_transfers, read_rows


def perturbed(transfers: Transfers, seed: int, spread: float) -> Transfers:
    rng = np.random.default_rng(seed)
    rows = (
        Transfer(row.target, row.sources, (row.affinity or 0.0) * float(rng.lognormal(0, spread)))
        for row in transfers
    )
    return Transfers(tuple(rows))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=30))
def test_spearman_is_pearson_on_mean_ranks(pairs: list[tuple[int, int]]) -> None:
    first, second = ([float(pair[side]) for pair in pairs] for side in (0, 1))

    def mean_ranks(values: list[float]) -> list[float]:
        return [
            sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
            for value in values
        ]

    found = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.corrcoef(mean_ranks(first), mean_ranks(second))[0, 1], abs=1e-9)


def test_a_table_agrees_with_itself_and_with_its_multiples() -> None:
    transfers = random_transfers(tasks=6, seed=0)
    doubled = Transfers(
        tuple(Transfer(row.target, row.sources, 2 * (row.affinity or 0.0)) for row in transfers)
    )
    result = Sensitivity.of({"one": transfers, "two": doubled}, [2, 4])
    assert all(correlation.spearman == pytest.approx(1) for correlation in result.correlations)
    assert all(change.overlap == 1 for change in result.changes)
    assert all(change.relative_change == pytest.approx(0) for change in result.changes)


def test_policies_scored_by_another_table_are_never_better_than_its_optimum() -> None:
    transfers = random_transfers(tasks=7, seed=1)
    other = perturbed(transfers, 1, 0.8)
    importance = {"task01": 3.0}
    result = Sensitivity.of({"one": transfers, "two": other}, [2, 3, 5], importance=importance)
    assert len(result.changes) == 2 * 3
    affinity = {(row.target, row.sources): row.affinity for row in other}
    for change in result.changes:
        assert change.relative_change <= 1e-12
        if change.first == "one":
            own = TaxonomyProblem(transfers, change.budget, importance=importance).solve()
            expected = sum(
                importance.get(t.target, 1.0) * (affinity[t.target, t.sources] or 0.0) for t in own.transfers
            )
            assert change.scored == pytest.approx(expected)
            judge = TaxonomyProblem(other, change.budget, importance=importance).solve()
            assert change.objective_of_second == pytest.approx(judge.objective)
            joint = set(own.sources) | set(judge.sources)
            assert change.overlap == len(set(own.sources) & set(judge.sources)) / len(joint)


def test_only_transfers_that_all_tables_have_are_compared() -> None:
    transfers = random_transfers(tasks=5, seed=2)
    fewer = Transfers(tuple(row for row in transfers if row.order < 3))
    reordered = Transfers(tuple(Transfer(row.target, row.sources[::-1], row.affinity) for row in fewer))
    result = Sensitivity.of({"all": transfers, "fewer": reordered}, [3])
    overall = next(c for c in result.correlations if c.target == OVERALL)
    assert overall.transfers == sum(not row.is_self for row in fewer)
    assert overall.spearman == pytest.approx(1)
    assert result.ignored == {"all": len(transfers) - len(fewer), "fewer": 0}


def test_self_and_baselines_count_for_nothing_and_the_mean_over_targets_leads() -> None:
    """The fully supervised network ranks first in both tables, whatever the transfers."""
    first: dict[str, tuple[float, ...]] = {"x": (0.1, 0.2, 0.3, 0.4), "y": (0.1, 0.2, 0.3, 0.4)}
    second: dict[str, tuple[float, ...]] = {"x": (0.4, 0.3, 0.2, 0.1), "y": (0.2, 0.1, 0.3, 0.4)}

    def table(affinities: dict[str, tuple[float, ...]]) -> Transfers:
        rows = []
        for target, own in affinities.items():
            rows += [Transfer(target, ("self",), 9.0), Transfer(target, ("pixels",), 0.01)]
            rows += [Transfer(target, (source,), value) for source, value in zip("abcd", own, strict=True)]
        return Transfers(tuple(rows))

    result = Sensitivity.of({"one": table(first), "two": table(second)}, [6])
    found = [(own.target, own.transfers) for own in result.correlations]
    assert found == [(MEAN, 8), (OVERALL, 8), ("x", 4), ("y", 4)]
    by_target = {own.target: own.spearman for own in result.correlations}
    assert by_target["x"] == pytest.approx(-1)
    assert by_target["y"] == pytest.approx(0.8)
    assert by_target[MEAN] == pytest.approx(-0.1)


def test_three_tables_are_compared_pair_by_pair(tmp_path: Path) -> None:
    transfers = random_transfers(tasks=5, seed=3)
    tables = {"a": transfers, "b": perturbed(transfers, 1, 0.3), "c": perturbed(transfers, 2, 0.3)}
    result = Sensitivity.of(tables, [2])
    result.save_tables(tmp_path)
    rows = read_rows(tmp_path / "correlations.csv")
    assert [(r["first"], r["second"]) for r in rows if r["target"] == OVERALL] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert len(read_rows(tmp_path / "policies.csv")) == 6


def test_errors_are_named() -> None:
    transfers = random_transfers(tasks=4, seed=4)
    other = Transfers((Transfer("x", ("y",), 0.5),))
    with pytest.raises(InputError, match="expected two tables or more, found 1"):
        Sensitivity.of({"one": transfers}, [2])
    with pytest.raises(InputError, match="one, two have no transfer in common"):
        Sensitivity.of({"one": transfers, "two": other}, [2])
