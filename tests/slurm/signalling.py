"""Real signals to real processes, at a batch that the test chooses."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.training.running_checkpoint import RunningCheckpoint


class AtBatch(Callback, ABC):
    """Does something while a batch is under way, counted over all epochs."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        if trainer.fit_loop.epoch_loop.total_batch_idx + 1 == self.batch:
            self.act(trainer)

    @abstractmethod
    def act(self, trainer: Trainer) -> None:
        """What it does."""


class SignalAt(AtBatch):
    """Sends a signal to its own process while a batch is under way; once only, if it leaves a mark."""

    def __init__(self, batch: int, name: str = "SIGUSR1", rank: int = 0, mark: str | None = None) -> None:
        super().__init__(batch)
        self.number, self.rank = signal.Signals[name], rank
        self.mark = None if mark is None else Path(mark)

    def act(self, trainer: Trainer) -> None:
        if trainer.global_rank != self.rank:
            return
        if self.mark is not None:
            if self.mark.exists():
                return
            self.mark.touch()
        os.kill(os.getpid(), self.number)


class HoldUntilTold(Callback):
    """Stays where it is until a signal has come, the first time that it gets there.

    Args:
        mark: a file that says that this rank, of the number behind its name, is there.
        moment: the callback's method in which it stays.
        batch: of the moments, which one.
    """

    def __init__(self, mark: str, moment: str = "on_train_batch_start", batch: int = 1) -> None:
        self.mark, self.left = mark, batch
        setattr(self, moment, self._hold)

    def _hold(self, trainer: Trainer, *_: Any, **__: Any) -> None:  # noqa: ANN401 - Lightning's signatures
        mark = Path(f"{self.mark}{trainer.global_rank}")
        self.left -= 1
        if self.left or mark.exists():
            return
        mark.touch()
        (saving,) = (own for own in trainer.checkpoint_callbacks if isinstance(own, RunningCheckpoint))
        until = time.monotonic() + 120
        while not saving.is_signalled and time.monotonic() < until:
            time.sleep(0.1)


class KillAfterTraining(Callback):
    """Ends its own process between the end of training and that of the command."""

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class LoseShards(AtBatch):
    """Moves shards away while a batch is under way."""

    def __init__(self, batch: int, folder: str, to: str) -> None:
        super().__init__(batch)
        self.folder, self.to = Path(folder), Path(to)

    def act(self, trainer: Trainer) -> None:
        self.folder.rename(self.to)


class SlowBatches(Callback):
    """So that there is time to do something to a fit."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        time.sleep(self.seconds)


class KeepWeights(Callback):
    """Writes what every rank has in the end."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.save(pl_module.state_dict(), self.folder / f"rank{trainer.global_rank}.pt")


class SignalTheGroup(Callback):
    """Sends a signal to all processes of its group, data workers too, once; as terminals and schedulers do.

    Args:
        moment: the callback's method at which it does.
        name: of the signal.
        mark: a file that says that it has.
        batch: of the moments, which one.
    """

    def __init__(self, moment: str, name: str, mark: str, batch: int = 1) -> None:
        self.number, self.mark, self.left = signal.Signals[name], Path(mark), batch
        setattr(self, moment, self._act)

    def _act(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - any of Lightning's signatures
        self.left -= 1
        if self.left == 0 and not self.mark.exists():
            self.mark.touch()
            # Sent by another: workers obey their own parent.
            words = ["kill", f"-{self.number}", "--", f"-{os.getpgid(0)}"]
            subprocess.run(words, start_new_session=True, check=True)
