"""A fit that is killed at any batch resumes bit for bit as if nothing had happened.

What a kill leaves is what lies in the folder at that moment: so the folder is copied before every batch of an
unbroken fit, and a fit is started on each copy.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.pipeline.networks import task_network
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.trainer_runs import CHECKPOINTS, fit_and_test
from lightning_taskonomy.training.finite import StopOnNan
from lightning_taskonomy.training.task_module import TaskModule
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.racing import Racing
from lightning_taskonomy.transfers.readouts import Readouts
from tests.pipeline.tiny_run import settings, table
from tests.transfers.small_stores import SMALL, store

EPOCHS, BATCHES = 3, 3


@dataclass(frozen=True)
class Left:
    """What a fit ends with."""

    weights: dict[str, Tensor]
    losses: Any

    def require(self, other: "Left") -> None:
        assert self.losses.equals(other.losses)
        assert self.weights.keys() == other.weights.keys()
        different = [
            name for name in self.weights if not torch.equal(self.weights[name], other.weights[name])
        ]
        assert not different


class CopyFolder(Callback):
    """Keeps what lies in a folder before every batch of training, validation and test."""

    def __init__(self, folder: Path, to: Path) -> None:
        self.folder, self.to = folder, to
        self.copies: dict[str, Path] = {}

    def copy(self, moment: str) -> None:
        if self.folder.exists():
            name = f"{len(self.copies):02d}-{moment}"
            self.copies[name] = Path(shutil.copytree(self.folder, self.to / name))

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:  # noqa: ANN401
        self.copy(f"train-{trainer.fit_loop.epoch_loop.total_batch_idx}")

    def on_validation_batch_start(self, *_: Any) -> None:  # noqa: ANN401
        self.copy("validation")

    def on_test_batch_start(self, *_: Any) -> None:  # noqa: ANN401
        self.copy("test")


class CountBatches(Callback):
    """How many batches were learned from."""

    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401
        self.batches += 1


Fit = Callable[[Path, Sequence[Callback]], Left]


def left(module: LightningModule, losses: Path, task: str) -> Left:
    weights = {name: values.clone() for name, values in module.state_dict().items()}
    return Left(weights, table(losses / f"{task}.parquet"))


def network_fit(of: PipelineSettings, task: str) -> Fit:
    """As the job of a task's network does it: the best weights of all validations are kept."""

    def fit(folder: Path, callbacks: Sequence[Callback]) -> Left:
        data = TaskonomyDataModule(of.shards, [task], of.size, 4, num_workers=0, statistics="own")
        module: TaskModule = task_network(of, task)
        losses = fit_and_test(
            of, module, data, folder,
            run="one", epochs=EPOCHS, contender="self", callbacks=[StopOnNan(), *callbacks], best=True,
        )  # fmt: skip
        return left(module, losses, task)

    return fit


def readouts_fit(of: PipelineSettings, task: str, stores: Path) -> Fit:
    """As the job of a target's transfers does it, with a race: eight samples, four to watch."""

    def fit(folder: Path, callbacks: Sequence[Callback]) -> Left:
        data = TaskonomyDataModule(
            of.shards, [task], of.size, 3, num_workers=0, statistics="own",
            train_split="val", train_samples=8, val_samples=4,
        )  # fmt: skip
        module = Readouts(task, ["edge_texture", "reshading", "edge_texture+reshading"], str(stores), **SMALL)
        tournament = LiveTournament()
        race = Racing(tournament, best=1, margin=0.5, confidence=0, after=0)
        losses = fit_and_test(
            of, module, data, folder,
            run="one", epochs=EPOCHS, contender="transfers", callbacks=[tournament, race, *callbacks],
        )  # fmt: skip
        return left(module, losses, task)

    return fit


def require_same_after_every_kill(fit: Fit, root: Path, batches: int) -> None:
    """Checkpoints are made after every batch; a fit resumes after the last one, and learns nothing twice."""
    whole = fit(root / "whole", [])
    folder = root / "run"
    copying = CopyFolder(folder, root / "copies")
    fit(folder, [copying]).require(whole)
    checkpoints = set()
    for name, copied in copying.copies.items():
        content = tuple((path.name, path.read_bytes()) for path in sorted(copied.glob(f"{CHECKPOINTS}/*")))
        if content in checkpoints:
            continue
        checkpoints.add(content)
        shutil.rmtree(folder)
        shutil.copytree(copied, folder)
        counting = CountBatches()
        fit(folder, [counting]).require(whole)
        done = int(name.split("-")[2]) if "train" in name else batches
        assert counting.batches == batches - done, name
    assert len(checkpoints) == batches + 1


@pytest.fixture
def of(packed: Path, tmp_path: Path) -> PipelineSettings:
    return settings(tmp_path, packed, machine={"checkpoint_seconds": 0})


