"""`fit` on two nodes of a real cluster: one result on all ranks, requeued in the middle, a rank killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pyarrow import parquet

from tests.slurm.conftest import Cluster
from tests.slurm.small_fits import curve, pack, same, weights, words

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "configs" / "slurm" / "fit.sh"
BATCHES = 12


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # 33 pictures in shards of 8, 8, 8, 8 and 1, on two ranks.
    return pack(tmp_path_factory.mktemp("shards"), points=11, shard_size=8)


def submit(
    cluster: Cluster, folder: Path, shards: Path, *more: str, signalled: dict[str, object] | None = None
) -> str:
    callbacks: list[object] = [
        {"class_path": "tests.slurm.signalling.KeepWeights", "init_args": {"folder": str(folder)}}
    ]
    if signalled is not None:
        once = {"mark": str(folder / "sent"), **signalled}
        callbacks.append({"class_path": "tests.slurm.signalling.SignalAt", "init_args": once})
    given = words(folder, shards, callbacks=callbacks)
    config = given.index("--config")
    options = [f"--output={folder / 'fit.log'}", f"--chdir={ROOT}", "--time=10", "--export=ALL"]
    os.environ["PYTHON"] = sys.executable
    return cluster.submitted([*options, SCRIPT, given[config + 1], *given[config + 2 :], *more])


@pytest.fixture(scope="module")
def uninterrupted(cluster: Cluster, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    job = submit(cluster, folder, shards)
    assert cluster.ended(job) == "COMPLETED", (folder / "fit.log").read_text()
    return folder


def test_two_nodes_train_one_network(uninterrupted: Path) -> None:
    assert len(curve(uninterrupted)) == BATCHES
    first, second = (torch.load(uninterrupted / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert same(first, second)


def test_two_nodes_judge_every_image_once(cluster: Cluster, uninterrupted: Path, shards: Path) -> None:
    given = words(uninterrupted, shards, "test")
    python = [sys.executable, "-m", "lightning_taskonomy", *given, "--trainer.num_nodes", "2"]
    run = subprocess.run(
        ["srun", "-N2", "--ntasks-per-node=1", f"--chdir={ROOT}", *python, "--trainer.strategy", "ddp"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    table = parquet.read_table(uninterrupted / "runs" / "losses" / "denoise.parquet")
    assert table["image"].to_pylist() == sorted(
        f"cedar/point_{point}_view_{view}" for point in range(11) for view in range(3)
    )


def test_a_requeue_in_the_middle_changes_nothing(
    cluster: Cluster, uninterrupted: Path, shards: Path, tmp_path: Path
) -> None:
    job = submit(cluster, tmp_path, shards, signalled={"batch": 6, "rank": 1})
    ends_as(cluster, job, tmp_path, uninterrupted)
    assert "is in the queue again" in (tmp_path / "fit.log").read_text()


def test_a_killed_rank_ends_the_job_and_the_next_start_goes_on(
    cluster: Cluster, uninterrupted: Path, shards: Path, tmp_path: Path
) -> None:
    killed = {"batch": 11, "rank": 1, "name": "SIGKILL"}
    job = submit(cluster, tmp_path, shards, "--checkpoint_seconds", "0", signalled=killed)
    ends_as(cluster, job, tmp_path, uninterrupted)


def ends_as(cluster: Cluster, job: str, folder: Path, uninterrupted: Path) -> None:
    """A job that was interrupted once goes on by itself, and ends like another."""
    assert cluster.ended(job) == "COMPLETED", (folder / "fit.log").read_text()
    assert (folder / "sent").exists()
    assert "going on at step" in (folder / "fit.log").read_text()
    assert curve(folder) == curve(uninterrupted)
    assert same(weights(folder, "last"), weights(uninterrupted, "last"))
