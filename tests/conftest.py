"""What several rooms' tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def published() -> Path:
    """The published transfers; absent outside the developers' own checkout."""
    path = Path(__file__).parents[1] / ".." / "shared" / "published" / "transfers_16k.csv"
    if not path.exists():
        pytest.skip("the published transfers are not beside this checkout")
    return path
