"""`fit` on two nodes of a real cluster: one result on all ranks, requeued in the middle, a rank killed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pyarrow import parquet

from tests.slurm.cluster import Cluster
from tests.slurm.small_fits import curve, same, words
from tests.slurm.submitted_fits import BATCHES, ROOT, log_of, require_same, submit

pytestmark = pytest.mark.slow


def test_two_nodes_train_one_network(on_two_nodes: Path) -> None:
    assert len(curve(on_two_nodes)) == BATCHES
    first, second = (torch.load(on_two_nodes / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert same(first, second)


def test_two_nodes_judge_every_image_once(cluster: Cluster, on_two_nodes: Path, shards: Path) -> None:
    given = words(on_two_nodes, shards, "test")
    python = [sys.executable, "-m", "lightning_taskonomy", *given, "--trainer.num_nodes", "2"]
    run = subprocess.run(
        ["srun", "-N2", "--ntasks-per-node=1", f"--chdir={ROOT}", *python, "--trainer.strategy", "ddp"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    table = parquet.read_table(on_two_nodes / "runs" / "losses" / "denoising.parquet")
    assert table["image"].to_pylist() == sorted(
        f"cedar/point_{point}_view_{view}" for point in range(11) for view in range(3)
    )


def test_what_cannot_be_trained_is_not_tried_again(cluster: Cluster, shards: Path, tmp_path: Path) -> None:
    job = submit(cluster, tmp_path, shards, "--data.batch_size", "64")
    assert cluster.ended(job) == "FAILED"
    assert (cluster.about(job, "Restarts"), cluster.about(job, "ExitCode")) == ("0", "2:0")
    assert "error: batch_size: 64 on 2 ranks needs 128 samples" in log_of(tmp_path)


def test_a_job_whose_rank_is_killed_is_requeued_and_ends_as_another(
    cluster: Cluster, on_two_nodes: Path, shards: Path, tmp_path: Path
) -> None:
    sent = {"mark": str(tmp_path / "sent"), "rank": 1, "batch": 11, "name": "SIGKILL"}
    job = submit(cluster, tmp_path, shards, "--checkpoint_seconds", "0", callbacks=[("SignalAt", sent)])
    assert cluster.ended(job) == "COMPLETED", log_of(tmp_path)
    assert (tmp_path / "sent").exists()
    assert cluster.about(job, "Restarts") == "1"
    assert "(restart 1 of 3)" in log_of(tmp_path)
    assert "resuming at step" in log_of(tmp_path)
    require_same(tmp_path, on_two_nodes)


def test_a_step_that_is_signalled_is_requeued_and_ends_as_another(
    cluster: Cluster, on_two_nodes: Path, shards: Path, tmp_path: Path
) -> None:
    held = [("HoldUntilTold", {"mark": str(tmp_path / "held"), "batch": 6})]
    job = submit(cluster, tmp_path, shards, callbacks=held)
    cluster.wait_for(lambda: all((tmp_path / f"held{rank}").exists() for rank in range(2)), 120)
    cluster.asked("scancel", "--signal=USR1", job)  # all processes of all ranks
    assert cluster.ended(job) == "COMPLETED", log_of(tmp_path)
    assert cluster.about(job, "Restarts") == "1"
    assert "stopped by SIGUSR1; saved after" in log_of(tmp_path)
    assert "Traceback" not in log_of(tmp_path)
    assert "fit ended with status" not in log_of(tmp_path)
    require_same(tmp_path, on_two_nodes)
