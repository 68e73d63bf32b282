"""From stored labels to training examples: the views of an example, and batches of examples."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.batches import Allocate, PackedBatch, Stacking
from lightning_taskonomy.data.stream.partners import (
    WHOLE_SPLIT,
    Partners,
    Span,
    needed_domains,
    overlap_is_needed,
    task_seed,
)
from lightning_taskonomy.data.stream.reading import BrokenSampleError, ShardSet
from lightning_taskonomy.tasks.example_check import class_misfit, is_own, misfit, reading_error
from lightning_taskonomy.tasks.own_files import own_line
from lightning_taskonomy.tasks.task import Example, Standard, Stored, Task

_ERRORS_OF_DAMAGED_LABELS = ValueError, KeyError, TypeError, IndexError, ArithmeticError
_FAILURES = 3
"""Images on which a custom reader fails at the same line, before any success, until it counts as wrong."""
Integers = npt.NDArray[np.int64]


def _ordinary_memory(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype)


class Placed(NamedTuple):
    """An example and where its views come from.

    Attributes:
        example: what a network learns from.
        views: places in the index, as many as the task has views.
    """

    example: Example
    views: Sequence[int]


@dataclass(frozen=True)
class Examples:
    """The examples of one split for some tasks, a batch at a time.

    Attributes:
        shards: that hold the samples.
        tasks: to make examples for.
        size: pixels per side.
        seed: of everything random in an example (noise, crops, partners).
        same_each_epoch: whether randomness is the same in every epoch, as for evaluation.
        within: the samples that views are taken from.
    """

    shards: ShardSet
    tasks: Sequence[Task]
    size: int
    seed: int
    same_each_epoch: bool
    within: Span = WHOLE_SPLIT
    _partners: Partners = field(init=False)
    _fitting: set[str] = field(init=False, default_factory=set, compare=False)
    """Custom tasks that have given an example that fits."""
    _failures: Counter[tuple[str, str]] = field(init=False, default_factory=Counter, compare=False)
    """Failures of custom readers, by task and line, before the first example."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_partners", Partners(self.shards.index, self.within))

    @classmethod
    def of(
        cls,
        root: str,
        split: str,
        tasks: Sequence[Task],
        size: int,
        seed: int,
        same_each_epoch: bool,
        within: Span = WHOLE_SPLIT,
    ) -> "Examples":
        """The examples of a split; only what the tasks need is read.

        Raises:
            InputError: not a packed split.
        """
        domains = tuple(dict.fromkeys(name for task in tasks for name in needed_domains(task)))
        shards = ShardSet(root, split, domains, overlap_is_needed(tasks))
        return cls(shards, tasks, size, seed, same_each_epoch, within)

    def eligible(self) -> npt.NDArray[np.bool_]:
        """Samples that have every label and partner that the tasks need, (N,)."""
        held = np.ones(len(self.shards.index.keys), np.bool_)
        for task in self.tasks:
            held &= self._partners.eligible(task)
        return held

    def batch(
        self, epoch: int, samples: Integers, allocate: Allocate = _ordinary_memory
    ) -> tuple[PackedBatch | None, list[BrokenSampleError]]:
        """The batch of some samples without the broken ones (None if all are broken), and the errors.

        Args:
            epoch: part of the seed of everything random.
            samples: places in the index.
            allocate: returns the memory of a tensor.
        """
        made: list[tuple[int, dict[str, Placed]]] = []
        broken: list[BrokenSampleError] = []
        for sample in samples.tolist():
            try:
                made.append((sample, self.of_sample(epoch, sample)))
            except BrokenSampleError as error:
                broken.append(error)
        made, odd = self._alike(made)
        broken += odd
        if not made:
            return None, broken
        keys = [self.shards.index.keys[sample] for sample, _ in made]
        examples = {task.name: [by_task[task.name].example for _, by_task in made] for task in self.tasks}
        places = {task.name: [by_task[task.name].views for _, by_task in made] for task in self.tasks}
        return Stacking(allocate).batch(keys, examples, places), broken

    def _alike(
        self, made: list[tuple[int, dict[str, Placed]]]
    ) -> tuple[list[tuple[int, dict[str, Placed]]], list[BrokenSampleError]]:
        """The samples whose examples have the most common shapes, and the others as broken."""
        broken: list[BrokenSampleError] = []
        for task in self.tasks:
            shapes = [_shapes(by_task[task.name].example) for _, by_task in made]
            if len(set(shapes)) < 2:
                continue
            usual = Counter(shapes).most_common(1)[0][0]
            for (sample, _), found in zip(made, shapes, strict=True):
                if found != usual:
                    broken.append(self._broken(sample, task, f"of another shape ({found}, not {usual})"))
            made = [one for one, found in zip(made, shapes, strict=True) if found == usual]
        return made, broken

    def of_sample(self, epoch: int, sample: int) -> dict[str, Placed]:
        """The example of each task.

        The first one of a custom task is compared with what the task's output and loss expect.

        Raises:
            BrokenSampleError: a label is damaged, or cannot be what it should.
            InputError: a custom task's reader returns what does not fit its output, or fails from the start.
        """
        read: dict[int, dict[str, Any]] = {}
        made: dict[str, Placed] = {}
        for task in self.tasks:
            random = np.random.default_rng(
                [self.seed, 0 if self.same_each_epoch else epoch, sample, task_seed(task)]
            )
            places = self._partners.views(task, sample, random)
            views = [self._view(read, place, task, sample) for place in places]
            example = self._read(task, views, random, sample)
            target = example.target
            values = target.values if isinstance(target, Stored) else target
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise self._broken(sample, task, "not finite")
            made[task.name] = Placed(example, places)
        return made

    def _read(
        self, task: Task, views: Sequence[Mapping[str, Any]], random: np.random.Generator, sample: int
    ) -> Example:
        custom = is_own(task)
        try:
            example = task.read(views, self.size, random)
        except Exception as error:  # whatever the user's own reader does
            if not (custom or isinstance(error, _ERRORS_OF_DAMAGED_LABELS)):
                raise
            self._require_that_some_succeed(task, error, sample)
            raise self._broken(sample, task, reading_error(error)) from error
        if custom:
            wrong = class_misfit(task, example) if task.name in self._fitting else None
            if task.name not in self._fitting:
                self._require_fitting(task, example, sample)
            elif wrong is not None:
                raise self._broken(sample, task, wrong)
        try:
            return _standardised(example, task.standard)
        except ValueError as error:
            raise self._broken(sample, task, f"cannot be standardised ({error})") from error

    def _require_fitting(self, task: Task, example: object, sample: int) -> None:
        wrong = misfit(task, example, self.size)
        if wrong is not None:
            raise InputError(f"task {task.name}, image {self.shards.index.keys[sample]}: {wrong}")
        self._fitting.add(task.name)

    def _require_that_some_succeed(self, task: Task, error: Exception, sample: int) -> None:
        """Blame the reader, not the images, if it fails on the first ones, always at the same line."""
        line = own_line(error)
        if line is None or task.name in self._fitting:
            return
        self._failures[task.name, line] += 1
        if self._failures[task.name, line] == _FAILURES:
            raise InputError(
                f"task {task.name}, image {self.shards.index.keys[sample]}: its reader fails, as on the "
                f"{_FAILURES - 1} images before: {type(error).__name__} in {line}: {error}"
            ) from error

    def _view(
        self, read: dict[int, dict[str, Any]], place: int, task: Task, sample: int
    ) -> Mapping[str, Any]:
        """The labels of a view, each read once for all tasks."""
        labels = read.setdefault(place, {"key": self.shards.index.keys[place]})
        missing = [domain for domain in needed_domains(task) if domain not in labels]
        labels |= self.shards.read(place, missing, alone=place != sample)
        return labels

    def _broken(self, sample: int, task: Task, reason: str) -> BrokenSampleError:
        return BrokenSampleError(self.shards.split, self.shards.index.keys[sample], task.name, reason)


def _shapes(example: Example) -> tuple[tuple[int, ...] | None, ...]:
    """The shapes of inputs, target and mask."""
    arrays = [part.values if isinstance(part, Stored) else part for part in (*example.inputs, example.target)]
    return (*(np.shape(array) for array in arrays), None if example.mask is None else example.mask.shape)


def _standardised(example: Example, standard: Standard | None) -> Example:
    if standard is None or isinstance(example.target, Stored):
        return example
    mean, deviation = (np.array(numbers, np.float32) for numbers in (standard.mean, standard.deviation))
    return replace(example, target=(example.target - mean) / deviation)