@pytest.mark.parametrize(
    "task",
    ["class_scene", pytest.param("segment_unsup25d", marks=pytest.mark.slow)],
    ids=["dropout", "random pairs of pixels"],
)
def test_a_network(of: PipelineSettings, tmp_path: Path, task: str) -> None:
    more = settings(
        tmp_path, Path(of.shards), tasks=[task, "edge_texture"], machine={"checkpoint_seconds": 0}
    )
    require_same_after_every_kill(network_fit(more, task), tmp_path, EPOCHS * BATCHES)


@pytest.mark.slow
def test_a_network_with_a_discriminator(packed: Path, tmp_path: Path) -> None:
    """It uses manual optimisation; the best of its validations is the first one, long before it is killed."""
    of = settings(
        tmp_path,
        packed,
        tasks=["normal", "edge_texture"],
        network={"adversarial_after": 4},
        machine={"checkpoint_seconds": 0},
    )
    require_same_after_every_kill(network_fit(of, "normal"), tmp_path, EPOCHS * BATCHES)


@pytest.mark.parametrize("task", ["class_scene", pytest.param("segment_unsup25d", marks=pytest.mark.slow)])
def test_readouts_in_a_race(of: PipelineSettings, packed: Path, tmp_path: Path, task: str) -> None:
    stores = store(packed, tmp_path / "stores", ["edge_texture", "reshading"])
    require_same_after_every_kill(readouts_fit(of, task, stores), tmp_path, EPOCHS * 2)


def test_a_fit_under_other_settings_is_not_gone_on_with(of: PipelineSettings, tmp_path: Path) -> None:
    """A killed run, and then another learning rate: nothing of the first may be in the second."""
    folder = tmp_path / "run"
    copying = CopyFolder(folder, tmp_path / "copies")
    network_fit(of, "class_scene")(folder, [copying])
    other = settings(
        tmp_path, Path(of.shards), network={"learning_rate": 1e-3}, machine={"checkpoint_seconds": 0}
    )

    def fit(folder: Path, run: str) -> Left:
        data = TaskonomyDataModule(of.shards, ["class_scene"], of.size, 4, num_workers=0, statistics="own")
        module = task_network(other, "class_scene")
        losses = fit_and_test(
            other, module, data, folder, run=run, epochs=EPOCHS, contender="self", best=True
        )
        return left(module, losses, "class_scene")

    shutil.rmtree(folder)
    shutil.copytree(copying.copies["08-train-5"], folder)
    fit(folder, "another").require(fit(tmp_path / "fresh", "another"))


@pytest.mark.parametrize("damage", ["cut short", "a byte changed", "empty", "no checkpoint"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(
    of: PipelineSettings, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    copying, fit = CopyFolder(folder, tmp_path / "copies"), network_fit(of, "class_scene")
    whole = fit(folder, [copying])
    shutil.rmtree(folder)
    shutil.copytree(next(path for name, path in copying.copies.items() if "train-5" in name), folder)
    path = folder / CHECKPOINTS / "running.ckpt"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut short": content[:middle],
            "a byte changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "no checkpoint": b"something else",
        }[damage]
    )
    counting = CountBatches()
    with caplog.at_level(logging.WARNING):
        fit(folder, [counting]).require(whole)
    assert f"{path}: damaged checkpoint" in caplog.text
    assert counting.batches == EPOCHS * BATCHES - 4


def test_without_a_whole_checkpoint_the_job_starts_again(
    of: PipelineSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    fit = network_fit(of, "class_scene")
    whole = fit(folder, [])
    for path in (folder / CHECKPOINTS).iterdir():
        path.write_bytes(b"damaged")
    counting = CountBatches()
    with caplog.at_level(logging.WARNING):
        fit(folder, [counting]).require(whole)
    assert "this job starts again" in caplog.text
    assert counting.batches == EPOCHS * BATCHES


def test_curves_have_no_step_twice(packed: Path, tmp_path: Path) -> None:
    """What was drawn between the checkpoint and the kill is drawn again, and hides what was there."""
    of = settings(
        tmp_path,
        packed,
        tasks=["normal", "edge_texture"],
        network={"adversarial_after": 2},
        machine={"checkpoint_seconds": 0},
    )

    def fit(folder: Path, callbacks: Sequence[Callback]) -> None:
        data = TaskonomyDataModule(of.shards, ["normal"], of.size, 4, num_workers=0)
        fit_and_test(
            of, task_network(of, "normal"), data, folder,
            run="one", epochs=EPOCHS, contender="self", callbacks=callbacks, tested=False,
            log_every_n_steps=1,
        )  # fmt: skip

    folder = tmp_path / "run"
    copying = CopyFolder(folder, tmp_path / "copies")
    fit(folder, [copying])
    shutil.rmtree(
        folder / CHECKPOINTS
    )  # as if it had been killed at the end, five batches after a checkpoint
    shutil.copytree(
        next(path for name, path in copying.copies.items() if "train-4" in name) / CHECKPOINTS,
        folder / CHECKPOINTS,
    )
    fit(folder, [])
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [point.step for point in events.Scalars("train/loss")] == list(range(EPOCHS * BATCHES))
