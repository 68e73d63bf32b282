"""The cluster that this room's tests share."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import PROGRAMS, Cluster
from tests.slurm.submitted_fits import log_of, packed, submit


@pytest.fixture(scope="session")
def started_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("SLURM's daemons need root here")
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("SLURM_CONF", str(started.conf))
        # n1 and n2 are names of this machine that nothing resolves.
        variables.setenv("MASTER_ADDR", "127.0.0.1")
        variables.setenv("PYTHON", sys.executable)
        try:
            try:
                started.start()
            except AssertionError:  # a container, say, that lets no daemon do what these need
                pytest.skip(f"SLURM's daemons do not start on this machine: {started.last_words()}")
            yield started
        finally:
            started.stop()


@pytest.fixture
def cluster(started_cluster: Cluster) -> Iterator[Cluster]:
    """With nothing in its queue, whatever the test before has left."""
    yield started_cluster
    started_cluster.empty()


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """33 pictures to learn from, in shards of 8, 8, 8, 8 and 1."""
    return packed(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="session")
def on_two_nodes(started_cluster: Cluster, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fit leaves that nothing has happened to; both ranks have written their weights, too."""
    folder = tmp_path_factory.mktemp("on_two_nodes")
    job = submit(started_cluster, folder, shards, callbacks=[("KeepWeights", {"folder": str(folder)})])
    assert started_cluster.ended(job) == "COMPLETED", log_of(folder)
    return folder
