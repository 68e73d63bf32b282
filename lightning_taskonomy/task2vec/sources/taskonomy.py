"""The dictionary's 26 tasks from packed shards: classes, values, maps of either, segments as pixel pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.task2vec.images import DEVIATION, MEAN
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.tasks.losses import CrossEntropy, PixelPairs, SoftCrossEntropy
from lightning_taskonomy.tasks.task import Task

SAMPLES = 512
"""Maximum number of samples per task."""
_SPLIT = "train"
_COMMON_MULTIPLE = 16


def taskonomy_tasks(root: Path, size: int, names: Sequence[str] = ()) -> list[LabelledTask]:
    """Tasks of the dictionary.

    Losses become likelihoods: cross-entropy becomes categorical, per image or per pixel; an L1, L2 or pose
    loss becomes Gaussian; the loss of pixel pairs becomes a Bernoulli variable per pair. Soft classes per
    pixel are replaced by the most probable one. Tasks with the same images share them.

    Args:
        root: Packed shards with the split `train`.
        size: Image size, a multiple of 16.
        names: Names of the tasks; by default all whose labels exist.

    Raises:
        InputError: no task has its labels.
    """
    if size % _COMMON_MULTIPLE:
        raise InputError(f"size: expected a multiple of {_COMMON_MULTIPLE} for these tasks, found {size}")
    pictures: list[_Pictures] = []
    if names:
        return [_task(root, name, size, pictures) for name in names]
    tasks, refused = [], None
    for name in dictionary():
        try:
            tasks.append(_task(root, name, size, pictures))
        except InputError as error:  # no sample has its labels, or this is not a packed split
            refused = refused or error
    if not tasks and refused is not None:
        raise refused
    return tasks


class _Pictures:
    """Images of samples, normalised with ImageNet's statistics."""

    def __init__(self, inputs: Tensor) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, place: int) -> Tensor:
        """The views of this sample, (V, 3, H, W), or its one image, (3, H, W), converted from −1 to 1."""
        views = self.inputs[place]
        coloured = views.expand(-1, 3, -1, -1) if views.shape[1] == 1 else views
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
        normal = ((coloured + 1) / 2 - mean) / deviation
        return normal if len(normal) > 1 else normal[0]


def _task(root: Path, name: str, size: int, shared: list[_Pictures]) -> LabelledTask:
    data = TaskonomyDataModule(str(root), [name], size, batch_size=32, num_workers=0, train_samples=SAMPLES)
    data.setup("fit")
    (task,) = data.tasks
    loader = data.loader(_SPLIT, shuffled=False, rank=0, world_size=1)
    inputs: list[Tensor] = []
    targets: list[npt.NDArray[Any]] = []
    try:
        for batch in loader:
            parts = batch[task.name]
            inputs.append(parts["input"])
            targets.append(_numbers(task, parts["target"], parts.get("mask")))
            if sum(map(len, inputs)) >= SAMPLES:
                break
    finally:
        data.teardown("fit")
    seen = torch.cat(inputs)[:SAMPLES]
    images = next((pictures for pictures in shared if torch.equal(pictures.inputs, seen)), None)
    if images is None:
        images = _Pictures(seen)
        shared.append(images)
    found = Targets.of(_kind(task), np.concatenate(targets)[:SAMPLES], _outputs(task))  # type: ignore[arg-type]
    pairs = isinstance(task.loss, PixelPairs)
    return LabelledTask(task.name, images, found, np.arange(len(seen)), pairs=pairs)


def _kind(task: Task) -> str:
    classes = isinstance(task.loss, CrossEntropy | SoftCrossEntropy | PixelPairs)
    named = "classes" if classes else "values"
    return f"pixel_{named}" if task.output.per_pixel else named


def _outputs(task: Task) -> int | None:
    if isinstance(task.loss, PixelPairs):
        return None
    return task.output.outputs


def _numbers(task: Task, target: Tensor, mask: Tensor | None) -> npt.NDArray[Any]:
    values = target
    if task.output.per_pixel and isinstance(task.loss, SoftCrossEntropy):
        values = target.argmax(dim=1)
    if task.output.per_pixel and mask is not None:
        unknown = mask == 0
        if _kind(task) == "pixel_classes":
            values = values.long().masked_fill(unknown, -1)
        else:
            values = values.float().masked_fill(unknown.unsqueeze(1), torch.nan)
    return values.numpy()
