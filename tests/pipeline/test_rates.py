"""Estimates of how long a run will take, before and while it runs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from lightning_taskonomy.pipeline import cost
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.rates import Rates
from lightning_taskonomy.pipeline.records import Record
from lightning_taskonomy.pipeline.run import time_left
from lightning_taskonomy.pipeline.settings import Experiment
from tests.pipeline.tiny_run import TARGETS, TASKS, settings

LEARNED = 8 * 2
"""Examples that a readout learns from, over two epochs."""


def write_record(run: Path, job: str, record: Record | str) -> None:
    folder = run / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    text = record if isinstance(record, str) else json.dumps(asdict(record))
    (folder / f"{job.replace('/', '.')}.json").write_text(text)


@pytest.fixture
def plan(packed: Path, tmp_path: Path) -> Plan:
    return Plan(settings(tmp_path / "run", packed))


def test_a_kind_goes_by_its_own_rate_as_soon_as_one_has_finished(plan: Plan) -> None:
    rates = Rates(plan)
    first, second = plan.jobs["network/edge_texture"], plan.jobs["network/class_scene"]
    rates.add(first, Record("", "", 20.0, first.operations))
    assert rates.seconds(second) == pytest.approx(20 * second.operations / first.operations)
    rates.add(second, Record("", "", 5.0, second.operations))
    third = plan.jobs["network/autoencoding"]
    per_operation = 25 / (first.operations + second.operations)
    assert rates.seconds(third) == pytest.approx(per_operation * third.operations)
    losses = plan.jobs["losses/edge_texture"]
    rates.add(losses, Record("", "", 7.0, 0.0))
    assert rates.seconds(plan.jobs["losses/class_scene"]) == 7.0


def test_the_first_estimate_is_a_range_and_from_the_third_job_on_a_number(plan: Plan) -> None:
    rates = Rates(plan)
    assert rates.spread == 3
    assert time_left(100 * 60, rates.spread) == "33 min to 5.0 h"
    for name in ("network/edge_texture", "network/class_scene", "network/autoencoding"):
        assert rates.spread > 1
        rates.add(plan.jobs[name], Record("", "", 1.0, plan.jobs[name].operations))
    assert rates.spread == 1
    assert time_left(100 * 60, rates.spread) == "about 1.7 h"


def test_an_earlier_run_beside_this_one_tells_what_no_job_has_told_yet(plan: Plan, tmp_path: Path) -> None:
    network, readouts = plan.jobs["network/edge_texture"], plan.jobs["first_order/edge_texture"]
    earlier = tmp_path / "earlier"
    write_record(earlier, network.name, Record("", "", 8.0, network.operations))
    write_record(earlier, readouts.name, Record("", "", 3.0, readouts.operations))
    write_record(earlier, "first_order/other", Record("", "", 1e6, 1e3 * readouts.operations))  # no guide
    write_record(earlier, "losses/other", "not a record")
    rates = Rates(plan)
    assert rates.seconds(network) == pytest.approx(8)
    assert rates.seconds(readouts) == pytest.approx(3)
    assert 1 < rates.spread < 3
    # The machine is half as fast today: what has not run yet will take twice as long as well.
    rates.add(network, Record("", "", 16.0, network.operations))
    assert rates.seconds(readouts) == pytest.approx(6)


def test_the_records_of_this_run_are_no_earlier_ones(plan: Plan) -> None:
    job = plan.jobs["network/edge_texture"]
    write_record(plan.settings.root, job.name, Record("of other inputs", "", 1e9, job.operations))
    assert Rates(plan).seconds(job) < 1e6


def test_experiments_are_counted(packed: Path, tmp_path: Path) -> None:
    experiments = {"few": Experiment(samples=4), "through": Experiment(transitive=True)}
    of = settings(tmp_path / "run", packed, experiments=experiments)
    jobs = Plan(of).jobs
    readouts = sum(cost.readout_operations(of, target, 1) for target in TARGETS) * (len(TASKS) + 1)
    scratch = sum(cost.network_operations(of, target) for target in TARGETS)
    assert jobs["experiment/few"].operations == pytest.approx(3 * (4 * 2) * (readouts + scratch))
    assert jobs["experiment/through"].operations == pytest.approx(3 * LEARNED * readouts)
