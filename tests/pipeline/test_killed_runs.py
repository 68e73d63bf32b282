"""`kill -9` at any moment, and the same command once more: the results of a run that nobody touched."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.training.requeue import STOPPED
from tests.pipeline.killing import kill_group, started, wait_for
from tests.pipeline.tiny_run import config, files, require_same_results, taxonomy_run

pytestmark = pytest.mark.slow
KILLS = 10


def command(path: Path, *words: str) -> list[str]:
    return ["taxonomy", "run", "--config", str(path), *words]


def test_ten_kills_at_random_moments(finished: Path, packed: Path, tmp_path: Path) -> None:
    path, log = config(tmp_path / "run", packed, machine={"checkpoint_seconds": 0}), tmp_path / "log"
    before = time.monotonic()
    dry = started(command(path, "--dry-run"), log)
    dry.join()
    assert dry.exitcode == 0
    starting = time.monotonic() - before
    # From the first line of its configuration to its last file.
    whole = (finished / "plan.csv").stat().st_mtime - finished.with_name("run.yaml").stat().st_mtime
    random, places = np.random.default_rng(0), []
    for _ in range(KILLS):
        process = started(command(path), log)
        process.join(starting + random.uniform(0.2, 1.8) * whole / (KILLS + 4))
        if not kill_group(process):
            break
        records = sorted((tmp_path / "run" / "jobs").glob("*.json"))
        checkpoints = list((tmp_path / "run").rglob("running.ckpt"))
        places.append((len(records), len(checkpoints)))
    assert len(places) == KILLS, f"finished after {len(places)} kills: {log.read_text()}"
    assert len({jobs for jobs, _ in places}) >= KILLS // 2, places  # spread over the run
    assert taxonomy_run(path) == 0
    require_same_results(tmp_path / "run", finished)
    left = [
        name for name in files(tmp_path / "run") if "ckpt" in name or "running-" in name.split("/curves")[0]
    ]
    assert left == []


def test_the_main_process_alone_is_killed(packed: Path, tmp_path: Path) -> None:
    """Its workers live on for some seconds: they must not keep the folder from the next run."""
    path = config(tmp_path / "run", packed, tasks=["autoencoder", "edge2d"], machine={"workers": 2})
    process = started(command(path), tmp_path / "log")
    wait_for(tmp_path / "run" / "jobs" / "network.autoencoder.json", process)
    wait_for(tmp_path / "run" / "networks" / "edge2d", process)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert taxonomy_run(path) == 0


def test_a_second_run_is_refused_and_the_first_can_be_stopped(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM is what a scheduler sends: the run saves where it is, and says so."""
    run = tmp_path / "run"
    path = config(run, packed, network={"epochs": 100_000})
    process = started(command(path), tmp_path / "log")
    running = run / "networks" / "autoencoder" / "checkpoints" / "running.ckpt"
    wait_for(running, process)
    assert taxonomy_run(path) == 2
    assert f"{run}: another run is writing here; wait for it, or stop it first" in capsys.readouterr().err
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == STOPPED
    assert "start the same command again to go on" in (tmp_path / "log").read_text()
    assert running.exists()
