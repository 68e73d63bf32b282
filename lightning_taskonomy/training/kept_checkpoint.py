"""The checkpoints that a run leaves: `best.ckpt`, of least validation loss, and `last.ckpt`."""

from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.training.contender import Kept, Run
from lightning_taskonomy.training.running_checkpoint import BEFORE, NAME

_BEGUN = ".begun"
"""Marker beside the checkpoints during training; holds the run's fingerprint."""


class KeptCheckpoint(ModelCheckpoint):
    """Keeps one of a run's two checkpoints under its fixed name, besides those of the user's own callbacks.

    This is a class of its own because Lightning distinguishes callbacks by class and monitor: it would refuse
    a user's `ModelCheckpoint` beside another one. `last` does not use Lightning's `save_last`, which copies
    the best checkpoint, and after resuming the last one.

    Args:
        run: whose checkpoint it is.
        name: `best` or `last`.
    """

    def __init__(self, run: Run, name: Kept) -> None:
        best = name == "best"
        super().__init__(
            run.checkpoints,
            name,
            monitor="val/loss" if best else None,
            # The last one does not wait for validation, which may run every few epochs only, or never.
            save_on_train_epoch_end=None if best else True,
            enable_version_counter=False,
        )
        self._run, self._name = run, name

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove an earlier run's checkpoints of these names, unless this run resumes."""
        super().on_train_start(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        write_text(self._run.checkpoints / _BEGUN, self._run.fingerprint + "\n")
        if trainer.ckpt_path is None:
            for name in (f"{self._name}.ckpt", NAME, BEFORE):
                (self._run.checkpoints / name).unlink(missing_ok=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that training has finished."""
        super().on_train_end(trainer, pl_module)
        if trainer.is_global_zero:
            (self._run.checkpoints / _BEGUN).unlink(missing_ok=True)


def finished_checkpoint(folder: Path, fingerprint: str) -> Path | None:
    """A checkpoint that training would replace; None where there is none, or only an unfinished run's own.

    Args:
        folder: of the checkpoints.
        fingerprint: of the run that is about to start there.
    """
    try:
        if (folder / _BEGUN).read_text(encoding="utf-8").strip() == fingerprint:
            return None
    except (OSError, UnicodeDecodeError):
        pass
    paths = (folder / f"{name}.ckpt" for name in ("best", "last"))
    return next((path for path in paths if path.exists()), None)
