"""A fit that is told to stop saves where it is, and started again ends as if nothing had happened."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.signals import STOPPED
from lightning_taskonomy.training.event_files import put_in_order
from tests.slurm.small_fits import FOLDER, curve, pack, same, weights, words

SIGNALLING = "tests.slurm.signalling.SignalAt"
BATCHES = 12


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def uninterrupted(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main(words(folder, shards)) == 0
    return folder


# Mid-epoch, at the last batch of an epoch, and at the first of one.
@pytest.mark.parametrize(("batch", "name"), [(1, "SIGUSR1"), (3, "SIGTERM"), (4, "SIGUSR1"), (9, "SIGUSR1")])
def test_a_stopped_fit_ends_as_an_uninterrupted_one(
    shards: Path, uninterrupted: Path, tmp_path: Path, batch: int, name: str
) -> None:
    callbacks = [{"class_path": SIGNALLING, "init_args": {"batch": batch, "name": name}}]
    with pytest.raises(SystemExit) as left:
        main(words(tmp_path, shards, callbacks=callbacks))
    assert left.value.code == STOPPED
    assert (tmp_path / FOLDER / "checkpoints" / "running.ckpt").exists()
    assert main(words(tmp_path, shards)) == 0
    for checkpoint in ("last", "best"):
        assert same(weights(tmp_path, checkpoint), weights(uninterrupted, checkpoint))
    assert curve(tmp_path) == curve(uninterrupted)
    assert curve(tmp_path, "val/loss") == curve(uninterrupted, "val/loss")
    assert len(curve(tmp_path)) == BATCHES
    assert not list((tmp_path / FOLDER).glob("version_*"))
    assert not (tmp_path / FOLDER / "checkpoints" / "running.ckpt").exists()


def test_a_clock_that_is_behind_leaves_one_curve(shards: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """What was written on a node whose clock is an hour ahead of that of the next one."""
    callbacks = [{"class_path": SIGNALLING, "init_args": {"batch": 6}}]
    with pytest.raises(SystemExit):
        main(words(tmp_path, shards, callbacks=callbacks))
    (events,) = (tmp_path / FOLDER).glob("events.*")
    *first, written, machine = events.name.split(".", 4)
    events.rename(events.with_name(".".join([*first, str(int(written) + 3600), machine])))
    assert main(words(tmp_path, shards)) == 0
    for tag in ("train/loss", "val/loss"):
        assert curve(tmp_path, tag) == curve(uninterrupted, tag)


def test_files_of_curves_keep_their_order(tmp_path: Path) -> None:
    now = int(time.time())
    for number, ahead in enumerate((-50, -1, 90, 4000)):
        (tmp_path / f"events.out.tfevents.{now + ahead}.n{number}.1.0").touch()
    put_in_order(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split(".", 4)[4] for name in names] == [f"n{number}.1.0" for number in range(4)]
    assert all(int(name.split(".")[3]) < now + 1 for name in names)
    put_in_order(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names  # nothing is ahead any more


def test_a_job_that_is_killed_after_its_training_does_not_train_again(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    callbacks = [{"class_path": "tests.slurm.signalling.KillAfterTraining"}]
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    program = [sys.executable, "-m", "lightning_taskonomy", *words(tmp_path, shards, callbacks=callbacks)]
    assert subprocess.run(program, check=False).returncode == -signal.SIGKILL
    written = (tmp_path / FOLDER / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with pytest.raises(SystemExit) as left:
        main(words(tmp_path, shards))
    assert left.value.code == 0
    assert "training had finished before this job was requeued" in capsys.readouterr().out
    assert (tmp_path / FOLDER / "checkpoints" / "last.ckpt").stat().st_mtime_ns == written
    # Another job, or a person, means it.
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    assert main([*words(tmp_path, shards, max_epochs=1), "--overwrite", "true"]) == 0
    assert (tmp_path / FOLDER / "checkpoints" / "last.ckpt").stat().st_mtime_ns > written
