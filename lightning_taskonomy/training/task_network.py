"""A task-specific network (Taskonomy, step I): the encoder and decoder of one task, trained on its labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder, TaskNet
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.colours import BINS
from lightning_taskonomy.tasks.losses import SoftCrossEntropy
from lightning_taskonomy.tasks.own import made_from_checkpoint
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.training.adversarial import AdversarialTerm
from lightning_taskonomy.training.assembly import image_callbacks
from lightning_taskonomy.training.contender import Run
from lightning_taskonomy.training.decoders import decoder_of
from lightning_taskonomy.training.optimisation import clip_each, decayed_groups
from lightning_taskonomy.training.seeded_steps import seed_of
from lightning_taskonomy.training.starting_weights import begin_with
from lightning_taskonomy.training.task_module import TaskModule

DISCRIMINATOR_RATE = 1e-5
DISCRIMINATOR_DECAY = 10
"""The discriminator's weight decay as a multiple of the network's."""


class TaskNetwork(TaskModule):
    """The network for any task of the dictionary, or for a custom task.

    Its defaults give the published network; smaller widths and sizes train in minutes without a GPU.

    Args:
        task: name in the dictionary; or `FILE.py:NAME`, a custom task.
        size: pixels per side of images, a multiple of 16.
        width: channels of the encoder's first layer; the others are multiples.
        blocks: of the encoder's four stages.
        decoder_width: channels of the pixel decoder's first layer.
        hidden: width of the vector decoder's layers; by default the task's own.
        encoder_trained: false freezes the encoder's initial weights: random ones are the baseline of Table 1.
            Only the running statistics of its batch normalisation are updated.
        learning_rate: of Adam.
        drop_after: steps after which the learning rate drops to a tenth; by default the task's own, which for
            curvature is never.
        weight_decay: of Adam, for layer weights, not biases and normalisations; by default the task's own.
        instance_noise: standard deviation, at the first step, of the noise on the discriminator's inputs; by
            default the task's own.
        adversarial_after: steps after which a discriminator joins, for the tasks that have one; none
            disables it.
        discriminator_width: channels of its first layer.
        channels_last: memory format of the convolutions, faster on most devices.
        compiled: whether to compile the network; takes minutes at the start.
        start_from: file of a trained network, of this task or another one, to initialise the weights from
            where their shapes fit: a checkpoint, safetensors of a bank, or a published encoder.
    """

    def __init__(
        self,
        task: str,
        size: int = 256,
        width: int = 64,
        blocks: tuple[int, int, int, int] = (3, 4, 6, 3),
        decoder_width: int = 1024,
        hidden: int | None = None,
        encoder_trained: bool = True,
        learning_rate: float = 1e-4,
        drop_after: int | None = None,
        weight_decay: float | None = None,
        adversarial_after: int | None = 25_000,
        discriminator_width: int = 64,
        channels_last: bool = True,
        compiled: bool = False,
        instance_noise: float | None = None,
        start_from: str | None = None,
    ) -> None:
        super().__init__(task, size)
        self.save_hyperparameters(logger=False)
        if size % 16:
            raise InputError(f"size: expected a multiple of 16 pixels, found {size}")
        self.width, self.blocks, self.decoder_width, self.hidden = width, tuple(blocks), decoder_width, hidden
        self.encoder_trained = encoder_trained
        training = self.task.training
        self.learning_rate = learning_rate
        self.drop_after = training.drop_after if drop_after is None else drop_after
        self.weight_decay = training.weight_decay if weight_decay is None else weight_decay
        self.channels_last = channels_last
        self.network = _network(self.task, size, width, blocks, decoder_width, hidden)
        if start_from is not None and not made_from_checkpoint():
            rank_zero_info(begin_with(self.network, Path(start_from)))
        self.network.encoder.requires_grad_(encoder_trained)
        self.adversarial_after = adversarial_after
        self.adversarial: AdversarialTerm | None = None
        if self.task.norm_share is not None and adversarial_after is not None:
            noise = training.instance_noise if instance_noise is None else instance_noise
            self.adversarial = _adversarial_term(self.task, discriminator_width, noise)
            self.automatic_optimization = False
        self.steps = 0
        if channels_last:
            torch.nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)
        if compiled:
            self.network.compile()

    @classmethod
    def leaves_weights_out(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether there is a discriminator, which is not trained in every step."""
        has_discriminator = task_named(arguments["task"]).norm_share is not None
        return has_discriminator and arguments.get("adversarial_after") is not None

    def run_callbacks(self, run: Run) -> list[Callback]:
        """Those of a network that is evaluated image by image."""
        return image_callbacks(run)

    def forward(self, pictures: Tensor) -> Tensor:
        """Outputs, (B, …), for images (B, views, C, H, W)."""
        output: Tensor = self.network(pictures if self.channels_last else pictures.contiguous())
        return output

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """One step on the plain loss, or one of the network and one of the discriminator."""
        parts = self.parts(batch)
        output = self(parts["input"])
        loss = self.task.loss(output, parts["target"], parts.get("mask")).mean()
        if self._loss_is_wanted(batch_idx):
            self.log("train/loss", loss.detach(), batch_size=len(output), prog_bar=True)
        if self.adversarial is not None:
            self._optimise_both(self.adversarial, parts["input"].flatten(1, 2), output, parts["target"], loss)
            loss = loss.detach()
        self.steps += 1
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of the many forms that Lightning takes
        """Adam whose learning rate drops once; plain SGD for the discriminator."""
        trained = [weight for weight in self.network.parameters() if weight.requires_grad]
        optimizer = Adam(decayed_groups(trained, self.weight_decay), self.learning_rate)
        schedule = MultiStepLR(optimizer, [] if self.drop_after is None else [self.drop_after], 0.1)
        if self.adversarial is None:
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "learning_rate"},
            }
        decay = DISCRIMINATOR_DECAY * self.weight_decay
        judge = SGD(decayed_groups(self.adversarial.parameters(), decay), DISCRIMINATOR_RATE)
        return [optimizer, judge], [{"scheduler": schedule, "name": "learning_rate"}]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients, for the tasks that specify a norm."""
        if self.task.training.gradient_norm is not None:
            clip_each(self.network.parameters(), self.task.training.gradient_norm)

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint."""
        return {
            **super().description(),
            "width": self.width,
            "blocks": list(self.blocks),
            "decoder_width": self.decoder_width,
            "hidden": self.hidden,
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the number of batches trained on: the trainer counts the steps of both optimizers."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["steps"] = self.steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network; restore the batch count."""
        super().on_load_checkpoint(checkpoint)
        self.steps = int(checkpoint["steps"])

    def _loss_is_wanted(self, batch_idx: int) -> bool:
        """Whether to log the loss: at the logging interval and at either end of an epoch.

        Logging every step would slow small networks by 3 %.
        """
        every = max(1, self.trainer.log_every_n_steps)  # type: ignore[attr-defined]
        return (self.steps + 1) % every == 0 or batch_idx == 0 or self.trainer.is_last_batch

    def _optimise_both(
        self, adversarial: AdversarialTerm, condition: Tensor, output: Tensor, target: Tensor, loss: Tensor
    ) -> None:
        network_optimizer, judge_optimizer = self._both_optimizers()
        joined = self.adversarial_after is not None and self.steps >= self.adversarial_after
        if joined:
            # Seeded by the step, so that a resumed run draws the same noise as an uninterrupted one.
            adversarial.set_noise(self.steps, seed_of(self.steps, self.global_rank))
        with network_optimizer.toggle_model():
            total = adversarial.network_loss(condition, output, loss) if joined else loss
            self._step(network_optimizer, total)
        if joined:
            with judge_optimizer.toggle_model():
                judged = adversarial.discriminator_loss(condition, output, target)
                self._step(judge_optimizer, judged)
            self.log("train/discriminator_loss", judged.detach(), batch_size=len(output))
        schedule = self.lr_schedulers()
        assert isinstance(schedule, LRScheduler)
        schedule.step()

    def _step(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _both_optimizers(self) -> tuple[LightningOptimizer, LightningOptimizer]:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        network, judge = optimizers
        assert isinstance(network, LightningOptimizer)
        assert isinstance(judge, LightningOptimizer)
        return network, judge


def _network(
    task: Task,
    size: int,
    width: int,
    blocks: tuple[int, int, int, int],
    decoder_width: int,
    hidden: int | None,
) -> TaskNet:
    encoder = Encoder(task.input_channels, width, tuple(blocks))
    pictures = task.pictures or task.views
    side = Encoder.representation_side(size)
    decoder = decoder_of(task, encoder.channels, side, pictures, decoder_width, hidden)
    return TaskNet(encoder, decoder)


def _adversarial_term(task: Task, width: int, noise: float) -> AdversarialTerm:
    assert task.norm_share is not None
    shares = isinstance(task.loss, SoftCrossEntropy)
    return AdversarialTerm(
        task.input_channels * (task.pictures or task.views),
        task.output.outputs,
        task.norm_share,
        shares,
        width,
        noise,
        torch.from_numpy(BINS) if shares and task.output.outputs == len(BINS) else None,
    )
