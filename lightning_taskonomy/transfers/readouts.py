"""Many readouts of one target trained together: one pass over the labels serves them all.

Each has its own weights, normalisation, optimizer state and random numbers, so that the result is the same as
if it were trained alone, whatever happens to the others.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pytorch_lightning import Callback
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.one_thread import one_thread
from lightning_taskonomy.nn import Readout
from lightning_taskonomy.nn.readout import Variant
from lightning_taskonomy.training.contender import Run
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.means_over_images import MeansOverImages
from lightning_taskonomy.training.task_module import Evaluated
from lightning_taskonomy.transfers.live_tournament import EvaluatedTogether, LiveTournament
from lightning_taskonomy.transfers.readout_network import (
    ReadoutSize,
    adam_of_readouts,
    loss_of_step,
    readout_network,
    seed_dropout,
    sources_of,
)
from lightning_taskonomy.transfers.side_by_side import SideBySide
from lightning_taskonomy.transfers.stored_inputs import source_names
from lightning_taskonomy.transfers.transfer_network import TransferModule

log = logging.getLogger(__name__)


class Readouts(TransferModule):
    """The readouts of any transfers to one target, of any orders and sources.

    On a CPU each readout is computed by one thread, several at a time. A readout whose loss becomes NaN or
    infinite is left out from then on and noted in `diverged`; the others continue.

    Args:
        task: the target; name in the dictionary, or `FILE.py:NAME`.
        transfers: names of their sources, joined by +.
        representations: folder of the stores, `<source>/<split>/`.
        size: pixels per side of images.
        variant: of readouts and decoders, for sensitivity studies.
        decoder_width: channels of the pixel decoder's first layer.
        hidden: width of the vector decoder's layers; by default the task's own.
        learning_rate: of Adam.
        drop_after: steps after which the learning rate drops to a tenth.
        weight_decay: of Adam, for layer weights, not for biases and normalisations.
        seed: of weights and dropout.
        representation_channels: of each source: an encoder's 8, or 16 where sources are readouts themselves.

    Raises:
        InputError: no transfer, one that occurs twice, or one that is not sources joined by +.
    """

    def __init__(
        self,
        task: str,
        transfers: list[str],
        representations: str,
        size: int = 256,
        variant: Variant = "standard",
        decoder_width: int = 1024,
        hidden: int | None = None,
        learning_rate: float = 1e-4,
        drop_after: int = 5_000,
        weight_decay: float = 1e-5,
        seed: int = 0,
        representation_channels: int = 8,
    ) -> None:
        names = ["+".join(source_names(representations, sources_of(name))) for name in transfers]
        self.transfers = {name: list(sources_of(name)) for name in names}
        if not transfers or len(self.transfers) < len(transfers):
            raise InputError("transfers: expected at least one, and none twice")
        readout_size = ReadoutSize(size, variant, decoder_width, hidden, representation_channels)
        all_sources = [source for sources in self.transfers.values() for source in sources]
        super().__init__(task, all_sources, representations, readout_size, seed)
        self.save_hyperparameters(logger=False)
        self.learning_rate, self.drop_after, self.weight_decay = learning_rate, drop_after, weight_decay
        self.readouts = nn.ModuleList(
            readout_network(self.task, len(sources), readout_size, seed)
            for sources in self.transfers.values()
        )
        torch.nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)
        self.automatic_optimization = False
        self.contenders = tuple(self.transfers)
        self.diverged: dict[str, int] = {}
        self.stopped: dict[str, int] = {}
        self._side_by_side = SideBySide()

    @classmethod
    def contender_name(cls, arguments: Mapping[str, Any]) -> str:
        """The name of all readouts together; loss tables name each."""
        return "transfers"

    def run_callbacks(self, run: Run) -> list[Callback]:
        """The loss table, with a column for each readout, and the tournament among them."""
        return [WriteLossTable(str(run.losses), run.contender), LiveTournament()]

    @property
    def networks(self) -> dict[str, Readout]:
        """The readouts by transfer."""
        return dict(zip(self.transfers, self.readouts, strict=True))  # type: ignore[arg-type]

    @property
    def sound(self) -> list[str]:
        """The transfers that have not diverged."""
        return [name for name in self.transfers if name not in self.diverged]

    @property
    def learning(self) -> list[str]:
        """The sound transfers that are still trained."""
        return [name for name in self.sound if name not in self.stopped]

    def stop(self, transfer: str) -> None:
        """Stop training a readout; it is still evaluated.

        Raises:
            InputError: there is no transfer of that name.
        """
        if transfer not in self.transfers:
            raise InputError(f"transfer {transfer!r}: expected one of {', '.join(self.transfers)}")
        self.stopped[transfer] = self.steps

    def setup(self, stage: str) -> None:
        """Open the stores before long work begins.

        Raises:
            InputError: a store is missing, damaged or of another shape; or the precision is 16-mixed, whose
                shared gradient scaler would let a diverging readout block the others.
        """
        super().setup(stage)
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            raise InputError("precision: expected 32-true or bf16-mixed for readouts, found 16-mixed")

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """One step of every readout that is still trained; returns their mean loss.

        Training ends when none is left: the mean is then NaN.
        """
        seed, learning, parts, networks = self.step_seed(), self.learning, self.parts(batch), self.networks
        seed_dropout([networks[name] for name in learning], seed)
        loss_of = loss_of_step(self.task, seed)
        inputs = self._sources(batch, learning)

        def backpropagated(name: str) -> Tensor:
            output = networks[name](self._inputs_of(name, inputs))
            loss = loss_of(output, parts["target"], parts.get("mask")).mean()
            # Not by the trainer, which would wait for the gradients of all networks and is not thread-safe.
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(schedule, LRScheduler)
        optimizer.zero_grad()
        losses = torch.stack(self._each(backpropagated, learning))
        losses = self._joined(losses, learning)
        finite = self._left_out_if_diverged(losses, learning)
        with one_thread():
            optimizer.step()
        schedule.step()
        self.steps += 1
        if not self.learning:
            self.trainer.should_stop = True
        if self.steps % max(1, self.trainer.log_every_n_steps) == 0:  # type: ignore[attr-defined]
            by_name = dict(zip((f"train/loss/{name}" for name in learning), losses, strict=True))
            self.log_dict(by_name, batch_size=len(batch["key"]))
        mean = losses[finite].mean()
        self.log("train/loss", mean, batch_size=len(batch["key"]), prog_bar=True)
        return mean

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of the many forms that Lightning takes
        """Adam over all readouts, with the learning rate dropped once."""
        optimizer = adam_of_readouts(self, self.learning_rate, self.weight_decay)
        schedule = MultiStepLR(optimizer, [self.drop_after], 0.1)
        return [optimizer], [{"scheduler": schedule, "name": "learning_rate"}]

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> EvaluatedTogether:  # type: ignore[override]
        """Evaluate a batch."""
        return self._evaluated_together(batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> EvaluatedTogether:  # type: ignore[override]
        """Evaluate a batch."""
        return self._evaluated_together(batch)

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        """Not supported.

        Raises:
            InputError: always; predictions are made by a single network.
        """
        raise InputError("predict: expected one transfer, a TransferNetwork, found readouts")

    def on_validation_epoch_start(self) -> None:
        """Reset the mean losses."""
        self._mean_losses = MeansOverImages(len(self.sound))

    def on_test_epoch_start(self) -> None:
        """Reset the mean losses."""
        self._mean_losses = MeansOverImages(len(self.sound))

    def on_validation_epoch_end(self) -> None:
        """Log the loss of each readout; leave out those whose loss is not finite."""
        self._log_losses("val")

    def on_test_epoch_end(self) -> None:
        """Log the loss of each readout; leave out those whose loss is not finite."""
        self._log_losses("test")

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint."""
        return {**super().description(), "transfers": list(self.transfers)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save which readouts have diverged or been stopped."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["diverged"], checkpoint["stopped"] = dict(self.diverged), dict(self.stopped)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of other readouts; restore which have diverged or been stopped."""
        super().on_load_checkpoint(checkpoint)
        self.diverged, self.stopped = dict(checkpoint["diverged"]), dict(checkpoint["stopped"])

    def teardown(self, stage: str) -> None:
        """Shut down the threads."""
        self._side_by_side.close()

    def _evaluated_together(self, batch: dict[str, Any]) -> EvaluatedTogether:
        parts, sound, networks = self.parts(batch), self.sound, self.networks
        inputs = self._sources(batch, sound)

        def judged(name: str) -> Tensor:
            with torch.inference_mode():
                output = networks[name](self._inputs_of(name, inputs))
                return self.evaluation_loss(output, parts["target"], parts.get("mask"))

        columns = self._each(judged, sound)
        losses = (
            torch.stack(columns, dim=1) if columns else torch.zeros(len(batch["key"]), 0, device=self.device)
        )
        self._mean_losses.add(losses)
        return {"key": batch["key"], "contenders": sound, "losses": losses}

    def _log_losses(self, stage: str) -> None:
        """Means over all images of all ranks: one reduction for all readouts."""
        values = self._mean_losses.of_all_ranks(self.trainer.strategy)
        if values is None:
            return
        means = dict(zip(self.sound, values, strict=True))
        finite = {name: mean for name, mean in means.items() if math.isfinite(mean)}
        if not self.trainer.sanity_checking:
            self._leave_out([name for name in means if name not in finite])
        self.log_dict({f"{stage}/loss/{name}": mean for name, mean in finite.items()}, rank_zero_only=True)
        if finite:
            mean = sum(finite.values()) / len(finite)
            self.log(f"{stage}/loss", mean, prog_bar=True, sync_dist=True)  # equal on all ranks already

    def _sources(self, batch: dict[str, Any], transfers: Sequence[str]) -> dict[str, Tensor]:
        """Representations by source, in single precision: converted once for all transfers."""
        sources = [source for name in transfers for source in self.transfers[name]]
        return {source: values.float() for source, values in self.inputs(batch, sources).items()}

    def _inputs_of(self, transfer: str, inputs: Mapping[str, Tensor]) -> Tensor:
        """The input of a transfer's readout: (B, order · V · C, s, s)."""
        return torch.cat([inputs[source] for source in self.transfers[transfer]], dim=1)

    def _each(self, compute: Callable[[str], Tensor], names: Sequence[str]) -> list[Tensor]:
        precision = self.trainer.precision_plugin.forward_context
        return self._side_by_side.each(compute, names, self.device, precision)

    def _joined(self, losses: Tensor, names: Sequence[str]) -> Tensor:
        """Mean losses over ranks, (n,); averages gradients, too, and copies the first rank's statistics.

        The trainer's distributed training treats a single readout in the same way: renormalisation corrects
        batches by running averages that all ranks share.
        """
        ranks = self.trainer.world_size
        if ranks == 1:
            return losses
        networks = self.networks
        for name in names:
            gradients = [weight.grad for weight in networks[name].parameters() if weight.grad is not None]
            joined = torch.cat([gradient.flatten() for gradient in gradients])
            torch.distributed.all_reduce(joined)
            parts = torch.split(joined.div_(ranks), [gradient.numel() for gradient in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        statistics = [
            values for name in names for values in networks[name].buffers() if values.is_floating_point()
        ]
        shared = torch.cat([values.flatten() for values in statistics])
        torch.distributed.broadcast(shared, 0)
        for values, part in zip(
            statistics, torch.split(shared, [values.numel() for values in statistics]), strict=True
        ):
            values.copy_(part.view_as(values))
        torch.distributed.all_reduce(losses)
        return losses / ranks

    def _left_out_if_diverged(self, losses: Tensor, names: Sequence[str]) -> Tensor:
        """Which losses are finite, (n,); the other readouts skip this step and are trained no further."""
        finite = torch.isfinite(losses)
        diverged = [name for name, is_finite in zip(names, finite.tolist(), strict=True) if not is_finite]
        self._leave_out(diverged)
        return finite

    def _leave_out(self, diverged: Sequence[str]) -> None:
        for name in diverged:
            self.diverged[name] = self.steps
            self.networks[name].zero_grad()
            log.warning(
                "target %s: the transfer from %s has diverged at step %d: left out",
                self.task.name,
                name,
                self.steps,
            )
