"""Which task a training step is for: loaders of single tasks, used in turn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import names_among
from lightning_taskonomy.data.stream.batches import Batch, PackedBatch
from lightning_taskonomy.data.stream.place_in_epochs import PlaceInEpochs, ResumableLoader
from lightning_taskonomy.tasks.scales import Scale

Switching = Literal["epoch", "batch", "mixed", "all"]
"""How tasks alternate: a task's whole training set before the next task's, as published; a task per batch;
every task's own images in each batch; or every task of the same images."""


class TaskLoader(ResumableLoader, Protocol):
    """A loader of one task's batches, epoch after epoch, whose position can be saved in a checkpoint."""

    def __len__(self) -> int:
        """Number of batches of an epoch."""

    def __iter__(self) -> Iterator[Any]:
        """The batches of the next epoch, or the rest of an interrupted one."""


class SwitchedLoader:
    """Batches of several tasks.

    The order of tasks depends on the seed and the epoch alone, and is the same on all ranks.

    Args:
        loaders: of each task, by name.
        switching: `epoch`, `batch` or `mixed`.
        seed: of the order of tasks.
    """

    def __init__(self, loaders: Mapping[str, TaskLoader], switching: Switching, seed: int) -> None:
        self.loaders, self.switching, self.seed = dict(loaders), switching, seed
        self._place = PlaceInEpochs()
        self.resumed_at: int | None = None

    def __len__(self) -> int:
        """Steps of an epoch; if `mixed`, those of the task with the most, while others start over."""
        lengths = [len(loader) for loader in self.loaders.values()]
        return max(lengths) if self.switching == "mixed" else sum(lengths)

    def turns(self, epoch: int) -> list[tuple[str, ...]]:
        """The tasks of each step of an epoch."""
        if self.switching == "mixed":
            return [tuple(self.loaders)] * len(self)
        random = np.random.default_rng([self.seed, epoch])
        names = list(self.loaders)
        blocks = [names[place] for place in random.permutation(len(names))]
        turns: list[tuple[str, ...]] = [(name,) for name in blocks for _ in range(len(self.loaders[name]))]
        if self.switching == "epoch":
            return turns
        return [turns[place] for place in random.permutation(len(turns))]

    def __iter__(self) -> Iterator[Batch | PackedBatch]:
        """The batches of the next epoch, or the rest of an interrupted one."""
        epoch, start = self._place.begin()
        running: dict[str, Iterator[Any]] = {}
        for names in self.turns(epoch)[start:]:
            parts = [self._next(running, name) for name in names]
            self._place.advance()
            yield parts[0] if len(parts) == 1 else joined(parts)

    def state_dict(self) -> dict[str, Any]:
        """The position in the order of tasks, and in the data of every task."""
        epoch, steps = self._place.now(len(self))
        return {
            "epoch": epoch,
            "steps": steps,
            "length": len(self),
            "tasks": {name: loader.state_dict() for name, loader in self.loaders.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a position.

        Raises:
            InputError: it is of other tasks, or in the middle of an epoch of another length.
        """
        if list(state["tasks"]) != list(self.loaders):
            raise InputError(
                f"checkpoint: expected one of tasks {', '.join(self.loaders)}, "
                f"found {', '.join(state['tasks'])}"
            )
        steps = int(state["steps"])
        if steps and state["length"] != len(self):
            raise InputError(
                f"checkpoint: it was made in the middle of an epoch of {state['length']} steps, not "
                f"{len(self)}: of another batch size, number of ranks or set; begin with its weights instead "
                "of resuming it, --model.start_from FILE"
            )
        self.resumed_at = steps or None
        self._place.resume(int(state["epoch"]), steps)
        for name, loader in self.loaders.items():
            loader.load_state_dict(state["tasks"][name])

    def _next(self, running: dict[str, Iterator[Any]], name: str) -> Batch | PackedBatch:
        if name in running:
            for batch in running[name]:
                return batch  # type: ignore[no-any-return]
        running[name] = iter(self.loaders[name])
        return next(running[name])  # type: ignore[no-any-return]


def tasks_to_learn(tasks: Sequence[str], learned: Sequence[str] | None) -> list[str]:
    """The tasks to train on.

    Args:
        tasks: all tasks.
        learned: some of them; None for all.

    Raises:
        InputError: another task is named, or none is.
    """
    names = list(tasks) if learned is None else names_among(learned, tasks, "train_tasks")
    for name in names:
        if name not in tasks:
            raise InputError(f"train_tasks: expected some of {', '.join(tasks)}, found {name!r}")
    if not names:
        raise InputError("train_tasks: expected at least one task")
    return names


def joined(batches: Sequence[Any]) -> Batch | PackedBatch:
    """Batches of different tasks as one; `key` has the keys of all, in the order of tasks."""
    if isinstance(batches[0], PackedBatch):
        tensors: list[torch.Tensor] = []
        keys: list[str] = []
        parts: dict[str, Mapping[str, tuple[int, Scale | None]]] = {}
        for batch in batches:
            for task, places in batch.parts.items():
                parts[task] = {part: (place + len(tensors), scale) for part, (place, scale) in places.items()}
            tensors += list(batch.tensors)
            keys += list(batch.keys)
        return PackedBatch(keys, tensors, parts)
    joint: Batch = {"key": [key for batch in batches for key in batch["key"]]}
    for batch in batches:
        joint.update((name, entry) for name, entry in batch.items() if name != "key")
    return joint


def shares(batch_size: int, tasks: Sequence[str]) -> dict[str, int]:
    """Examples of each task in a mixed batch: as equal as possible, with more for the first tasks.

    Raises:
        InputError: fewer examples than tasks.
    """
    if batch_size < len(tasks):
        raise InputError(
            f"batch_size: expected at least {len(tasks)}, one example for each task, found {batch_size}"
        )
    each, remainder = divmod(batch_size, len(tasks))
    return {name: each + (place < remainder) for place, name in enumerate(tasks)}
