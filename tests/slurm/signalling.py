"""Real signals to real processes, at a batch that the test chooses."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer


class SignalAt(Callback):
    """Sends a signal to its own process while a batch is under way; once only, if it leaves a mark."""

    def __init__(self, batch: int, name: str = "SIGUSR1", rank: int = 0, mark: str | None = None) -> None:
        self.batch, self.number, self.rank = batch, signal.Signals[name], rank
        self.mark = None if mark is None else Path(mark)

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        place = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        if place != self.batch or trainer.global_rank != self.rank:
            return
        if self.mark is not None:
            if self.mark.exists():
                return
            self.mark.touch()
        os.kill(os.getpid(), self.number)


class KeepWeights(Callback):
    """Writes what every rank has in the end."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.save(pl_module.state_dict(), self.folder / f"rank{trainer.global_rank}.pt")
