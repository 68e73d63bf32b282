import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="numba is absent: pip install 'lightning_taskonomy[render]'")

SOURCE = """
import sys
from lightning_taskonomy.core.compiled import compiled

@compiled
def inner(number):
    return number * 2

@compiled
def total(count):
    found = 0
    for number in range(count):
        found += inner(number)
    return found

print(total(10), sum(total.stats.cache_hits.values()))
"""


def answer(folder: Path, **places: str) -> tuple[int, int]:
    """The loop's result, and how often its compiled form was found in the cache."""
    run = subprocess.run(
        [sys.executable, "loops.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **places},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    total, hits = map(int, run.stdout.split())
    return total, hits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loops.py").write_text(SOURCE)
    return tmp_path


def test_a_second_run_finds_it_compiled(folder: Path) -> None:
    assert answer(folder) == (90, 0)
    assert answer(folder) == (90, 1)


def test_without_any_place_for_a_cache_it_is_compiled_anew(folder: Path) -> None:
    """As for a user without a home, with a package installed by another user; applies to root, too."""
    (folder / "__pycache__").write_text("no folder")
    assert answer(folder, HOME="/dev/null", XDG_CACHE_HOME="/dev/null") == (90, 0)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [b"", b"0.61\nno pickle"])
def test_a_damaged_cache_is_compiled_anew(folder: Path, damaged: bytes) -> None:
    answer(folder)
    for kept in (folder / "__pycache__").glob("loops.*.nb[ic]"):
        kept.write_bytes(damaged)
    assert answer(folder) == (90, 0)


@pytest.mark.slow
def test_a_disk_that_takes_nothing_more_ends_nothing(folder: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
    ignored = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    (folder / "loops.py").write_text(limited + ignored + SOURCE)
    assert answer(folder) == (90, 0)
