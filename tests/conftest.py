"""What several rooms' tests share."""

import os
from pathlib import Path

# Small tensors gain nothing from threads, which wait by spinning and take the cores from other processes.
# Before torch is imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# How long an example takes says more about the machine, and what else it does, than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

_TOGETHER = {"slurm": "slurm", "pipeline": "pipeline", "report": "pipeline"}
"""Rooms whose tests share what takes long to make, a cluster or a run: one process does them all."""
_LAST = ["data", "nn", "tasks", "taxonomy"]
"""Rooms of many short tests: at the end they fill what the long ones leave."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (`pytest -n 2 --dist loadgroup`), each file, or room, is done by one of them."""

    def room(item: pytest.Item) -> str:
        return item.path.relative_to(Path(__file__).parent).parts[0]

    items.sort(key=lambda item: (room(item) in _LAST, room(item) not in _TOGETHER))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_TOGETHER.get(room(item), str(item.path))))


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
