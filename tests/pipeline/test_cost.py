"""A plan's cost, estimated and measured."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.pipeline import cost
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.run import Estimate
from tests.pipeline.tiny_run import MAX_ORDER, TARGETS, TASKS, config, copy, files, settings, taxonomy_run

READ, LEARNED = 12, 8 * 2
"""Samples of a split; examples that a readout learns from, over two epochs."""


def rows_of(run: Path) -> dict[str, dict[str, str]]:
    with (run / "plan.csv").open(newline="") as file:
        return {row["job"]: row for row in csv.DictReader(file)}


def test_a_network_counted_by_hand() -> None:
    with torch.device("meta"):
        network = nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(5, 2, 1, stride=2),
            nn.Flatten(),
            nn.Linear(32, 7),
        )
    by_hand = 2 * (8 * 8 * 5 * 3 * 9) + 2 * (4 * 4 * 2 * 5) + 2 * (32 * 7)
    assert cost.operations(network, 3, 8, 8) == by_hand


def test_as_published() -> None:
    """The arithmetic of the pixel decoder: 9.0 GFLOP a picture at 256 pixels."""
    of = settings(Path("run"), Path("shards"), size=256, network={"decoder_width": 1024})
    assert cost.readout_operations(of, "autoencoding", 1) == pytest.approx(9.0e9, rel=0.01)


def test_operations_of_a_plan(packed: Path, tmp_path: Path) -> None:
    """A training step is three forward passes; every order is counted by itself here."""
    of = settings(tmp_path / "run", packed)
    jobs = Plan(of).jobs
    for target in TARGETS:
        network, first = cost.network_operations(of, target), cost.readout_operations(of, target, 1)
        assert jobs[f"network/{target}"].operations == 3 * network * READ * 2
        assert jobs[f"baselines/{target}"].operations == 3 * network * LEARNED
        assert jobs[f"first_order/{target}"].operations == 3 * first * (len(TASKS) + 1) * LEARNED
        orders = [2] * 3 + list(range(3, MAX_ORDER + 1))
        higher = sum(cost.readout_operations(of, target, order) for order in orders)
        assert jobs[f"higher_order/{target}"].operations == pytest.approx(3 * higher * LEARNED)
    pictures = READ + READ
    assert jobs["store/random"].operations == cost.encoder_operations(of, "random") * pictures


def test_a_job_does_not_pay_for_counting_the_others(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting takes seconds, and every job of a sweep makes the plan again."""
    counted: list[object] = []

    def count(*asked: object) -> float:
        counted.append(asked)
        return 1.0

    monkeypatch.setattr(cost, "operations", count)
    plan = Plan(settings(tmp_path / "run", packed))
    assert not any(plan.current(job) for job in plan.jobs.values())
    assert plan.jobs["network/edge_texture"].operations > 0
    assert len(counted) == 1


def test_a_dry_run_writes_its_plan_and_nothing_else(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert taxonomy_run(config(run, packed), "--dry-run") == 0
    assert set(files(run)) == {"plan.csv"}
    rows = rows_of(run)
    assert list(rows) == list(Plan(settings(run, packed)).jobs)
    assert {row["state"] for row in rows.values()} == {"waiting"}
    seconds = sum(float(row["estimated_seconds"]) for row in rows.values())
    assert seconds > 0
    printed = capsys.readouterr().out
    assert f"0 jobs are done, {len(rows)} are left" in printed
    assert f"{duration(seconds / 3)} to {duration(seconds * 3)} on this machine" in printed
    for kind in ("network", "baselines", "store", "first_order", "ranking", "higher_order", "losses"):
        number = sum(job.startswith(f"{kind}/") for job in rows)
        assert f"  {kind:<13} {number:>4} jobs" in printed


def test_after_a_run_estimates_are_those_of_measured_times(
    finished: Path, packed: Path, tmp_path: Path
) -> None:
    run = copy(finished, tmp_path / "run")
    records = [json.loads(path.read_text()) for path in (run / "jobs").glob("network.*.json")]
    rate = sum(record["operations"] for record in records) / sum(record["seconds"] for record in records)
    longer = settings(run, packed, tasks=[*TASKS, "reshading"])
    estimate = Estimate.of(Plan(longer))
    job = Plan(longer).jobs["network/reshading"]
    assert estimate.seconds[job.name] == pytest.approx(job.operations / rate)
    assert estimate.done == len(TASKS) + len(TARGETS) + len(TASKS) + 1
