"""What several rooms' tests share."""

import os
from pathlib import Path

# Small tensors gain nothing from threads, which wait by spinning and take the cores from other processes.
# Before torch is imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(scope="session")
def published() -> Path:
    """The published transfers; absent outside the developers' own checkout."""
    path = Path(__file__).parents[1] / ".." / "shared" / "published" / "transfers_16k.csv"
    if not path.exists():
        pytest.skip("the published transfers are not beside this checkout")
    return path


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with every label."""
    from tests.pipeline.tiny_run import pack  # torch takes its time, and most rooms do without

    return pack(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def finished(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of the pipeline; not to be changed."""
    from tests.pipeline.tiny_run import config, taxonomy_run

    folder = tmp_path_factory.mktemp("finished") / "run"
    assert taxonomy_run(config(folder, packed)) == 0
    return folder
