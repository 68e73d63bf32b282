"""From stored labels to what tasks learn from: the views of an example, and a batch of tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lightning_taskonomy.data.stream.reading import BrokenSampleError, ShardSet
from lightning_taskonomy.tasks.task import Example, Task

Integers = npt.NDArray[np.int64]
Batch = dict[str, Any]
"""`key`: of each sample; per task by name a dictionary: `input` (B, views, C, size, size), `target` (B, …)
and, where the task has one, `mask` (B, size, size)."""


@dataclass(frozen=True)
class Examples:
    """The examples of one split for some tasks, a batch at a time.

    Attributes:
        shards: where the samples are.
        tasks: what to make of each.
        size: pixels per side.
        seed: of everything random in an example (noise, crops, negatives); the same in every epoch only for
            evaluation.
        same_each_epoch: for evaluation.
    """

    shards: ShardSet
    tasks: Sequence[Task]
    size: int
    seed: int
    same_each_epoch: bool
    _siblings: "Siblings" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_siblings", Siblings.of(self.shards.index.keys))

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that the tasks need; no others are read."""
        return tuple(dict.fromkeys(["rgb", *(domain for task in self.tasks for domain in task.domains)]))

    def eligible(self) -> npt.NDArray[np.bool_]:
        """Samples that have every label needed, and as many other views of their point, (N,)."""
        index = self.shards.index
        held = np.ones(len(index.keys), np.bool_)
        for domain in self.domains:
            held &= index.present.get(domain, np.zeros(len(held), np.bool_))
        views = max(task.views for task in self.tasks)
        return np.asarray(held & (self._siblings.count >= views))

    def batch(self, epoch: int, samples: Integers) -> tuple[Batch | None, list[BrokenSampleError]]:
        """The batch of some samples without the broken ones, None if all are, and what was wrong.

        Args:
            epoch: decides about everything random.
            samples: places in the index.
        """
        keys: list[str] = []
        examples: list[list[Example]] = []
        broken: list[BrokenSampleError] = []
        for sample in samples.tolist():
            try:
                examples.append(self._examples(epoch, sample))
                keys.append(self.shards.index.keys[sample])
            except BrokenSampleError as error:
                broken.append(error)
        if not keys:
            return None, broken
        batch: Batch = {"key": keys}
        stacked: dict[tuple[int, ...], torch.Tensor] = {}
        for place, task in enumerate(self.tasks):
            mine = [made[place] for made in examples]
            # Tasks that see the plain picture share one tensor: it is most of what travels to the trainer.
            pictures = tuple(
                id(example.inputs if example.inputs.base is None else example.inputs.base) for example in mine
            )
            if pictures not in stacked:
                stacked[pictures] = torch.from_numpy(np.stack([example.inputs for example in mine]))
            batch[task.name] = {"input": stacked[pictures], **_labels(mine)}
        return batch, broken

    def _examples(self, epoch: int, sample: int) -> list[Example]:
        random = np.random.default_rng([self.seed, 0 if self.same_each_epoch else epoch, sample])
        views = max(task.views for task in self.tasks)
        places = [sample, *self._siblings.others(sample, views - 1)]
        read = [self.shards.read(place, self.domains) for place in places]
        made = []
        for task in self.tasks:
            try:
                example = task.read(read[: task.views], self.size, random)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                key = self.shards.index.keys[sample]
                raise BrokenSampleError(
                    self.shards.split, key, task.name, f"cannot be decoded ({error})"
                ) from error
            if not np.isfinite(example.target).all():
                key = self.shards.index.keys[sample]
                raise BrokenSampleError(self.shards.split, key, task.name, "not finite")
            made.append(example)
        return made


@dataclass(frozen=True)
class Siblings:
    """Which samples show the same point: neighbours in the index.

    Attributes:
        first: the first sample of each sample's point, (N,).
        count: how many views its point has, (N,).
    """

    first: Integers
    count: Integers

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Siblings":
        """Group the keys of an index, in which the views of a point stand together."""
        points = [key.rsplit("_view_", 1)[0] for key in keys]
        starts = [n for n, point in enumerate(points) if n == 0 or point != points[n - 1]]
        counts = np.diff([*starts, len(points)]).astype(np.int64)
        return cls(np.repeat(np.array(starts, np.int64), counts), np.repeat(counts, counts))

    def others(self, sample: int, count: int) -> list[int]:
        """The following views of the same point, around and around."""
        first, views = int(self.first[sample]), int(self.count[sample])
        return [first + (sample - first + step) % views for step in range(1, count + 1)]


def _labels(examples: Sequence[Example]) -> Mapping[str, torch.Tensor]:
    """One tensor per part: many small tensors would cost most of the way from a worker to the trainer."""
    parts = {"target": torch.from_numpy(np.stack([np.asarray(example.target) for example in examples]))}
    masks = [example.mask for example in examples if example.mask is not None]
    if masks:
        parts["mask"] = torch.from_numpy(np.stack(masks))
    return parts
