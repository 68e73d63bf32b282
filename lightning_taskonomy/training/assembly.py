"""What every trainer has besides its options: callbacks, curves and plugins."""

from collections.abc import Sequence
from typing import Any

from pytorch_lightning import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from lightning_taskonomy.training.contender import Kept, Run
from lightning_taskonomy.training.kept_checkpoint import KeptCheckpoint
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.pictures import LogPictures
from lightning_taskonomy.training.predictions import WritePredictions
from lightning_taskonomy.training.requeue import environment
from lightning_taskonomy.training.running_checkpoint import RunningCheckpoint
from lightning_taskonomy.training.seeded_steps import SeedSteps
from lightning_taskonomy.training.whole_checkpoints import WholeCheckpoints


def assembled(
    run: Run,
    callbacks: Sequence[Callback],
    *,
    kept: Sequence[Kept] = (),
    saved: bool = True,
    user_callbacks: Sequence[Callback] = (),
    plugins: Sequence[Any] = (),
) -> dict[str, Any]:
    """The trainer's `callbacks` and `plugins`.

    Args:
        run: that is trained or evaluated.
        callbacks: of the command and of the module.
        kept: checkpoints that are kept besides the one to resume from.
        saved: whether checkpoints are written at all.
        user_callbacks: each replaces one of ours of the same type.
        plugins: the user's.
    """
    saving: list[Callback] = []
    if saved:  # the one to resume from comes last, so that at the end of an epoch it holds the others' state
        saving += (KeptCheckpoint(run, name) for name in kept)
        saving.append(RunningCheckpoint(run.checkpoints, run.checkpoint_seconds, run.fingerprint))
    named = {type(callback) for callback in user_callbacks}
    ours = [
        callback for callback in (*callbacks, *saving, SeedSteps(run.seed)) if type(callback) not in named
    ]
    return {"callbacks": [*user_callbacks, *ours], "plugins": [WholeCheckpoints(), *environment(), *plugins]}


def curves(run: Run, first_step: int, version: str = "") -> TensorBoardLogger:
    """The logger of a run: TensorBoard's files in its folder.

    Args:
        run: that is trained or evaluated.
        first_step: the curves resume here; later points of an interrupted run are hidden.
        version: subfolder for what starts at step 0 again, such as testing, which would otherwise hide the
            training curves.
    """
    purged = None if version else first_step
    return TensorBoardLogger(run.folder, name="", version=version, default_hp_metric=False, purge_step=purged)


def image_callbacks(run: Run) -> list[Callback]:
    """The callbacks that write the results of a network that is evaluated image by image."""
    return [
        WriteLossTable(str(run.losses), run.contender),
        LogPictures(),
        WritePredictions(str(run.folder / "predictions")),
    ]
