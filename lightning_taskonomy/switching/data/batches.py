"""Batches of images and labels from folders: planned, resumable; an image may lack labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import leave_signals_to_parent, started
from lightning_taskonomy.data.stream.batches import Batch
from lightning_taskonomy.data.stream.place_in_epochs import PlaceInPlan
from lightning_taskonomy.data.stream.plan import EpochPlan
from lightning_taskonomy.switching.data.folders import DenseFolder
from lightning_taskonomy.switching.data.transforms import Transforms
from lightning_taskonomy.tasks.pascal_nyud import DenseLabel
from lightning_taskonomy.tasks.task import Example, Stored, Task

Request = tuple[int, int]
"""Epoch, and index of the image."""
Target = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Target and the mask where it is known."""


@dataclass(frozen=True)
class Sample:
    """The examples of an image.

    Attributes:
        key: of the image.
        examples: by task, at the size of the network; None where the label is missing.
        own_size: by task with a label, the target at the label's own size; in evaluation only.
    """

    key: str
    examples: Mapping[str, Example | None]
    own_size: Mapping[str, Target] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskPictures(Dataset[Sample]):
    """The examples of some tasks for images that have a label of at least one of them.

    Attributes:
        folder: of images and labels.
        tasks: to read for each image; all of one data set.
        transforms: augmentation and resizing.
        seed: of everything random.
        training: whether images are augmented.
    """

    folder: DenseFolder
    tasks: Sequence[Task]
    transforms: Transforms
    seed: int
    training: bool

    def images(self) -> list[str]:
        """The images that have a label of any of the tasks.

        Raises:
            InputError: there are none.
        """
        images = [
            image
            for image in self.folder.ids
            if any(self.folder.has(image, label.domain) for label in self._labels().values())
        ]
        if not images:
            raise InputError(f"images: none has a label for {', '.join(task.name for task in self.tasks)}")
        return images

    def sample(self, image: str, request: Request) -> Sample:
        """The examples of an image; None for tasks whose label it lacks."""
        labels = {
            name: label for name, label in self._labels().items() if self.folder.has(image, label.domain)
        }
        kinds = {label.domain: label.kind for label in labels.values()}
        stored = self.folder.read(image, list(kinds))
        random = np.random.default_rng([self.seed, *request])
        transformed = (
            self.transforms.for_training(stored, kinds, random)
            if self.training
            else self.transforms.for_evaluation(stored, kinds)
        )
        view = {"key": image, **transformed}
        examples = {
            task.name: task.read([view], self.transforms.size, random) if task.name in labels else None
            for task in self.tasks
        }
        own_size = (
            {}
            if self.training
            else {name: label.target(stored[label.domain]) for name, label in labels.items()}
        )
        return Sample(image, examples, own_size)

    def _labels(self) -> dict[str, DenseLabel]:
        labels = {}
        for task in self.tasks:
            assert isinstance(task.read, DenseLabel)
            labels[task.name] = task.read
        return labels


class PictureLoader:
    """Batches of one rank, epoch after epoch; see `PlannedLoader`.

    Args:
        pictures: the samples.
        batch_size: images per batch and rank.
        shuffled: whether to shuffle them, for training.
        rank: of this process.
        world_size: number of ranks.
        workers: processes that read; 0 for none.
    """

    def __init__(
        self,
        pictures: TaskPictures,
        batch_size: int,
        shuffled: bool,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
    ) -> None:
        self.pictures, self.rank, self.workers = pictures, rank, workers
        self.images = pictures.images()
        self.plan = EpochPlan((len(self.images),), batch_size, world_size, pictures.seed, shuffled)
        self._place = PlaceInPlan(self.plan, rank)

    def __len__(self) -> int:
        """Number of batches of a whole epoch, even if it is resumed."""
        return self.plan.steps(self.rank)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch; after `load_state_dict`, the rest of the interrupted one."""
        epoch, batches = self._place.begin()
        requests = [
            [(epoch if self.pictures.training else 0, place) for place in batch.tolist()] for batch in batches
        ]
        loader = DataLoader(
            _Numbered(self.pictures, self.images),
            batch_sampler=requests,
            num_workers=self.workers,
            collate_fn=stacked,
            worker_init_fn=leave_signals_to_parent,
        )
        for batch in started(loader):
            self._place.advance()
            yield batch

    @property
    def resumed_at(self) -> int | None:
        """The batch at which an interrupted epoch resumes; None at an epoch's start."""
        return self._place.resumed_at

    def state_dict(self) -> dict[str, Any]:
        """The position: how much of the current epoch all ranks have consumed."""
        return self._place.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a position, whatever this loader has done before.

        Raises:
            InputError: it is in the middle of an epoch of other samples or of another seed.
        """
        self._place.load_state_dict(state)


@dataclass(frozen=True)
class _Numbered(Dataset[Sample]):
    """The samples by index, for worker processes."""

    pictures: TaskPictures
    images: Sequence[str]

    def __getitem__(self, request: Request) -> Sample:
        return self.pictures.sample(self.images[request[1]], request)


def stacked(samples: Sequence[Sample]) -> Batch:
    """A batch; where some images lack a task's label, `present` marks those that have it, (B,).

    Tasks without a label on any image are left out. In evaluation, `own_target` and `own_mask` are lists with
    each image's label at its own size, (H, W) or (C, H, W), and the mask where it is known, (H, W).
    """
    batch: Batch = {"key": [sample.key for sample in samples]}
    inputs: Tensor | None = None
    for task in samples[0].examples:
        examples = [sample.examples[task] for sample in samples]
        known = [example for example in examples if example is not None]
        if not known:
            continue
        if inputs is None:
            inputs = torch.stack([_input(sample.examples) for sample in samples]).unsqueeze(1)
        # Another image's label fills the place of a missing one; it is ignored.
        filled = [example or known[0] for example in examples]
        parts: dict[str, Any] = {
            "input": inputs,
            "target": torch.stack([_target(np.asarray(example.target)) for example in filled]),
        }
        if all(example.mask is not None for example in filled):
            parts["mask"] = torch.stack([torch.from_numpy(np.asarray(example.mask)) for example in filled])
        if len(known) < len(examples):
            parts["present"] = torch.tensor([example is not None for example in examples])
        targets = [sample.own_size.get(task) for sample in samples]
        known_targets = [target for target in targets if target is not None]
        if known_targets:
            parts["own_target"] = [_target((target or known_targets[0])[0]) for target in targets]
            parts["own_mask"] = [torch.from_numpy((target or known_targets[0])[1]) for target in targets]
        batch[task] = parts
    return batch


def _input(examples: Mapping[str, Example | None]) -> Tensor:
    """The input of an image, which is the same for all its tasks."""
    stored = next(example for example in examples.values() if example is not None).inputs[0]
    assert isinstance(stored, Stored)
    return stored.scale(torch.from_numpy(np.array(stored.values)))


def _target(values: npt.NDArray[Any]) -> Tensor:
    target = torch.from_numpy(values)
    return target if target.is_floating_point() else target.long()
