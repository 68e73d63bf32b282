"""Fitting and testing for the jobs: a killed fit resumes from its last checkpoint."""

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.training.assembly import assembled, curves
from lightning_taskonomy.training.contender import Run
from lightning_taskonomy.training.event_files import put_in_order
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.running_checkpoint import NAME as RUNNING
from lightning_taskonomy.training.running_checkpoint import Unfinished
from lightning_taskonomy.training.whole_checkpoints import read_checkpoint

log = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"


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
    """Fit a contender, resuming a killed fit, and write its test losses.

    Args:
        settings: of the run.
        module: what is trained; has its final weights afterwards.
        data: that it is trained and tested on.
        folder: of checkpoints, curves and losses.
        run: fingerprint of everything that the result depends on; a fit with another one is not resumed.
        epochs: to train for.
        contender: its column in the loss table, unless the module names its own.
        callbacks: further ones.
        best: keep the weights of lowest validation loss, instead of the last ones.
        tested: whether to test it.
        options: for the trainer.

    Returns:
        The folder with `<target>.parquet`.
    """
    losses = folder / "losses"
    this = Run(folder, losses, contender, run, settings.seed, settings.machine.checkpoint_seconds)
    judging = WriteLossTable(str(losses), contender)
    resumed = _unfinished(this)
    trainer = Trainer(
        accelerator=settings.machine.accelerator,
        devices=1,
        precision=settings.machine.precision,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=curves(this, 0 if resumed is None else resumed.next_step),
        enable_progress_bar=sys.stdout.isatty(),
        enable_model_summary=False,
        **assembled(this, [*callbacks, judging], kept=["best"] if best else []),
        **{"log_every_n_steps": 10, **options},
    )
    torch.manual_seed(settings.seed)
    trainer.fit(module, data, ckpt_path=None if resumed is None else str(resumed.path), weights_only=True)
    # Kept until the job is done: if it is killed from here on, it need not train again.
    trainer.save_checkpoint(this.checkpoints / RUNNING, weights_only=False)
    if best:
        module.load_state_dict(read_checkpoint(this.checkpoints / "best.ckpt")["state_dict"])
    if tested:
        shutil.rmtree(losses, ignore_errors=True)  # those of another test may be of other images
        trainer.test(module, data, verbose=False)
    return losses


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a fit whose job is done; all or none, even if this is killed."""
    checkpoints, going = folder / CHECKPOINTS, folder / f".{CHECKPOINTS}"
    shutil.rmtree(going, ignore_errors=True)
    if checkpoints.exists():
        checkpoints.rename(going)
        shutil.rmtree(going)


def _unfinished(run: Run) -> Unfinished | None:
    """The fit to resume; checkpoints that are damaged or belong to another fit are removed."""
    try:
        found = Unfinished.in_folder(run.checkpoints)
    except InputError as error:
        log.warning("%s: this job starts again", error)
        found = None
    if found is not None and found.run == run.fingerprint:
        put_in_order(run.folder)
        return found
    remove_checkpoints(run.folder)
    return None
