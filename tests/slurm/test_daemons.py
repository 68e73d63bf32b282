"""The cluster's own daemons killed under a running `fit`: it ends as it would have."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.slurm.cluster import CONTROLLER, Cluster
from tests.slurm.small_fits import FOLDER
from tests.slurm.submitted_fits import log_of, require_same, submit

pytestmark = pytest.mark.slow
SLOW = ("SlowBatches", {"seconds": 0.5})


def training(cluster: Cluster, folder: Path, shards: Path) -> str:
    """A job on both nodes that has saved a checkpoint and goes on for some seconds."""
    job = submit(cluster, folder, shards, "--checkpoint_seconds", "0", callbacks=[SLOW])
    cluster.wait_for((folder / FOLDER / "checkpoints" / "running.ckpt").exists, 120)
    return job


def test_a_controller_that_is_away_for_a_while_is_not_missed(
    cluster: Cluster, on_two_nodes: Path, shards: Path, tmp_path: Path
) -> None:
    job = training(cluster, tmp_path, shards)
    cluster.end(CONTROLLER, signal.SIGKILL)
    assert subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 1
    cluster.start_controller()
    assert cluster.ended(job) == "COMPLETED", log_of(tmp_path)
    assert cluster.about(job, "Restarts") == "0"
    require_same(tmp_path, on_two_nodes)


def test_a_node_that_dies_has_the_job_requeued(
    cluster: Cluster, on_two_nodes: Path, shards: Path, tmp_path: Path
) -> None:
    job = training(cluster, tmp_path, shards)
    cluster.end("n2", signal.SIGKILL)
    for number in rest_of_node("n2", job):
        os.kill(number, signal.SIGKILL)
    cluster.wait_for(lambda: cluster.state(job) != "RUNNING")
    cluster.start_node("n2")
    assert cluster.ended(job) == "COMPLETED", log_of(tmp_path)
    assert cluster.about(job, "Restarts") != "0"
    assert "resuming at step" in log_of(tmp_path)
    require_same(tmp_path, on_two_nodes)


def rest_of_node(node: str, job: str) -> set[int]:
    """The processes that die with a node beside its daemon: its ranks, and the daemons of their steps."""
    wanted = {f"SLURMD_NODENAME={node}", f"SLURM_JOB_ID={job}"}
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to the system
            variables = (process / "environ").read_bytes().decode(errors="replace").split("\0")
            if wanted <= set(variables):
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                found |= {int(process.name), int(parent)}
    return found
