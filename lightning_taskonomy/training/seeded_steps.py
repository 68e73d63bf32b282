"""A callback by which a resumed run draws what an uninterrupted one would have drawn."""

from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer


def seed_of(*numbers: int) -> int:
    """A seed that depends on all of some numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


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
