"""One transfer (Taskonomy, step II): a readout of stored representations, trained with the target's loss."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import MultiStepLR

from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.nn.readout import Variant
from lightning_taskonomy.training.assembly import image_callbacks
from lightning_taskonomy.training.contender import Kept, Run
from lightning_taskonomy.training.optimisation import clip_each
from lightning_taskonomy.training.seeded_steps import seed_of
from lightning_taskonomy.training.task_module import TaskModule
from lightning_taskonomy.transfers.readout_network import (
    ReadoutSize,
    adam_of_readouts,
    loss_of_step,
    readout_network,
    seed_dropout,
    sources_of,
)
from lightning_taskonomy.transfers.stored_inputs import StoredInputs, source_names


class TransferModule(TaskModule):
    """What one readout and many have in common: stored inputs, and the choice of their split.

    Args:
        task: the target.
        sources: all sources that are read.
        representations: folder of the stores, `<source>/<split>/`.
        readout_size: the readouts' size.
        seed: of weights and of the random draws in training steps.
    """

    kept: ClassVar[Kept] = "last"  # all contenders train equally long

    def __init__(
        self, task: str, sources: list[str], representations: str, readout_size: ReadoutSize, seed: int
    ) -> None:
        super().__init__(task, readout_size.size)
        side = Encoder.representation_side(readout_size.size)
        self.readout_size, self.seed = readout_size, seed
        self.stored = StoredInputs(
            Path(representations), sources, (readout_size.representation_channels, side, side)
        )
        self.steps = 0

    def setup(self, stage: str) -> None:
        """Open the stores before long work begins.

        Raises:
            InputError: a store is missing, damaged or of another shape.
        """
        super().setup(stage)
        self.stored.open(self._split())
        if stage == "fit" and self.trainer.enable_validation:
            self.stored.open("val")

    def inputs(self, batch: dict[str, Any], sources: list[str]) -> dict[str, Tensor]:
        """Representations of a batch's views by source, (B, V · C, s, s).

        Raises:
            InputError: a store lacks a sample, or holds other samples.
        """
        split, views = self._split(), self.parts(batch)["views"]
        self.stored.require(split, int(views[0, 0]), batch["key"][0])
        return self.stored.of(split, views, sources)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients, for the targets that specify a norm."""
        if self.task.training.gradient_norm is not None:
            clip_each(self.parameters(), self.task.training.gradient_norm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the number of batches trained on."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["steps"] = self.steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network; restore the batch count."""
        super().on_load_checkpoint(checkpoint)
        self.steps = int(checkpoint["steps"])

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint."""
        return {**super().description(), **self.readout_size._asdict()}

    def step_seed(self) -> int:
        """The seed for the random draws of this training step."""
        return seed_of(self.seed, self.steps, self.global_rank)

    def _split(self) -> str:
        if self.trainer.training:
            return str(self.trainer.datamodule.train_split)  # type: ignore[attr-defined]
        return "val" if self.trainer.validating or self.trainer.sanity_checking else "test"


class TransferNetwork(TransferModule):
    """The readout of one transfer; its data must have the `train_split` `val`.

    Args:
        task: the target; name in the dictionary, or `FILE.py:NAME`.
        sources: whose representations are read.
        representations: folder of the stores, `<source>/<split>/`.
        size: pixels per side of images.
        variant: of readout and decoder, for sensitivity studies.
        decoder_width: channels of the pixel decoder's first layer.
        hidden: width of the vector decoder's layers; by default the task's own.
        learning_rate: of Adam.
        drop_after: steps after which the learning rate drops to a tenth.
        weight_decay: of Adam, for layer weights, not for biases and normalisations.
        seed: of weights and dropout.
    """

    def __init__(
        self,
        task: str,
        sources: list[str],
        representations: str,
        size: int = 256,
        variant: Variant = "standard",
        decoder_width: int = 1024,
        hidden: int | None = None,
        learning_rate: float = 1e-4,
        drop_after: int = 5_000,
        weight_decay: float = 1e-5,
        seed: int = 0,
    ) -> None:
        readout_size = ReadoutSize(size, variant, decoder_width, hidden)
        self.sources = list(sources_of("+".join(source_names(representations, sources))))
        super().__init__(task, self.sources, representations, readout_size, seed)
        self.save_hyperparameters(logger=False)
        self.learning_rate, self.drop_after, self.weight_decay = learning_rate, drop_after, weight_decay
        self.readout = readout_network(self.task, len(self.sources), readout_size, seed)
        torch.nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    @classmethod
    def contender_name(cls, arguments: Mapping[str, Any]) -> str:
        """The sources, joined by +."""
        return "+".join(source_names(arguments["representations"], arguments["sources"]))

    def run_callbacks(self, run: Run) -> list[Callback]:
        """Those of a network that is evaluated image by image."""
        return image_callbacks(run)

    def network_input(self, batch: dict[str, Any]) -> Tensor:
        """The representations of all sources, (B, order · V · C, s, s)."""
        inputs = self.inputs(batch, self.sources)
        return torch.cat([inputs[source].float() for source in self.sources], dim=1)

    def forward(self, representations: Tensor) -> Tensor:
        """(B, order · V · C, s, s) -> outputs, (B, …)."""
        output: Tensor = self.readout(representations)
        return output

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """One step on the target's loss."""
        seed = self.step_seed()
        seed_dropout([self.readout], seed)
        parts = self.parts(batch)
        output = self(self.network_input(batch))
        loss = loss_of_step(self.task, seed)(output, parts["target"], parts.get("mask")).mean()
        self.log("train/loss", loss.detach(), batch_size=len(output), prog_bar=True)
        self.steps += 1
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of the many forms that Lightning takes
        """Adam with the learning rate dropped once."""
        optimizer = adam_of_readouts(self, self.learning_rate, self.weight_decay)
        schedule = MultiStepLR(optimizer, [self.drop_after], 0.1)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "learning_rate"},
        }

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint."""
        return {**super().description(), "sources": self.sources}
