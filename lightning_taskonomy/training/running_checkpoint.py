"""A callback by which a fit can be stopped at any moment and goes on from there when it is started again.

Schedulers announce the end of a job by a signal. The handler notes it and nothing else: whatever a handler
saves may be interrupted half-way or meet a step that is half done. The checkpoint is written when the batch
has ended, by all ranks at the same one.
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
"""Batches between two agreements of several ranks: each is an exchange that a GPU waits for."""


class RunningCheckpoint(Checkpoint):
    """Saves where a fit is, every so often and when it is told to stop; keeps the checkpoint before, too.

    Both are removed when training ends, so that one that is there means a run to go on with.

    Args:
        folder: of the checkpoints.
        seconds: from one to the next.
        run: what tells this run from others, such as a fingerprint of its configuration.
    """

    def __init__(self, folder: str | Path, seconds: float, run: str) -> None:
        self.folder, self.seconds, self.run = Path(folder), seconds, run
        self._asked: int | None = None
        self._preempted: Preempted | None = None
        self._found: dict[int, Any] = {}
        self._next_step = 0

    @property
    def path(self) -> Path:
        """Of the newest checkpoint."""
        return self.folder / NAME

    def state_dict(self) -> dict[str, Any]:
        """Which run it belongs to, and the step at which its curves go on."""
        return {"run": self.run, "next_step": self._next_step}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to signals from now on, in the place of Lightning's handlers, which save while they run."""
        self._asked = self._preempted = None
        self._last = time.monotonic()
        if trainer.is_global_zero:
            Finished.forget(self.folder)
        if threading.current_thread() is threading.main_thread():
            self._found = {number: signal.signal(number, self._note) for number in SIGNALS}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save if it is time to, unless a validation follows, which a resumed run would leave out."""
        loop = trainer.fit_loop.epoch_loop
        interval = trainer.val_check_batch or math.inf
        validates = trainer.enable_validation and (batch_idx + 1) % interval == 0
        if loop.batch_progress.is_last_batch or validates:
            return
        if trainer.world_size == 1 or loop.total_batch_idx % _AGREED_EVERY == 0:
            self._next_step = loop._batches_that_stepped + 1
            self._save_if_due(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if it is time to."""
        self._next_step = trainer.fit_loop.epoch_loop._batches_that_stepped
        self._save_if_due(trainer)

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Leave, if the batch before was the last one: by now its losses have been logged, too."""
        self._leave()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """There is nothing to go on with any more."""
        self._stop_listening()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            Finished.note(self.folder, self.run)
            for name in (NAME, BEFORE):
                (self.folder / name).unlink(missing_ok=True)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave signals to those who had them."""
        self._stop_listening()

    def _leave(self) -> None:
        if self._preempted is not None:
            raise self._preempted

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._asked == signal.SIGINT:  # Ctrl-C once more: somebody will not wait for the batch
            raise Preempted(number, "what was saved before is kept")
        self._asked = number

    def _stop_listening(self) -> None:
        for number, handler in self._found.items():
            signal.signal(number, handler)
        self._found = {}

    def _save_if_due(self, trainer: Trainer) -> None:
        due = self._asked is not None
        if trainer.is_global_zero:
            due |= time.monotonic() - self._last >= self.seconds
        if self._preempted is not None or not trainer.strategy.reduce_boolean_decision(due, all=False):
            return
        # A checkpoint of one that gathers as it goes would not hold what it has gathered: it starts again.
        if getattr(trainer.lightning_module, "resumable", True):
            self._save(trainer)
        if trainer.strategy.reduce_boolean_decision(self._asked is not None, all=False):
            number = self._asked or signal.SIGUSR1  # it may have reached another rank only
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
    """A fit that can go on.

    Attributes:
        path: of its checkpoint.
        next_step: the step at which its curves go on.
        run: which run it belongs to.
    """

    path: Path
    next_step: int
    run: str

    @classmethod
    def in_folder(cls, folder: Path) -> "Unfinished | None":
        """What a fit that was stopped, or killed, has left; None where there is nothing.

        A damaged checkpoint is named, and the one before it is taken.

        Raises:
            InputError: checkpoints are there, and all of them are damaged.
        """
        paths = [folder / name for name in (NAME, BEFORE)]
        there = [path for path in paths if path.exists()]
        found = first_whole(there)
        if found is None:
            if there:
                raise InputError(f"{there[-1]}: damaged checkpoint; remove it to start again")
            return None
        path, state = found
        key = RunningCheckpoint.__qualname__
        about = state.get("callbacks", {}).get(key)
        if about is None:
            raise InputError(f"{path}: expected a checkpoint of a running fit; remove it to start again")
        return cls(path, int(about["next_step"]), str(about["run"]))
