"""Signals to whole steps, workers of the data too, at any moment; cancelled jobs; restarts that count."""

from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from tests.slurm.cluster import Cluster
from tests.slurm.small_fits import FOLDER, pack, words
from tests.slurm.submitted_fits import ROOT, log_of, require_same, submit

pytestmark = pytest.mark.slow
ON_ONE_NODE = "--nodes=1"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def uninterrupted(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(folder, few)) == 0
    return folder


def held(cluster: Cluster, folder: Path, shards: Path, moment: str, batch: int) -> str:
    """A job on one node that waits at a moment to be told."""
    callback = ("HoldUntilTold", {"mark": str(folder / "held"), "moment": moment, "batch": batch})
    return submit(cluster, folder, shards, options=[ON_ONE_NODE], callbacks=[callback])


def test_a_step_is_told_before_the_first_batch_and_during_validation(
    cluster: Cluster, few: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    moments = {"on_sanity_check_start": 1, "on_validation_batch_start": 4}
    jobs = {}
    for moment, batch in moments.items():
        jobs[moment] = held(cluster, tmp_path / moment, few, moment, batch)
    for moment, job in jobs.items():
        cluster.wait_for((tmp_path / moment / "held0").exists, 120)
        cluster.asked("scancel", "--signal=USR1", job)
    for moment, job in jobs.items():
        log = tmp_path / moment / "fit.log"
        assert cluster.ended(job) == "COMPLETED", log.read_text()
        assert cluster.about(job, "Restarts") == "1"
        assert "stopped by SIGUSR1" in log.read_text()
        assert "Traceback" not in log.read_text()
        assert "fit ended with status" not in log.read_text()
        require_same(tmp_path / moment, uninterrupted)


def test_a_cancelled_job_stays_cancelled(cluster: Cluster, few: Path, tmp_path: Path) -> None:
    job = held(cluster, tmp_path, few, "on_train_batch_start", 3)
    cluster.wait_for((tmp_path / "held0").exists, 120)
    cluster.asked("scancel", job)
    assert cluster.ended(job) == "CANCELLED", log_of(tmp_path)
    cluster.wait_for(cluster.is_idle)
    assert cluster.state(job) == "CANCELLED"
    assert cluster.about(job, "Restarts") == "0"
    assert f"job {job} was cancelled: submit it again to resume" in log_of(tmp_path)
    assert (tmp_path / FOLDER / "checkpoints" / "running.ckpt").exists()


def submitted_with(cluster: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> str:
    """A job of `fit.sh` with a program of the shell in the place of Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/bash\ncd {folder}\necho start >> starts\nstarts=$(wc -l < starts)\n{program}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PYTHON", str(path))
    script = ROOT / "configs" / "slurm" / "fit.sh"
    options = [ON_ONE_NODE, f"--output={folder / 'fit.log'}", f"--chdir={folder}"]
    return cluster.submitted([*options, script, "none.yaml"])


def test_failures_are_tried_again_three_times_and_good_requeues_are_none(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
case $starts in
    1|3) scontrol requeue $SLURM_JOB_ID; sleep 1; exit 75 ;;
    2) kill -USR1 $$ ;;
esac
exit 3"""
    job = submitted_with(cluster, tmp_path, monkeypatch, program)
    assert cluster.ended(job) == "FAILED"
    assert (tmp_path / "starts").read_text().count("start") == 3 + 4
    assert log_of(tmp_path).count("was stopped before it started") == 1
    ends = [line for line in log_of(tmp_path).splitlines() if line.startswith("fit ended with status")]
    assert [line.partition(": ")[0] for line in ends[:3]] == ["fit ended with status 3"] * 3
    assert ["(restart 1 of 3)" in ends[0], "(restart 3 of 3)" in ends[2]] == [True, True]
    assert "after 3 restarts" in ends[3]
    assert len(ends) == 4
    assert not list(tmp_path.glob(".fit-*"))


def test_a_cancelled_job_is_not_requeued_whatever_its_status(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted_with(cluster, tmp_path, monkeypatch, "trap 'exit 1' TERM; sleep 60 & wait")
    cluster.wait_for((tmp_path / "starts").exists)
    cluster.asked("scancel", job)
    assert cluster.ended(job) == "CANCELLED"
    cluster.wait_for(cluster.is_idle)
    assert (cluster.state(job), cluster.about(job, "Restarts")) == ("CANCELLED", "0")
