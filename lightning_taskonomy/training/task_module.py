"""What all contenders for a task share: evaluation image by image, and the metadata of checkpoints."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import as_written
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions
from lightning_taskonomy.tasks.losses import PerImageLoss, PixelPairs
from lightning_taskonomy.tasks.task import Standard, Task
from lightning_taskonomy.training.contender import Contender
from lightning_taskonomy.training.means_over_images import MeansOverImages

Parts = dict[str, Tensor]
_PIXELS_SEED = 0


class Evaluated(TypedDict):
    """The results for a batch, as callbacks receive them.

    Attributes:
        key: of each image.
        loss: of each image, (B,).
        output: of the network, (B, …).
    """

    key: list[str]
    loss: Tensor
    output: Tensor


class TaskModule(Contender):
    """A contender for one task: it predicts an output for each image, and is evaluated by the task's loss.

    Args:
        task: name in the dictionary; or `FILE.py:NAME`, a custom task.
        size: pixels per side of images.

    Attributes:
        resumable: whether a checkpoint during training holds everything needed to resume.
        contenders: names of the contenders that are trained and evaluated together, where there are several.
        diverged: those of them that are no longer evaluated.
    """

    resumable = True
    contenders: Sequence[str] = ()
    diverged: Collection[str] = ()

    def __init__(self, task: str, size: int = 256) -> None:
        super().__init__()
        self.task = task_named(task)
        self.size = size
        self._metrics: torch.nn.ModuleDict = torch.nn.ModuleDict()
        self._mean_losses = MeansOverImages()

    @classmethod
    def folder_name(cls, arguments: Mapping[str, Any]) -> str:
        """The task's name."""
        return task_named(arguments["task"]).name

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one output: (C, H, W) or (n,)."""
        return self.task.output.shape(self.size)

    @property
    def evaluation_loss(self) -> PerImageLoss:
        """The task's loss, at the same pixels of an image for every contender."""
        loss = self.task.loss
        return loss.pixels_at(_PIXELS_SEED) if isinstance(loss, PixelPairs) else loss

    def setup(self, stage: str) -> None:
        """Take over the data set's version of the task, such as the means and deviations of its vectors."""
        for task in getattr(getattr(self.trainer, "datamodule", None), "tasks", ()):
            if task.name == self.task.name:
                self.task = task
        if self.task.metric is not None:
            for name in ("val", "test"):
                self._metrics[name] = self.task.metric(self.task).to(self.device)

    def parts(self, batch: dict[str, Any]) -> Parts:
        """The task's part of a batch: `input`, `target` and perhaps `mask`."""
        parts: Parts = batch[self.task.name]
        return parts

    def network_input(self, batch: dict[str, Any]) -> Tensor:
        """The network's input from a batch."""
        return self.parts(batch)["input"]

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        """Evaluate a batch."""
        return self._evaluated(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        """Evaluate a batch."""
        return self._evaluated(batch, "test")

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        """The outputs for a batch, with their losses."""
        return self._judged(batch)

    def on_validation_epoch_start(self) -> None:
        """Reset the mean loss."""
        self._mean_losses = MeansOverImages()

    def on_test_epoch_start(self) -> None:
        """Reset the mean loss."""
        self._mean_losses = MeansOverImages()

    def on_validation_epoch_end(self) -> None:
        """Log the mean loss and the metric over the whole split."""
        self._log_whole_split("val")

    def on_test_epoch_end(self) -> None:
        """Log the mean loss and the metric over the whole split."""
        self._log_whole_split("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the description, the label conventions and the means and deviations."""
        super().on_save_checkpoint(checkpoint)
        standard = self.task.standard
        checkpoint["contender"] = {
            **self.description(),
            "conventions": LABEL_CONVENTIONS,
            "standard": None if standard is None else standard.as_lists(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another task or network, or with other label conventions.

        Raises:
            InputError: the checkpoint does not fit; the message names what differs.
        """
        stored = dict(checkpoint.get("contender") or {})
        require_conventions(stored.pop("conventions", None), "checkpoint", "train again")
        standard = stored.pop("standard", None)
        for name, expected in self.description().items():
            if as_written(stored.get(name)) != as_written(expected):
                raise InputError(
                    f"checkpoint: expected one with {name} {expected}, found {stored.get(name, 'none')}"
                )
        if standard is not None:
            self.task = _with_standard(self.task, standard)

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint, in plain types."""
        return {"kind": type(self).__name__, "task": self.task.name, "size": self.size}

    def _judged(self, batch: dict[str, Any]) -> Evaluated:
        parts = self.parts(batch)
        output = self(self.network_input(batch))
        losses = self.evaluation_loss(output, parts["target"], parts.get("mask"))
        return {"key": batch["key"], "loss": losses, "output": output.float()}

    def _evaluated(self, batch: dict[str, Any], stage: str) -> Evaluated:
        judged = self._judged(batch)
        self._mean_losses.add(judged["loss"])
        if stage in self._metrics:
            parts = self.parts(batch)
            self._metric(stage).update(judged["output"], parts["target"], parts.get("mask"))
        return judged

    def _metric(self, stage: str) -> Metric:
        metric = self._metrics[stage]
        assert isinstance(metric, Metric)
        return metric

    def _log_whole_split(self, stage: str) -> None:
        means = self._mean_losses.of_all_ranks(self.trainer.strategy)
        if means is not None:
            self.log(f"{stage}/loss", means[0], prog_bar=True, sync_dist=True)  # equal on all ranks already
        if stage in self._metrics:
            metric = self._metric(stage)
            numbers = {f"{stage}/{name}": value for name, value in metric.compute().items()}
            self.log_dict(numbers, sync_dist=True)  # already equal on all ranks, which Lightning cannot know
            metric.reset()


def _with_standard(task: Task, standard: list[list[float]]) -> Task:
    return replace(task, standard=Standard(tuple(standard[0]), tuple(standard[1])))
