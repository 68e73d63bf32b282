"""Training of multi-task networks: the switching network (Sun et al., 2021) and its baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import as_written, keys_among, names_among
from lightning_taskonomy.core.weight_files import read_weights
from lightning_taskonomy.switching.growth import Trained, freeze, take_over
from lightning_taskonomy.switching.loss_weights import LossWeights, Weighting
from lightning_taskonomy.switching.methods import Method, NetworkOptions, channels_of
from lightning_taskonomy.switching.metrics import TaskMetrics, labelled
from lightning_taskonomy.switching.predictions import WriteTaskPredictions
from lightning_taskonomy.switching.published_weights import load_published
from lightning_taskonomy.switching.report import WriteSwitchingFigures
from lightning_taskonomy.switching.results import WriteResults
from lightning_taskonomy.switching.several_tasks import SeveralTasks, TaskOutputs
from lightning_taskonomy.tasks.batch_losses import mean_loss
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions
from lightning_taskonomy.tasks.own import made_from_checkpoint
from lightning_taskonomy.tasks.pascal_nyud import WEIGHTS, dense_task_named
from lightning_taskonomy.training.contender import Contender
from lightning_taskonomy.training.means_over_images import MeansOverImages

_FACTOR, _SMALLEST_CHANGE = 0.5, 1e-12
_PIXELS_SEED = 0


class SwitchingNetwork(SeveralTasks, Contender):
    """One network for several tasks of one image.

    The data decide which task a batch is for: the network trains on all tasks that a batch has labels for, in
    one pass of the encoder where they share their images. By default it is trained as published.

    Args:
        tasks: names of the dictionary, of PASCAL-Context (`pascal_…`) or NYUD (`nyud_…`), or custom tasks;
            their order determines their codes.
        size: pixels per side of images.
        method: `switching`, or a baseline: `single`, `multi_decoder`, `task_instance_norms`,
            `task_batch_norms` or `rcm`.
        network: its shape.
        encoder_weights: file of ImageNet weights for the backbone; by default it starts from random weights.
        encoder_rate: learning rate of encoders that start from ImageNet weights.
        learning_rate: of all other weights; without `encoder_weights`, of encoders too.
        patience: validations without a lower loss after which the learning rates are halved.
        weights: of the losses; by default as published, or 1.
        weighting: `fixed`, `uncertainty` or `gradnorm`.
        start_from: checkpoint to start from, of the same tasks or of the first ones.
        added: number of tasks, the last ones, that are added to a trained network and have learned codes.
        trained: what is trained for added tasks: `code` (their codes; other tasks cannot change), `embedding`
            (the embedding network and the codes) or `all`.
        reference: checkpoint of the switching network as its authors publish it, to start from or to `test`;
            then `encoder_weights` is not read.
        eight_bit: whether normals, edges and saliency are quantised to 8 bits before scoring, as for the
            published scores.
        over_all_classes: whether mean IoU is over all classes, where classes that never occur count as 0, as
            for the published scores; by default it is over those that occur.
        predicted: tasks that `predict` writes; by default all.
        transfers: table of measured transfers between the same tasks, for example from `taxonomy run`: `test`
            then draws how the tasks' embeddings relate to it.
    """

    several_tasks: ClassVar[bool] = True

    def __init__(
        self,
        tasks: list[str],
        size: int = 512,
        method: Method = "switching",
        network: NetworkOptions = NetworkOptions(),  # noqa: B008 - frozen
        encoder_weights: str | None = None,
        encoder_rate: float = 1e-6,
        learning_rate: float = 1e-4,
        patience: int = 10,
        weights: dict[str, float] | None = None,
        weighting: Weighting = "fixed",
        start_from: str | None = None,
        added: int = 0,
        trained: Trained = "code",
        reference: str | None = None,
        eight_bit: bool = False,
        over_all_classes: bool = False,
        predicted: list[str] | None = None,
        transfers: str | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        if isinstance(network, Mapping):  # from a checkpoint
            network = NetworkOptions(**network)
        self.tasks = [dense_task_named(name) for name in tasks]
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise InputError(f"tasks: expected each task once, found {', '.join(names)}")
        weights = keys_among(weights or {}, names, "weights")
        predicted = names_among(predicted or [], names, "predicted")
        for option, named in (("weights", weights), ("predicted", predicted)):
            for name in named:
                if name not in names:
                    raise InputError(f"{option}: expected some of {', '.join(names)}, found {name!r}")
        if not 0 <= added < len(tasks) or (added and (start_from is None or method != "switching")):
            raise InputError(
                "added: expected fewer than all tasks, a switching network and a checkpoint to start_from"
            )
        self.size, self.method, self.options = size, method, network
        self.encoder_rate, self.learning_rate, self.patience = encoder_rate, learning_rate, patience
        self.added, self.trained = added, trained
        self.eight_bit, self.over_all_classes = eight_bit, over_all_classes
        self.predicted, self.transfers = predicted or names, transfers
        self.network = network.build(method, [channels_of(task) for task in self.tasks], added)
        fixed = [weights.get(name, WEIGHTS.get(name, 1.0)) for name in names]
        self.weighting = LossWeights(fixed, weighting)
        self.metrics = TaskMetrics(self.tasks, eight_bit, over_all_classes)
        self._mean_losses = [MeansOverImages() for _ in self.tasks]
        self.pretrained = encoder_weights is not None or reference is not None
        if not made_from_checkpoint():  # else the checkpoint's weights replace these
            self._load(encoder_weights, reference, start_from)

    @classmethod
    def folder_name(cls, arguments: Mapping[str, Any]) -> str:
        """One folder for networks of any tasks."""
        return "switching"

    @classmethod
    def contender_name(cls, arguments: Mapping[str, Any]) -> str:
        """The method; `published` for the authors' own weights."""
        return str(arguments["method"]) if arguments.get("reference") is None else "published"

    @classmethod
    def brings_weights(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether the authors' own weights are named."""
        return arguments.get("reference") is not None

    @classmethod
    def leaves_weights_out(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether a batch of one task leaves task-specific weights of other tasks unused."""
        return bool(arguments["method"] != "switching" or arguments["added"])

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """One step on the losses of the tasks that the batch has labels for."""
        losses = self.losses(batch)
        if self.weighting.weighting == "gradnorm":
            self._balance(losses)
        loss: Tensor = self.weighting(losses)
        examples = len(batch["key"])
        self.log("train/loss", loss.detach(), batch_size=examples, prog_bar=True)
        for task, task_loss in losses.items():
            self.log(f"train/{self.tasks[task].name}", task_loss.detach(), batch_size=examples)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Evaluate a batch."""
        self._judge(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Evaluate a batch."""
        self._judge(batch, "test")

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> TaskOutputs:
        """The outputs of the `predicted` tasks, in one pass of a shared encoder."""
        groups = {task: parts for task, parts in self.labels_by_task(batch).items() if task in self._wanted()}
        outputs = self.outputs_by_task(groups)
        return {
            "key": batch["key"],
            "outputs": {self.tasks[task].name: output.float() for task, output in outputs.items()},
        }

    def on_validation_epoch_start(self) -> None:
        """Reset losses and metrics."""
        self._reset("val")

    def on_validation_epoch_end(self) -> None:
        """Log the losses and metrics over the whole split."""
        self._log_losses("val")
        self._log_metrics("val")

    def on_test_epoch_start(self) -> None:
        """Reset losses and metrics."""
        self._reset("test")

    def on_test_epoch_end(self) -> None:
        """Log the losses and metrics over the whole split."""
        self._log_losses("test")
        self._log_metrics("test")

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of the many forms that Lightning takes
        """Adam with two learning rates, both halved when the validation loss plateaus."""
        encoder = [weight for part in self.network.encoders() for weight in part.parameters()]
        in_encoder = {id(weight) for weight in encoder}
        rest = [weight for weight in self.parameters() if id(weight) not in in_encoder]
        groups = [
            (encoder, self.encoder_rate if self.pretrained else self.learning_rate),
            (rest, self.learning_rate),
        ]
        learning = [
            {"params": [weight for weight in weights if weight.requires_grad], "lr": rate}
            for weights, rate in groups
        ]
        optimizer = Adam([group for group in learning if group["params"]])
        if not self.trainer.enable_validation:  # there is no validation loss to monitor
            return optimizer
        schedule = ReduceLROnPlateau(
            optimizer, "min", _FACTOR, self.patience, eps=_SMALLEST_CHANGE, threshold=1e-4
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": schedule,
                "monitor": "val/loss",
                "frequency": self.trainer.check_val_every_n_epoch or 1,
                "name": "learning_rate",
            },
        }

    def configure_callbacks(self) -> Sequence[Callback]:
        """Callbacks that write the results of `test` and the images of `predict` to the trainer's folder."""
        root = Path(self.trainer.default_root_dir)
        defaults: list[Callback] = [
            WriteResults(root),
            WriteSwitchingFigures(root, self.transfers),
            WriteTaskPredictions(root / "predictions"),
        ]
        present = {type(callback) for callback in self.trainer.callbacks}  # type: ignore[attr-defined]
        return [callback for callback in defaults if type(callback) not in present]

    def setup(self, stage: str) -> None:
        """Create the metrics of the tasks that the data set has."""
        in_data = getattr(getattr(self.trainer, "datamodule", None), "tasks", self.tasks)
        names = {task.name for task in in_data}
        evaluated = [task for task in self.tasks if task.name in names]
        self.metrics = TaskMetrics(evaluated, self.eight_bit, self.over_all_classes).to(self.device)

    def train(self, mode: bool = True) -> "SwitchingNetwork":
        """Set training mode, except for a frozen network, whose running statistics must not change either."""
        super().train(mode)
        if self.added and self.trained != "all":
            self.network.eval()
        return self

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the description and the label conventions."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["switching"] = {**self.description(), "conventions": LABEL_CONVENTIONS}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of other tasks or another network, or with other label conventions.

        Raises:
            InputError: the checkpoint does not fit; the message names what differs.
        """
        stored = checkpoint.get("switching") or {}
        require_conventions(stored.get("conventions"), "checkpoint", "train again")
        for name, expected in self.description().items():
            if as_written(stored.get(name)) != as_written(expected):
                raise InputError(
                    f"checkpoint: expected one with {name} {expected}, found {stored.get(name, 'none')}"
                )

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint, in plain types."""
        return {
            "method": self.method,
            "tasks": [task.name for task in self.tasks],
            "added": self.added,
            **asdict(self.options),
        }

    def _load(self, encoder_weights: str | None, reference: str | None, start_from: str | None) -> None:
        if reference is not None:
            load_published(self.network, reference, [task.name for task in self.tasks])
        elif encoder_weights is not None:
            self.network.load_encoders(read_weights(Path(encoder_weights)))
        if start_from is not None:
            known = take_over(self.network, start_from, self.description())
            if self.added:
                freeze(self.network, known, self.trained)
                self.train()  # puts frozen parts into evaluation mode

    def _wanted(self) -> set[int]:
        return {number for number, task in enumerate(self.tasks) if task.name in self.predicted}

    def losses(self, batch: dict[str, Any]) -> dict[int, Tensor]:
        """The mean loss of each task that a batch has labels for, by the task's index."""
        groups = self.labels_by_task(batch)
        outputs = self.outputs_by_task(groups)
        return {
            task: mean_loss(self.tasks[task].loss, *labelled(outputs[task], parts))
            for task, parts in groups.items()
        }

    def _judge(self, batch: dict[str, Any], stage: str) -> None:
        groups = self.labels_by_task(batch)
        outputs = self.outputs_by_task(groups)
        for number, parts in groups.items():
            task = self.tasks[number]
            output, target, mask = labelled(outputs[number], parts)
            if not len(output):
                continue
            loss = mean_loss(task.loss, output, target, mask, _PIXELS_SEED)
            self._mean_losses[number].add(loss.expand(len(output)))
            self.metrics.update(stage, task, outputs[number].float(), parts)

    def _balance(self, losses: dict[int, Tensor]) -> None:
        if len(losses) < 2:
            raise InputError(
                "weighting: gradnorm compares the tasks of a batch; expected data.switching mixed or all"
            )
        weight = self.network.last_shared_weight()
        if not weight.requires_grad:
            raise InputError(
                f"weighting: gradnorm needs a layer that all tasks train; {self.method} has none"
            )
        sizes = {}
        for task, loss in losses.items():
            (gradient,) = torch.autograd.grad(
                self.weighting.fixed[task] * loss, weight, retain_graph=True, allow_unused=True
            )
            sizes[task] = torch.zeros_like(loss) if gradient is None else gradient.norm()
        means = self.trainer.strategy.reduce(
            torch.stack([*(loss.detach() for loss in losses.values()), *sizes.values()]), reduce_op="mean"
        )
        assert isinstance(means, Tensor)
        self.weighting.balance(
            dict(zip(losses, means[: len(losses)], strict=True)),
            dict(zip(losses, means[len(losses) :], strict=True)),
        )

    def _reset(self, stage: str) -> None:
        self.metrics.reset(stage)
        self._mean_losses = [MeansOverImages() for _ in self.tasks]

    def _log_losses(self, stage: str) -> None:
        """Log each task's mean over its examples, and the mean of these, weighted as in training."""
        weighted = []
        for number, task in enumerate(self.tasks):
            means = self._mean_losses[number].of_all_ranks(self.trainer.strategy)
            if means is not None:
                weighted.append(float(self.weighting.fixed[number]) * means[0])
                self.log(f"{stage}/{task.name}/loss", means[0], sync_dist=True)  # equal on all ranks already
        if weighted:
            self.log(f"{stage}/loss", sum(weighted) / len(weighted), prog_bar=True, sync_dist=True)

    def _log_metrics(self, stage: str) -> None:
        for task, numbers in self.metrics.numbers(stage).items():
            # Already equal on all ranks, which Lightning cannot know.
            self.log_dict(
                {f"{stage}/{task}/{name}": value for name, value in numbers.items()}, sync_dist=True
            )
