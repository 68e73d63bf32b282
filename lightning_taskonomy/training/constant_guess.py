"""The blind contender: the constant output that is best for the task's loss (paper, Table 1)."""

from typing import Any

import pytorch_lightning
import torch
from pytorch_lightning import Callback
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks.losses import (
    L2,
    CrossEntropy,
    PerImageLoss,
    PixelPairs,
    PoseNorm,
    SoftCrossEntropy,
    l1,
)
from lightning_taskonomy.training.assembly import image_callbacks
from lightning_taskonomy.training.best_constants import (
    Fit,
    GeometricMedianFit,
    MeanFit,
    MedianFit,
    SharesFit,
)
from lightning_taskonomy.training.contender import Run
from lightning_taskonomy.training.searched_constants import DescentFit, PlacesFit
from lightning_taskonomy.training.task_module import TaskModule


class ConstantGuess(TaskModule):
    """Gives the same output for every image: the one of least loss on training images.

    Per position and channel, that is the median for `l1`, the mean for `L2` and the logarithm of the class
    frequencies for cross-entropies; for poses the geometric median; for embeddings the scaled pixel
    coordinates; for any other loss what Adam finds. It takes one epoch of training without gradients,
    `trainer.max_epochs` 1. The guess is computed before validation, or at the epoch's end, and is the same on
    all ranks.

    Args:
        task: name in the dictionary; or `FILE.py:NAME`, a custom task.
        size: pixels per side of images.
        images: largest number of training images; no further ones are read.

    Raises:
        InputError: no such task, or fewer than one image.
    """

    resumable = False

    def __init__(self, task: str, size: int = 256, images: int = 1024) -> None:
        super().__init__(task, size)
        self.save_hyperparameters(logger=False)
        if images < 1:
            raise InputError(f"images: expected at least 1, found {images}")
        self.images = images
        self.automatic_optimization = False
        # A parameter, since DistributedDataParallel refuses a module without any.
        self.guess = torch.nn.Parameter(torch.zeros(self.output_shape))
        self._fit: Fit | None = None
        self._taken = 0
        self._stale = False

    def run_callbacks(self, run: Run) -> list[Callback]:
        """Those of a network that is evaluated image by image."""
        return image_callbacks(run)

    def setup(self, stage: str) -> None:
        """Take over the data set's task, and limit the batches to the images that are needed.

        Raises:
            InputError: `trainer.max_epochs` is not 1.
        """
        super().setup(stage)
        if stage != "fit":
            return
        trainer = self.trainer
        if trainer.max_epochs != 1:
            raise InputError(
                f"trainer.max_epochs: expected 1 for a constant guess, found {trainer.max_epochs}"
            )
        self._fit = _fit_for(self.evaluation_loss, self.output_shape, trainer.strategy.root_device)
        self._taken, self._stale = 0, False
        batch_size = getattr(getattr(trainer, "datamodule", None), "batch_size", None)
        limit = trainer.limit_train_batches
        if batch_size and (isinstance(limit, int) or limit == 1.0):
            enough = -(-self._share // batch_size)
            trainer.limit_train_batches = min(limit, enough) if isinstance(limit, int) else enough

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """No optimizers: nothing is minimised step by step."""
        return []

    def forward(self, pictures: Tensor) -> Tensor:
        """The guess, repeated for each image, (B, C, H, W) or (B, n)."""
        return self.guess.detach().expand(len(pictures), *self.guess.shape)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Add the targets of a batch."""
        assert self._fit is not None
        # Without a step, Lightning would not write checkpoints.
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.increment_ready()
        progress.increment_completed()
        parts = self.parts(batch)
        target, mask = parts["target"], parts.get("mask")
        left = self._share - self._taken
        if left <= 0:
            return
        with torch.no_grad(), torch.autocast(target.device.type, enabled=False):
            self._fit.add(target[:left], None if mask is None else mask[:left])
        self._taken += len(target[:left])
        self._stale = True

    def on_validation_start(self) -> None:
        """Compute the guess from the targets so far, so that validation evaluates it, not an older one."""
        self._make_guess()

    def on_train_epoch_end(self) -> None:
        """Compute the guess and free the targets."""
        self._make_guess()
        self._fit = None

    @property
    def _share(self) -> int:
        """The number of images that this rank uses."""
        return max(self.images // self.trainer.world_size, 1)

    def _make_guess(self) -> None:
        if self._fit is None or not self._stale:
            return
        # Validation runs in inference mode, where the search by Adam could not compute gradients.
        with torch.inference_mode(False), torch.no_grad():
            self.guess.copy_(self._fit.best(_RanksOf(self.trainer)))
        self._stale = False


def _fit_for(loss: PerImageLoss, shape: tuple[int, ...], device: torch.device) -> Fit:
    """The fit for a loss; only numerical searches use the device."""
    if loss is l1:
        return MedianFit(shape)
    if isinstance(loss, L2) and loss.robust_beyond is None:
        return MeanFit(shape)
    if isinstance(loss, CrossEntropy | SoftCrossEntropy):
        return SharesFit(loss, shape)
    if isinstance(loss, PoseNorm):
        return GeometricMedianFit(loss.poses)
    if isinstance(loss, PixelPairs):
        return PlacesFit(loss, shape, device)
    return DescentFit(loss, shape, device)


class _RanksOf:
    """The ranks of a trainer.

    Args:
        trainer: of the current run.
    """

    def __init__(self, trainer: pytorch_lightning.Trainer) -> None:
        self.strategy, self.rank, self.world = trainer.strategy, trainer.global_rank, trainer.world_size

    def total(self, values: Tensor) -> Tensor:
        """The sum over ranks of values of one shape."""
        if self.world == 1:
            return values
        sent = values.to(self.strategy.root_device, copy=True)
        summed = self.strategy.reduce(sent, reduce_op="sum")
        assert isinstance(summed, Tensor)
        return summed.to(values.device)

    def joined(self, rows: Tensor) -> Tensor:
        """The rows of all ranks, concatenated; their number may differ between ranks."""
        if self.world == 1:
            return rows
        counts = torch.zeros(self.world)
        counts[self.rank] = len(rows)
        lengths = [int(count) for count in self.total(counts)]
        padded = rows.new_zeros(max(lengths), *rows.shape[1:])
        padded[: len(rows)] = rows
        gathered = self.strategy.all_gather(padded.to(self.strategy.root_device)).to(rows.device)
        return torch.cat([part[:length] for part, length in zip(gathered, lengths, strict=True)])
