"""Fitting and testing for the jobs: a fit that was killed goes on from its last checkpoint."""

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.training.event_files import put_in_order
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.requeue import environment
from lightning_taskonomy.training.running_checkpoint import RunningCheckpoint, Unfinished
from lightning_taskonomy.training.seeded_steps import SeedSteps
from lightning_taskonomy.training.whole_checkpoints import WholeCheckpoints, read_checkpoint

log = logging.getLogger(__name__)
CHECKPOINTS, BEST = "checkpoints", "best"


def fit_and_test(
    settings: PipelineSettings,
    module: LightningModule,
    data: LightningDataModule,
    folder: Path,
    *,
    run: str,
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
        run: fingerprint of everything that the result depends on; a fit with another one is not gone on with.
        epochs: to train for.
        contender: its column in the loss table, unless the module names its own.
        callbacks: further ones.
        best: keep the weights of least validation loss, instead of the last ones.
        tested: whether its losses are wanted.
        options: for the trainer.

    Returns:
        The folder with `<target>.parquet`.
    """
    checkpoints = folder / CHECKPOINTS
    running = RunningCheckpoint(checkpoints, settings.machine.checkpoint_seconds, run)
    saving: list[Callback] = [running]
    if best:  # before the other one, which then knows of it at the end of an epoch
        saving.insert(0, ModelCheckpoint(checkpoints, BEST, monitor="val/loss", enable_version_counter=False))
    resumed = _unfinished(folder, run)
    # For curves that go on where the checkpoint was made, whatever was drawn after it.
    step = 0 if resumed is None else resumed.next_step
    logger = TensorBoardLogger(folder, name="", version="", default_hp_metric=False, purge_step=step)
    losses = folder / "losses"
    trainer = Trainer(
        accelerator=settings.machine.accelerator,
        devices=1,
        precision=settings.machine.precision,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=logger,
        callbacks=[*callbacks, *saving, SeedSteps(settings.seed), WriteLossTable(str(losses), contender)],
        plugins=[WholeCheckpoints(), *environment()],
        enable_progress_bar=sys.stdout.isatty(),
        enable_model_summary=False,
        **{"log_every_n_steps": 10, **options},
    )
    torch.manual_seed(settings.seed)
    trainer.fit(module, data, ckpt_path=None if resumed is None else str(resumed.path), weights_only=True)
    # Kept until the job is done: what is killed from here on need not learn again.
    trainer.save_checkpoint(running.path, weights_only=False)
    if best:
        module.load_state_dict(read_checkpoint(checkpoints / f"{BEST}.ckpt")["state_dict"])
    if tested:
        shutil.rmtree(losses, ignore_errors=True)  # those of another test may be of other images
        trainer.test(module, data, verbose=False)
    return losses


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a fit whose job is done; never a few of them, whenever this is killed."""
    checkpoints, going = folder / CHECKPOINTS, folder / f".{CHECKPOINTS}"
    shutil.rmtree(going, ignore_errors=True)
    if checkpoints.exists():
        checkpoints.rename(going)
        shutil.rmtree(going)


def _unfinished(folder: Path, run: str) -> Unfinished | None:
    """The fit to go on with; what is damaged, or belongs to another one, is removed."""
    try:
        found = Unfinished.in_folder(folder / CHECKPOINTS)
    except InputError as error:
        log.warning("%s: this job starts again", error)
        found = None
    if found is not None and found.run == run:
        put_in_order(folder)
        return found
    remove_checkpoints(folder)
    return None
