"""SLURM itself ends a `fit` in the middle: by its time limit, and for a job that is more urgent."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from tests.slurm.cluster import Cluster
from tests.slurm.small_fits import pack, words
from tests.slurm.submitted_fits import log_of, require_same, submit

pytestmark = pytest.mark.slow
LAST = 6
"""The batch in which they are when they are told: the second of four of an epoch."""
OPTIONS = {
    "SIGUSR1": ["--nodelist=n1", "--time=2", "--signal=USR1@10"],
    "SIGTERM": ["--nodelist=n2"],
}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def uninterrupted(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(folder, few)) == 0
    return folder


@pytest.fixture(scope="module")
def ended(
    started_cluster: Cluster, few: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[str, Path]]:
    """By the signal that they are told by: two jobs side by side, and their folders."""
    jobs = {}
    for name, options in OPTIONS.items():
        folder = tmp_path_factory.mktemp(name)
        held = [("HoldUntilTold", {"batch": LAST, "mark": str(folder / "held")})]
        jobs[name] = (
            submit(started_cluster, folder, few, options=["--nodes=1", *options], callbacks=held),
            folder,
        )
    _, folder = jobs["SIGTERM"]
    started_cluster.wait_for((folder / "held0").exists, 120)
    short = ["--partition=urgent", "--nodelist=n2", "--output=/dev/null", "--wrap=sleep 1"]
    assert started_cluster.ended(started_cluster.submitted(short)) == "COMPLETED"
    for job, folder in jobs.values():
        assert started_cluster.ended(job) == "COMPLETED", log_of(folder)
    return jobs


@pytest.mark.parametrize("name", OPTIONS)
def test_it_goes_on_in_the_middle_of_the_epoch_and_ends_as_if_nothing_had_happened(
    cluster: Cluster, ended: Mapping[str, tuple[str, Path]], uninterrupted: Path, name: str
) -> None:
    job, folder = ended[name]
    assert cluster.about(job, "Restarts") == "1"
    assert "fit ended with status" not in log_of(folder)
    assert f"stopped by {name}; saved after {LAST} batches" in log_of(folder)
    assert f"resuming at step {LAST}" in log_of(folder)
    require_same(folder, uninterrupted)
