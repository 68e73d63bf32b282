"""The smallest contender that can learn any task, and small data with every kind of label for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning
import torch
from torch import Tensor, nn

from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from lightning_taskonomy.training.task_module import TaskModule
from tests.data.small_folder import make_folder

SIZE, BATCH, BATCHES = 24, 4, 3
"""Samples of every split: three batches of four."""


class OneConvolution(TaskModule):
    """A convolution with normalisation and dropout; its mean over pixels where the output is a vector."""

    def __init__(self, task: str) -> None:
        super().__init__(task, SIZE)
        output = self.task.output
        numbers = output.outputs
        given = self.task.input_channels * (self.task.pictures or self.task.views)
        self.layers = nn.Sequential(
            nn.Conv2d(given, numbers, 3, padding=1), nn.BatchNorm2d(numbers), nn.Dropout(0.3)
        )
        self.losses: list[float] = []

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.layers(pictures.flatten(1, 2))
        output = self.task.output
        return (
            nn.functional.avg_pool2d(features, output.size_divisor)
            if output.per_pixel
            else (features.mean(dim=(2, 3)))
        )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:  # noqa: ANN401 - varied by tests
        parts = self.parts(batch)
        loss = self.task.loss(self(parts["input"]), parts["target"], parts.get("mask")).mean()
        self.log("train/loss", loss.detach(), batch_size=len(batch["key"]))
        self.losses.append(float(loss.detach()))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def pack_every_label(root: Path) -> Path:
    source = make_folder(root / "in", points=4, views=3, size=SIZE)
    PackPlan(
        source, root / "out", {"ash": "train", "birch": "val", "cedar": "test"}, Packing(shard_size=16)
    ).run(1)
    return root / "out"


def data(packed: Path, tasks: Sequence[str]) -> TaskonomyDataModule:
    return TaskonomyDataModule(str(packed), list(tasks), size=SIZE, batch_size=BATCH, num_workers=0)


def trainer(root: Path, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401 - passed on
    standard = {
        "default_root_dir": root,
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
    }
    return pytorch_lightning.Trainer(**{**standard, **options})
