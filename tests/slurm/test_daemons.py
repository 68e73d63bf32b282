"""The cluster's own daemons killed under a running `fit`: it ends as it would have."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm.conftest import Cluster
from tests.slurm.small_fits import FOLDER, curve, pack, words

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "configs" / "slurm" / "fit.sh"
BATCHES = 12


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("shards"), points=11, shard_size=8)


def running(cluster: Cluster, folder: Path, shards: Path) -> str:
    """A job on both nodes whose training has begun."""
    given = words(folder, shards)
    config = given.index("--config")
    options = [f"--output={folder / 'fit.log'}", f"--chdir={ROOT}", "--time=10"]
    os.environ["PYTHON"] = sys.executable
    more = ["--checkpoint_seconds", "0"]
    job = cluster.submitted([*options, SCRIPT, given[config + 1], *given[config + 2 :], *more])
    cluster.wait_for((folder / FOLDER / "config.yaml").exists, 120)
    return job


def test_a_controller_that_is_away_for_a_while_is_not_missed(
    cluster: Cluster, shards: Path, tmp_path: Path
) -> None:
    job = running(cluster, tmp_path, shards)
    cluster.end("slurmctld", signal.SIGKILL)
    assert subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 1
    cluster.start_controller()
    assert cluster.ended(job) == "COMPLETED", (tmp_path / "fit.log").read_text()
    assert len(curve(tmp_path)) == BATCHES


def test_a_node_that_dies_has_the_job_requeued(cluster: Cluster, shards: Path, tmp_path: Path) -> None:
    job = running(cluster, tmp_path, shards)
    steps = subprocess.run(
        ["pgrep", "-f", rf"slurmstepd: \[{job}\."], capture_output=True, text=True, check=False
    )
    cluster.end("slurmd.n2", signal.SIGKILL)
    # All that is left of the node: the daemon of the step there, and its rank.
    for number in map(int, steps.stdout.split()):
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for child in children:
            if b"SLURMD_NODENAME=n2" in Path(f"/proc/{child}/environ").read_bytes():
                os.kill(number, signal.SIGKILL)
                os.kill(int(child), signal.SIGKILL)
    cluster.wait_for(lambda: cluster.state(job) != "RUNNING", 120)  # the controller has seen that it is gone
    cluster.start_node("n2")
    assert cluster.ended(job, 300) == "COMPLETED", (tmp_path / "fit.log").read_text()
    assert len(curve(tmp_path)) == BATCHES
