"""The DataModule: shards in, batches of the chosen tasks out."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.batches import Batch, PackedBatch
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.data.stream.loader import PlannedLoader
from lightning_taskonomy.data.stream.partners import WHOLE_SPLIT, Span
from lightning_taskonomy.data.stream.place_in_epochs import ResumableDataModule
from lightning_taskonomy.data.stream.plan import EpochPlan
from lightning_taskonomy.data.stream.reading import require_packed
from lightning_taskonomy.data.stream.statistics import COLORIZATION, measured, with_colour_weights
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.losses import SoftCrossEntropy

log = logging.getLogger(__name__)


class TaskonomyDataModule(ResumableDataModule):
    """Streams packed shards to the trainer's ranks.

    Only the domains that the tasks need are read. Training epochs are shuffled and have the same number of
    steps on every rank; evaluation epochs visit every sample once. A checkpoint holds the place in the epoch.

    Args:
        shards: the packed folder: a path; `https://…`, `s3://…` or `gs://…`; or `pipe:COMMAND` with `{path}`.
            Braces name several: `sets/{a,b}`, `sets/part-{00..12}`.
        tasks: names of the dictionary.
        size: pixels per side of inputs and labels.
        batch_size: samples per batch and rank.
        num_workers: processes per rank that read and decode.
        seed: for order, noise and crops.
        broken_share: fraction of broken samples up to which they are counted, logged and skipped.
        statistics: means and deviations of vectors and the rarity of colours: `taskonomy`, those of
            Taskonomy's own data, or `own`, measured on this set's training split. The rarity of colours in
            Taskonomy's own data is not part of this package: with `taskonomy`, colorization weights all
            colours equally.
        colour_weights: a file with the weights of colorization's 313 bins, `.npy` or text.
        train_split: the split to learn from; transfers learn from `val`.
        train_samples: how many of its samples to use, from the first on (buildings are mixed); partners are
            taken from these too. By default all.
        val_samples: how many to validate on; if `val` is the training split, those after the training
            samples.
        test_samples: how many to test on.
    """

    def __init__(
        self,
        shards: str,
        tasks: list[str],
        size: int = 256,
        batch_size: int = 32,
        num_workers: int = 2,
        seed: int = 0,
        broken_share: float = 0.001,
        statistics: Literal["taskonomy", "own"] = "taskonomy",
        colour_weights: str | None = None,
        train_split: Literal["train", "val", "test"] = "train",
        train_samples: int | None = None,
        val_samples: int | None = None,
        test_samples: int | None = None,
    ) -> None:
        super().__init__()
        numbers = {"train_samples": train_samples, "val_samples": val_samples, "test_samples": test_samples}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise InputError(f"{name}: expected at least 1, found {number}")
        if not tasks:
            raise InputError("tasks: expected at least one task")
        if num_workers < 0:
            raise InputError(f"num_workers: expected at least 0, found {num_workers}")
        self.shards, self.size, self.batch_size = str(shards), size, batch_size
        self.tasks = [task_named(name) for name in tasks]
        self.num_workers, self.seed, self.broken_share = num_workers, seed, broken_share
        self.train_split = train_split
        self.train_samples, self.val_samples, self.test_samples = train_samples, val_samples, test_samples
        self._to_measure = statistics == "own"
        if colour_weights is not None:
            self.tasks = [with_colour_weights(task, Path(colour_weights)) for task in self.tasks]
        self._loaders: list[PlannedLoader] = []

    @classmethod
    def require(cls, arguments: Mapping[str, Any], stage: str) -> None:
        """Check that the split exists.

        Raises:
            InputError: it does not.
        """
        splits = {"fit": arguments.get("train_split", "train"), "validate": "val"}
        require_packed(arguments["shards"], splits.get(stage, "test"))

    def setup(self, stage: str) -> None:
        """Measure the statistics that the tasks need."""
        if self._to_measure:
            self.tasks = [measured(task, self.shards, self.size, self.seed) for task in self.tasks]
            self._to_measure = False
        unweighted = [
            task for task in self.tasks if task.name == COLORIZATION and task.loss == SoftCrossEntropy()
        ]
        first = self.trainer is None or self.trainer.is_global_zero
        if stage == "fit" and unweighted and first:
            log.warning(
                "colorization: all colours have equal weights, unlike the published setting; "
                "statistics: own measures their weights, colour_weights: FILE supplies them"
            )

    def train_dataloader(self) -> PlannedLoader:
        """Shuffled, with the same number of steps on all ranks."""
        loader = self.loader(self.train_split, shuffled=True, within=Span(0, self.train_samples))
        self.learn_from(loader)
        return loader

    def val_dataloader(self) -> PlannedLoader:
        """Every validation sample once."""
        return self.loader("val", shuffled=False, within=self.validated)

    def test_dataloader(self) -> PlannedLoader:
        """Every test sample once."""
        return self.loader("test", shuffled=False, within=Span(0, self.test_samples))

    def predict_dataloader(self) -> PlannedLoader:
        """As for testing."""
        return self.test_dataloader()

    @property
    def validated(self) -> Span:
        """The samples of `val` that are validated on."""
        learned = self.train_samples or 0 if self.train_split == "val" else 0
        return Span(learned, None if self.val_samples is None else learned + self.val_samples)

    def loader(
        self,
        split: str,
        shuffled: bool,
        rank: int | None = None,
        world_size: int | None = None,
        within: Span = WHOLE_SPLIT,
    ) -> PlannedLoader:
        """The loader of a split.

        Args:
            split: `train`, `val` or `test`.
            shuffled: for training.
            rank: of this process; by default the trainer's.
            world_size: how many ranks there are; by default the trainer's.
            within: the samples that views are taken from; by default all.

        Raises:
            InputError: not a packed split, or no sample has what the tasks need.
        """
        # The trainer knows rank and world size; worker processes could not find them out and are told.
        trainer = self.trainer
        rank = rank if rank is not None else trainer.global_rank if trainer is not None else 0
        world = world_size if world_size is not None else trainer.world_size if trainer is not None else 1
        examples = Examples.of(
            self.shards, split, self.tasks, self.size, self.seed, same_each_epoch=not shuffled, within=within
        )
        eligible = examples.eligible()
        places = np.flatnonzero(eligible)
        if within.first >= len(eligible):
            raise InputError(
                f"{self.shards}/{split}: it has {len(eligible)} samples, and all are trained on "
                f"(train_samples: {within.first}); none is left to validate on"
            )
        if within.end is not None and within.end > len(eligible):
            log.warning("%s: %d samples were requested; there are %d", split, within.end, len(eligible))
        if len(places) == 0:
            raise InputError(
                f"{self.shards}/{split}: no sample has all of {', '.join(examples.shards.domains)}"
            )
        requested = len(range(len(eligible))[slice(*within)])
        if len(places) < requested:
            log.warning(
                "%s: %d of %d samples lack a label or a view that %s needs: left out",
                split,
                requested - len(places),
                requested,
                ", ".join(task.name for task in self.tasks),
            )
        samples = _per_shard(examples.shards.index.samples.tolist(), eligible)
        plan = EpochPlan(samples, self.batch_size, world, self.seed, shuffled)
        packed = trainer is not None and trainer.strategy.root_device.type != "cpu"
        loader = PlannedLoader(examples, plan, places, rank, self.num_workers, self.broken_share, packed)
        self._loaders.append(loader)
        return loader

    def teardown(self, stage: str) -> None:
        """Stop the worker processes."""
        for loader in self._loaders:
            loader.close()
        self._loaders.clear()

    def on_after_batch_transfer(self, batch: Batch | PackedBatch, dataloader_idx: int) -> Batch:
        """Scale a batch that has arrived on a GPU in its stored form."""
        return batch.finished() if isinstance(batch, PackedBatch) else batch


def _per_shard(samples: Sequence[int], eligible: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """How many eligible samples each shard has; shards without any are left out."""
    bounds = np.concatenate([[0], np.cumsum(samples)])
    counts = (int(eligible[first:last].sum()) for first, last in itertools.pairwise(bounds))
    return tuple(count for count in counts if count)
