"""The run that this room's tests share."""

from pathlib import Path

import pytest

from tests.pipeline.tiny_run import config, pack, taxonomy_run


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with every label."""
    return pack(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def finished(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert taxonomy_run(config(folder, packed)) == 0
    return folder
