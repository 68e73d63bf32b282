"""Images of inputs, targets and predictions in TensorBoard during training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.pictures.sheets import contact_sheet
from lightning_taskonomy.training.task_module import TaskModule


class LogPictures(Callback):
    """Draws the first images of a batch, a row each, in titled columns: input, target, prediction.

    They appear in TensorBoard as `train/pictures`, every `every_n_steps` batches, and as `val/pictures`, for
    the first batch of every validation. Only the first rank draws; without TensorBoard nothing is drawn.
    Drawing does not affect training.

    Args:
        every_n_steps: training batches from one drawing to the next.
        images: number of images drawn.

    Raises:
        InputError: a number below 1.
    """

    def __init__(self, every_n_steps: int = 500, images: int = 4) -> None:
        for name, value in (("every_n_steps", every_n_steps), ("images", images)):
            if value < 1:
                raise InputError(f"{name}: expected at least 1, found {value}")
        self.every_n_steps, self.images = every_n_steps, images

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Run the network once more in evaluation mode, and draw its predictions."""
        batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        if batches % self.every_n_steps or not _writers(trainer):
            return
        assert isinstance(pl_module, TaskModule)
        input = pl_module.network_input(batch)[: self.images]
        with _as_in_evaluation(pl_module), trainer.precision_plugin.forward_context():
            output = pl_module(input)
        self._log(trainer, pl_module, batch, output, "train/pictures")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the outputs for the first batch."""
        if batch_idx == dataloader_idx == 0 and isinstance(outputs, Mapping) and _writers(trainer):
            assert isinstance(pl_module, TaskModule)
            self._log(trainer, pl_module, batch, outputs["output"], "val/pictures")

    def _log(
        self, trainer: Trainer, module: TaskModule, batch: dict[str, Any], output: Tensor, tag: str
    ) -> None:
        parts = {name: values[: self.images] for name, values in module.parts(batch).items()}
        rows = []
        for number, (input, target) in enumerate(zip(parts["input"], parts["target"], strict=True)):
            mask = parts["mask"][number] if "mask" in parts else None
            rows.append(
                [
                    drawn_input(module.task, input),
                    drawn_target(module.task, input, target, mask),
                    drawn_output(module.task, input, output[number], mask),
                ]
            )
        sheet = contact_sheet(rows, titles=("Input", "Target", "Prediction"))
        # The step at which the trainer logs: it counts batches, whatever the number of optimizers.
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        for writer in _writers(trainer):
            writer.experiment.add_image(tag, sheet, step, dataformats="HWC")


def _writers(trainer: Trainer) -> list[TensorBoardLogger]:
    """The loggers that accept images; none on other ranks."""
    if not trainer.is_global_zero:
        return []
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


@contextmanager
def _as_in_evaluation(module: LightningModule) -> Iterator[None]:
    """Evaluation mode without gradients; restores every submodule's mode and the random state afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    devices = [module.device] if module.device.type == "cuda" else []
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            yield
    finally:
        for part, training in modes:
            part.training = training
