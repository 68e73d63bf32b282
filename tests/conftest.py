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
