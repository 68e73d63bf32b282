"""`kill -9` at any moment, then the same command again: the results of an undisturbed run."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.signals import STOPPED
from tests.pipeline.killing import kill_group, started, wait_for
from tests.pipeline.tiny_run import config, files, require_same_results, taxonomy_run

pytestmark = pytest.mark.slow
KILLS = 10


def command(path: Path, *words: str) -> list[str]:
    return ["taxonomy", "run", "--config", str(path), *words]


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def saved(run: Path) -> bool:
    """Whether a fit has left what it can be resumed from."""
    return any(run.rglob("running.ckpt"))


def test_ten_kills_at_random_moments(finished: Path, packed: Path, tmp_path: Path) -> None:
    """A while after a random number of jobs, however fast the machine is."""
    run, log = tmp_path / "run", tmp_path / "log"
    path = config(run, packed, machine={"checkpoint_seconds": 0})
    drawn = len(list((finished / "jobs").glob("pictures.*.json")))
    jobs = len(list((finished / "jobs").glob("*.json"))) - drawn
    random = np.random.default_rng(0)
    interrupted_fits = 0
    for number, done in enumerate(sorted(random.choice(jobs - 2, KILLS, replace=False))):
        process = started(command(path), log)
        while len(list(run.glob("jobs/*.json"))) < done:
            assert process.is_alive(), log.read_text()
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.5))
        # The first jobs are fits: two are killed for certain once they can be resumed in the middle.
        while number < 2 and len(list(run.glob("jobs/*.json"))) < jobs // 2 and not saved(run):
            time.sleep(0.005)
        assert kill_group(process), log.read_text()
        interrupted_fits += saved(run)
    assert interrupted_fits >= 2  # some are resumed in the middle
    assert taxonomy_run(path) == 0
    require_same_results(run, finished)
    names = files(run)
    assert not [name for name in names if "ckpt" in name or "running-" in name.split("/curves")[0]]


def test_the_main_process_alone_is_killed(packed: Path, tmp_path: Path) -> None:
    """Its workers live on for some seconds: they must not keep the folder from the next run."""
    path = config(
        tmp_path / "run",
        packed,
        tasks=["autoencoding", "edge_texture"],
        machine={"num_workers": 2, "checkpoint_seconds": 0},
    )
    process = started(command(path), tmp_path / "log")
    # Training has begun: then the workers have been started, too.
    wait_for(tmp_path / "run" / "networks" / "autoencoding" / "checkpoints" / "running.ckpt", process)
    assert process.pid is not None
    workers = children_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert workers
    assert any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert taxonomy_run(path) == 0


def test_a_second_run_is_refused_and_the_first_can_be_stopped(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM is what a scheduler sends: the run saves a checkpoint, and says so."""
    run = tmp_path / "run"
    path = config(run, packed, network={"epochs": 2_000}, machine={"checkpoint_seconds": 0})
    process = started(command(path), tmp_path / "log")
    try:
        running = run / "networks" / "autoencoding" / "checkpoints" / "running.ckpt"
        wait_for(running, process)
        assert taxonomy_run(path) == 2
        assert f"{run}: another run is writing here; wait for it, or stop it first" in capsys.readouterr().err
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(60)
        assert process.exitcode == STOPPED
        assert "run the same command again to resume" in (tmp_path / "log").read_text()
        assert running.exists()
    finally:
        kill_group(process)
