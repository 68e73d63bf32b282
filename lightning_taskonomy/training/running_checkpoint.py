"""A callback that lets a fit be stopped at any moment and resumed from there.

Schedulers announce the end of a job by a signal. The handler only records it: saving inside a handler could
be interrupted, or capture a half-finished step. All ranks write the checkpoint after the same batch.
"""

import math
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import SIGNALS, Preempted
from lightning_taskonomy.training.requeue import Finished
from lightning_taskonomy.training.whole_checkpoints import first_whole

NAME, BEFORE = "running.ckpt", "running-before.ckpt"
_AGREED_EVERY = 8
"""Batches between two synchronisations of the ranks; each stalls the GPU."""


class RunningCheckpoint(Checkpoint):
    """Saves the state of a fit at intervals and at a signal to stop; keeps the previous checkpoint, too.

    Both are removed when training ends, so an existing one means a run that can be resumed.

    Args:
        folder: of the checkpoints.
        seconds: from one to the next.
        run: what identifies this run, such as a fingerprint of its configuration.
    """

    def __init__(self, folder: str | Path, seconds: float, run: str) -> None:
        self.folder, self.seconds, self.run = Path(folder), seconds, run
        self._signal: int | None = None
        self._preempted: Preempted | None = None
        self._handlers_before: dict[int, Any] = {}
        self._next_step = 0

    @property
    def path(self) -> Path:
        """Path of the newest checkpoint."""
        return self.folder / NAME

    @property
    def is_signalled(self) -> bool:
        """Whether a signal to save and stop has arrived."""
        return self._signal is not None

    def state_dict(self) -> dict[str, Any]:
        """The run it belongs to, and the step at which its curves resume."""
        return {"run": self.run, "next_step": self._next_step}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install handlers for signals, instead of Lightning's, which save inside the handler."""
        self._signal = self._preempted = None
        self._last = time.monotonic()
        if trainer.is_global_zero:
            Finished.forget(self.folder)
        if threading.current_thread() is threading.main_thread():
            self._handlers_before = {number: signal.signal(number, self._note) for number in SIGNALS}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save if due, unless validation follows, which a resumed run would skip."""
        loop = trainer.fit_loop.epoch_loop
        interval = trainer.val_check_batch or math.inf
        validates = trainer.enable_validation and (batch_idx + 1) % interval == 0
        if loop.batch_progress.is_last_batch or validates:
            return
        if trainer.world_size == 1 or loop.total_batch_idx % _AGREED_EVERY == 0:
            self._next_step = loop._batches_that_stepped + 1
            self._save_if_due(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if due."""
        self._next_step = trainer.fit_loop.epoch_loop._batches_that_stepped
        self._save_if_due(trainer)

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Stop if the previous batch was the last one: by now its losses have been logged, too."""
        self._leave()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the signal handlers, note that training has ended, and remove the checkpoints."""
        self._stop_listening()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            Finished.note(self.folder, self.run)
            for name in (NAME, BEFORE):
                (self.folder / name).unlink(missing_ok=True)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore the previous signal handlers."""
        self._stop_listening()

    def _leave(self) -> None:
        if self._preempted is not None:
            raise self._preempted

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:  # Ctrl-C again: the user does not want to wait
            raise Preempted(number, "the last saved checkpoint is kept")
        self._signal = number

    def _stop_listening(self) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        self._handlers_before = {}

    def _save_if_due(self, trainer: Trainer) -> None:
        due = self._signal is not None
        if trainer.is_global_zero:
            due |= time.monotonic() - self._last >= self.seconds
        if self._preempted is not None or not trainer.strategy.reduce_boolean_decision(due, all=False):
            return
        # A module that accumulates targets does not save them in checkpoints: it has to start again.
        if getattr(trainer.lightning_module, "resumable", True):
            self._save(trainer)
        if trainer.strategy.reduce_boolean_decision(self._signal is not None, all=False):
            number = self._signal or signal.SIGUSR1  # it may have reached another rank only
            batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1
            self._preempted = Preempted(number, f"saved after {batches} batches: {self.path}")

    def _save(self, trainer: Trainer) -> None:
        written = self.folder / f".{NAME}"
        trainer.save_checkpoint(written, weights_only=False)
        if trainer.is_global_zero:
            if self.path.exists():
                self.path.replace(self.folder / BEFORE)
            written.replace(self.path)
        self._last = time.monotonic()


@dataclass(frozen=True)
class Unfinished:
    """A fit that can be resumed.

    Attributes:
        path: of its checkpoint.
        next_step: the step at which its curves resume.
        run: the run it belongs to.
    """

    path: Path
    next_step: int
    run: str

    @classmethod
    def in_folder(cls, folder: Path) -> "Unfinished | None":
        """The checkpoint that a stopped or killed fit has left; None where there is none.

        Where the newest is damaged, a warning names it and the previous one is used.

        Raises:
            InputError: all checkpoints are damaged, or one is not of a running fit.
        """
        paths = [folder / name for name in (NAME, BEFORE)]
        existing = [path for path in paths if path.exists()]
        newest = first_whole(existing)
        if newest is None:
            if existing:
                raise InputError(f"{existing[-1]}: damaged checkpoint; remove it to start again")
            return None
        path, state = newest
        key = RunningCheckpoint.__qualname__
        about = state.get("callbacks", {}).get(key)
        if about is None:
            raise InputError(f"{path}: expected a checkpoint of a running fit; remove it to start again")
        return cls(path, int(about["next_step"]), str(about["run"]))
