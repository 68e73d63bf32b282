"""A callback that gives a resumed run the same random draws as an uninterrupted one."""

from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer


def seed_of(*numbers: int) -> int:
    """A seed derived from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class SeedSteps(Callback):
    """Seeds torch at every training batch by its index in the run.

    The random draws of dropout or a loss then depend neither on earlier batches nor on validation, so
    checkpoints need not hold the state of the generators.

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
