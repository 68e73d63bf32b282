"""Progress for log files: plain lines instead of a terminal's progress bar."""

import math
import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer

from lightning_taskonomy.training.throughput import TimedCallback

_LOSS = "train/loss"


class PrintProgress(TimedCallback):
    """Prints the epoch, batch, loss and speed of training; silent on a terminal, which has a progress bar.

    Args:
        every_n_steps: training batches from one line to the next.
    """

    def __init__(self, every_n_steps: int = 100) -> None:
        super().__init__(every_n_steps)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Print a line if one is due, on the first rank only."""
        if not trainer.is_global_zero or sys.stdout.isatty():
            return
        ends, rate = self.timed(trainer, pl_module, len(batch["key"]))
        if not ends:
            return
        batches = trainer.num_training_batches
        line = f"epoch {trainer.current_epoch}, batch {batch_idx + 1}"
        if math.isfinite(batches):
            line += f" of {int(batches)}"
        loss = trainer.callback_metrics.get(_LOSS)
        if loss is not None:
            line += f", loss {float(loss):.4g}"
        if rate is not None:
            line += f", {rate:.3g} images/s" if rate < 100 else f", {rate:.0f} images/s"
        # Log files are read during the run.
        print(line, flush=True)
