"""`fit` with data workers in its own process group, and signals to the whole group."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_taskonomy.core.signals import STOPPED
from tests.slurm.small_fits import FOLDER, curve, pack, same, weights, words

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert _fit(folder, shards)[0] == 0
    return folder


def _fit(folder: Path, shards: Path, *signalled: str | int) -> tuple[int, str]:
    """Exit status and stderr."""
    callbacks = []
    if signalled:
        names = ("moment", "name", "mark", "batch")
        given = dict(zip(names, signalled, strict=False))
        callbacks = [{"class_path": "tests.slurm.signalling.SignalTheGroup", "init_args": given}]
    given_words = [*words(folder, shards, callbacks=callbacks), "--data.num_workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "lightning_taskonomy", *given_words],
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("moment", "name", "batch"),
    [
        ("on_sanity_check_start", "SIGUSR1", 1),
        ("on_train_start", "SIGTERM", 1),
        ("on_train_batch_end", "SIGINT", 7),
        ("on_validation_batch_start", "SIGTERM", 4),
    ],
)
def test_a_fit_saves_leaves_with_75_and_goes_on_to_the_same_network(
    tmp_path: Path, shards: Path, uninterrupted: Path, moment: str, name: str, batch: int
) -> None:
    mark = tmp_path / "mark"
    status, said = _fit(tmp_path, shards, moment, name, str(mark), batch)
    assert mark.exists()
    assert status == STOPPED, said
    assert "Traceback" not in said
    told = [line for line in said.splitlines() if "stopped by" in line]
    assert len(told) == 1, said
    assert name in told[0]
    saved = moment not in (
        "on_sanity_check_start",
        "on_train_start",
    )  # before the first batch there is nothing
    assert (tmp_path / FOLDER / "checkpoints" / "running.ckpt").exists() == saved
    status, said = _fit(tmp_path, shards, moment, name, str(mark), batch)
    assert status == 0, said
    assert curve(tmp_path) == curve(uninterrupted)
    assert same(weights(tmp_path, "last"), weights(uninterrupted, "last"))


def test_a_fit_that_is_killed_before_its_first_checkpoint_begins_again_with_one_curve(
    tmp_path: Path, shards: Path, uninterrupted: Path
) -> None:
    mark = str(tmp_path / "mark")
    status, _ = _fit(tmp_path, shards, "on_train_batch_start", "SIGKILL", mark, 6)
    assert status == -signal.SIGKILL
    assert not (tmp_path / FOLDER / "checkpoints" / "running.ckpt").exists()
    assert _fit(tmp_path, shards)[0] == 0
    assert curve(tmp_path) == curve(uninterrupted)
