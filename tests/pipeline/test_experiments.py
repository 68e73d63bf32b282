"""Transfers trained again under other settings: what they write, and that the run itself is untouched."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.pipeline.tiny_run import TARGETS, TASKS, config, copy, files, table, taxonomy_run, written

EXPERIMENTS = {"fewer": {"samples": 6}, "deep": {"variant": "deep"}, "through": {"transitive": True}}
SPECIAL = ["self", "pixels"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def extended(finished: Path, packed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A finished run to which experiments have been added, and what was written for them."""
    run = copy(finished, tmp_path_factory.mktemp("extended") / "run")
    before = files(run)
    assert taxonomy_run(config(run, packed, experiments=EXPERIMENTS)) == 0
    return run, written(before, files(run))


def test_nothing_else_is_done_again(extended: tuple[Path, set[str]]) -> None:
    assert {name.split("/")[0] for name in extended[1]} <= {"experiments", "jobs", "plan.csv", ".running"}
    jobs = {name for name in extended[1] if name.startswith("jobs/")}
    assert jobs == {f"jobs/experiment.{name}.json" for name in EXPERIMENTS}


@pytest.mark.parametrize("name", ["fewer", "deep"])
def test_affinities_are_compared_with_those_of_the_run(extended: tuple[Path, set[str]], name: str) -> None:
    root = extended[0] / "experiments" / name
    own = {(row["target"], row["sources"]): row for row in rows_of(extended[0] / "transfers.csv")}
    found = {(row["target"], row["sources"]): row for row in rows_of(root / "transfers.csv")}
    correlations = {row["target"]: row for row in rows_of(root / "correlations.csv")}
    for target in TARGETS:
        columns = table(root / "losses" / f"{target}.parquet").column_names
        assert sorted(columns) == sorted(["image", *SPECIAL, *TASKS, "random"])
        pairs = [
            (float(own[target, source]["affinity"]), float(found[target, source]["affinity"]))
            for source in TASKS
        ]
        expected = stats.spearmanr(*np.transpose(pairs)).statistic
        assert int(correlations[target]["transfers"]) == len(pairs)
        assert float(correlations[target]["spearman"]) == pytest.approx(expected)


def test_other_settings_give_other_losses(extended: tuple[Path, set[str]]) -> None:
    for name in ("fewer", "deep"):
        for target in ("autoencoding", "class_scene"):
            mine = table(extended[0] / "experiments" / name / "losses" / f"{target}.parquet")
            main = table(extended[0] / "losses" / f"{target}.parquet")
            assert not mine["random"].equals(main["random"])
            assert mine["self"].equals(main["self"])


def test_transfers_through_the_best_source(extended: tuple[Path, set[str]]) -> None:
    root = extended[0] / "experiments" / "through"
    rows = rows_of(root / "transitive.csv")
    measured = {
        (row["target"], row["sources"]): float(row["affinity"])
        for row in rows_of(extended[0] / "transfers.csv")
    }
    one_view = [target for target in TARGETS if target != "fixated_pose"]
    for target in TARGETS:
        mine = [row for row in rows if row["target"] == target]
        (via,) = {row["via"] for row in mine}
        assert via == max(
            (name for name in one_view if name != target), key=lambda name: measured[target, name]
        )
        assert {row["source"] for row in mine} == set(TASKS) - {via, target}
        direct = table(extended[0] / "losses" / f"{target}.parquet")
        for row in mine:
            through = table(root / "transfers" / target / f"{row['source']}~{via}.parquet")["loss"].to_numpy()
            for rival, column in (
                (via, "win_rate_vs_via_alone"),
                (row["source"], "win_rate_vs_source_alone"),
            ):
                losses = direct[rival].to_numpy()
                assert float(row[column]) == np.mean(0.5 * (through <= losses) + 0.5 * (through < losses))
