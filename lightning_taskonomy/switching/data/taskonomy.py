"""Packed shards for multi-task networks: tasks of the dictionary in turn."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.batches import Batch, PackedBatch
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from lightning_taskonomy.data.stream.place_in_epochs import ResumableDataModule
from lightning_taskonomy.switching.data.switched_loader import (
    SwitchedLoader,
    Switching,
    TaskLoader,
    shares,
    tasks_to_learn,
)


class SwitchingTaskonomy(ResumableDataModule):
    """Streams packed shards for several tasks of one view.

    In training, `switching` determines whether a batch is for one task, has each task's own images, or has
    every label of its images; an image without a task's label is left out for that task only. Evaluation
    visits every image that has all labels once, and its batches have all labels.

    Args:
        shards: the packed folder, as for `TaskonomyDataModule`.
        tasks: names of the dictionary.
        size: pixels per side of inputs and labels.
        batch_size: images per batch and rank.
        num_workers: processes per rank and task that read and decode.
        seed: of the order of samples and of tasks.
        switching: `epoch` (a task's whole set before the next task's, as published), `batch` (a task per
            batch), `mixed` (each task's own images in every batch) or `all` (every label of each image).
        train_samples: number of training samples, the first ones; by default all.
        val_samples: number of validation samples.
        test_samples: number of test samples.
        train_tasks: tasks to train on, if others are only evaluated; by default all.
    """

    def __init__(
        self,
        shards: str,
        tasks: list[str],
        size: int = 256,
        batch_size: int = 16,
        num_workers: int = 1,
        seed: int = 0,
        switching: Switching = "epoch",
        train_samples: int | None = None,
        val_samples: int | None = None,
        test_samples: int | None = None,
        train_tasks: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.batch_size, self.switching, self.seed = batch_size, switching, seed

        def data_module(names: Sequence[str], examples: int) -> TaskonomyDataModule:
            return TaskonomyDataModule(
                shards,
                list(names),
                size=size,
                batch_size=examples,
                num_workers=num_workers,
                seed=seed,
                train_samples=train_samples,
                val_samples=val_samples,
                test_samples=test_samples,
            )

        self._together = data_module(tasks, batch_size)
        self.tasks = self._together.tasks
        multi_view = [task.name for task in self.tasks if task.views > 1]
        if multi_view:
            raise InputError(f"tasks: expected tasks of one view, found {multi_view[0]}")
        names = tasks_to_learn([task.name for task in self.tasks], train_tasks)
        self._learned = data_module(names, batch_size)
        examples = shares(batch_size, names) if switching == "mixed" else dict.fromkeys(names, batch_size)
        self._alone = {name: data_module([name], examples[name]) for name in names}

    @classmethod
    def require(cls, arguments: Mapping[str, Any], stage: str) -> None:
        """Check that the split exists.

        Raises:
            InputError: it does not.
        """
        TaskonomyDataModule.require(arguments, stage)

    def setup(self, stage: str) -> None:
        """Give the parts the trainer, from which they take their ranks."""
        for part in (self._together, self._learned, *self._alone.values()):
            part.trainer = self.trainer

    def train_dataloader(self) -> TaskLoader:
        """Tasks in turn, or all together; the same number of steps on all ranks."""
        loader: TaskLoader = (
            self._learned.train_dataloader()
            if self.switching == "all"
            else SwitchedLoader(
                {name: part.train_dataloader() for name, part in self._alone.items()},
                self.switching,
                self.seed,
            )
        )
        self.learn_from(loader)
        return loader

    def val_dataloader(self) -> TaskLoader:
        """Every sample of the validation split once, with all labels."""
        return self._together.val_dataloader()

    def test_dataloader(self) -> TaskLoader:
        """Every sample of the test split once, with all labels."""
        return self._together.test_dataloader()

    def predict_dataloader(self) -> TaskLoader:
        """The test split."""
        return self.test_dataloader()

    def on_after_batch_transfer(self, batch: Batch | PackedBatch, dataloader_idx: int) -> Batch:
        """Scale the stored values of a batch that was transferred to a GPU."""
        return batch.finished() if isinstance(batch, PackedBatch) else batch
