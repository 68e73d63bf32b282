"""Fitting and testing for the jobs: a fit that was killed goes on from its last checkpoint."""

import logging
import pickle
import sys
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.seeded_steps import SeedSteps

log = logging.getLogger(__name__)
RUNNING, BEST = "running", "best"


def fit_and_test(
    settings: PipelineSettings,
    module: LightningModule,
    data: LightningDataModule,
    folder: Path,
    *,
    epochs: int,
    contender: str,
    callbacks: Sequence[Callback] = (),
    best: bool = False,
    tested: bool = True,
    **options: Any,  # noqa: ANN401 - the trainer's own
) -> Path:
    """Fit a contender, go on with a fit that was killed, and write the losses of its test.

    Args:
        settings: of the run.
        module: what is trained; has its final weights afterwards.
        data: that it is trained on.
        folder: of checkpoints, curves and losses.
        epochs: to train for.
        contender: its column in the loss table, unless the module names its own.
        callbacks: further ones.
        best: keep the weights of least validation loss, instead of the last ones.
        tested: whether its losses are wanted.
        options: for the trainer.

    Returns:
        The folder with `<target>.parquet`.
    """
    checkpoints = folder / "checkpoints"
    saving: list[Callback] = [
        ModelCheckpoint(
            checkpoints,
            RUNNING,
            train_time_interval=timedelta(seconds=settings.machine.checkpoint_seconds),
            enable_version_counter=False,
        ),
    ]
    if best:
        saving.append(ModelCheckpoint(checkpoints, BEST, monitor="val/loss", enable_version_counter=False))
    resumed = _readable(checkpoints / f"{RUNNING}.ckpt")
    logger = TensorBoardLogger(folder, name="", version="", default_hp_metric=False, **_from(resumed))
    losses = folder / "losses"
    trainer = Trainer(
        accelerator=settings.machine.accelerator,
        devices=settings.machine.devices,
        precision=settings.machine.precision,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=logger,
        callbacks=[*callbacks, *saving, SeedSteps(settings.seed), WriteLossTable(str(losses), contender)],
        enable_progress_bar=sys.stdout.isatty(),
        enable_model_summary=False,
        **{"log_every_n_steps": 10, **options},
    )
    torch.manual_seed(settings.seed)
    trainer.fit(module, data, ckpt_path=None if resumed is None else str(resumed), weights_only=True)
    chosen = checkpoints / f"{BEST}.ckpt"
    if best and chosen.exists():
        state = torch.load(chosen, map_location="cpu", weights_only=True)
        module.load_state_dict(state["state_dict"])
    if tested:
        trainer.test(module, data, verbose=False)
    return losses


def _readable(path: Path) -> Path | None:
    """A checkpoint that can be resumed; a damaged one is named and removed."""
    if not path.exists():
        return None
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        log.warning("%s: damaged checkpoint (%s); this job starts again", path, str(error).split("\n")[0])
        path.unlink()
        return None
    return path


def _from(checkpoint: Path | None) -> dict[str, Any]:
    """For curves that go on where the checkpoint was made, whatever was drawn after it."""
    if checkpoint is None:
        return {}
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return {"purge_step": int(state["global_step"])}
