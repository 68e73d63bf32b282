"""A fit that is told to stop saves where it is, and started again ends as if nothing had happened."""

from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.training.requeue import STOPPED
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
