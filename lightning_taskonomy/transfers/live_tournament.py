"""A callback that holds a tournament among readouts at every validation during training."""

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy.figures.win_rates import draw_win_rates
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins


class EvaluatedTogether(TypedDict):
    """The results for a batch, as callbacks receive them.

    Attributes:
        key: of each image.
        contenders: their names.
        losses: of each image and contender, (B, contenders).
    """

    key: list[str]
    contenders: list[str]
    losses: Tensor


@runtime_checkable
class JudgedTogether(Protocol):
    """A module of several contenders for one task, such as `Readouts`.

    Attributes:
        task: that the contenders are for.
    """

    task: Task

    @property
    def sound(self) -> Sequence[str]:
        """Names of the contenders that have not diverged."""

    def log_dict(self, dictionary: dict[str, Any], *, rank_zero_only: bool = False) -> None:
        """As Lightning's."""


class LiveTournament(Callback):
    """Compares all readouts on every validation image, and logs win rates and affinities during training.

    TensorBoard gets the win-rate matrix as an image and each contender's affinity as a curve. Ranks exchange
    only the win counts, so no losses need to be sent.

    Attributes:
        latest: the tournament of the last validation; the same on all ranks.
    """

    def __init__(self) -> None:
        self.latest: Tournament | None = None
        self._contenders: tuple[str, ...] = ()
        self._halves: NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._images = 0

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the counts, for the contenders that have not diverged."""
        assert isinstance(pl_module, JudgedTogether)
        self._contenders = tuple(pl_module.sound)
        contenders = len(self._contenders)
        self._halves = np.zeros((contenders, contenders), np.int64)
        self._sums, self._images = np.zeros(contenders), 0

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the wins of a batch."""
        evaluated: EvaluatedTogether = outputs
        losses = evaluated["losses"].cpu().double().numpy()
        self._sums += losses.sum(axis=0)
        self._images += len(losses)
        count_half_wins(np.where(np.isfinite(losses), losses, 0.0), self._halves)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sum the counts over ranks; log the matrix and the affinities."""
        assert isinstance(pl_module, JudgedTogether)
        counted = torch.from_numpy(np.concatenate([self._halves.ravel(), [self._images]]))
        sums = torch.from_numpy(self._sums)
        device = trainer.strategy.root_device
        counted, sums = (
            trainer.strategy.reduce(values.to(device), reduce_op="sum").cpu() for values in (counted, sums)
        )
        contenders, images = len(self._contenders), int(counted[-1])
        if images == 0 or contenders == 0 or trainer.sanity_checking:
            return
        # A contender with a non-finite loss is about to be dropped, and is not ranked among the others.
        sound = np.isfinite(sums.numpy())
        halves = counted[:-1].numpy().reshape(contenders, contenders)[np.ix_(sound, sound)]
        self.latest = Tournament.from_counts(
            pl_module.task.name,
            [name for name, finite in zip(self._contenders, sound, strict=True) if finite],
            halves,
            sums.numpy()[sound],
            images,
        )
        names = [f"val/affinity/{name}" for name in self.latest.contenders]
        affinities = dict(zip(names, self.latest.affinities().tolist(), strict=True))
        pl_module.log_dict(affinities, rank_zero_only=True)
        for logger in trainer.loggers:
            if trainer.is_global_zero and isinstance(logger, TensorBoardLogger):
                figure = draw_win_rates(self.latest)
                logger.experiment.add_figure("val/win_rates", figure, trainer.global_step)
