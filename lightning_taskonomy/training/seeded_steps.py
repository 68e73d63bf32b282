"""A callback by which a resumed run draws what an uninterrupted one would have drawn."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.training.readout_network import seed_of


class SeedSteps(Callback):
    """Seeds torch at every training batch by its place in the run.

    What dropout or a loss draws then depends on neither the batches before nor on validation, so that no
    state of the generators has to be kept in checkpoints.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Seed the generators of all devices."""
        batches = trainer.fit_loop.epoch_loop.total_batch_idx
        torch.manual_seed(seed_of(self.seed, batches, trainer.global_rank))
