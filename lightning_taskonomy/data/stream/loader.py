"""The loader of a rank: its batches by plan, an exact length, and a position that a checkpoint can hold.

The position is the same on all ranks (epoch, samples done, order), so that the one checkpoint that Lightning
writes resumes every rank, even with another number of ranks or another batch size.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import leave_signals_to_parent, started
from lightning_taskonomy.data.stream.batches import Batch, PackedBatch
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.data.stream.handover import LeftBatch, Slots, batch_bytes
from lightning_taskonomy.data.stream.one_thread import one_thread
from lightning_taskonomy.data.stream.place_in_epochs import PlaceInPlan
from lightning_taskonomy.data.stream.plan import EpochPlan
from lightning_taskonomy.data.stream.reading import BrokenSampleError

log = logging.getLogger(__name__)

Integers = npt.NDArray[np.int64]
Request = tuple[int, Integers, int]
"""Epoch, samples, and the slot for their batch."""
Read = tuple[LeftBatch | PackedBatch | None, list[BrokenSampleError]]
_AHEAD = 3
"""Batches that each worker prepares ahead."""
_JUDGED_FROM = 1000
"""Samples after which the fraction of broken ones is judged: earlier, a single one would exceed it."""


class BrokenSamples:
    """Counts and logs samples that cannot be read, and stops the run when there are too many.

    Args:
        allowed_share: of all samples seen, 0 to 1.
    """

    def __init__(self, allowed_share: float) -> None:
        if not 0 <= allowed_share <= 1:
            raise InputError(f"broken_share: expected a share from 0 to 1, found {allowed_share:g}")
        self.allowed_share = allowed_share
        self.seen = 0
        self.reasons: Counter[str] = Counter()

    @property
    def all_are(self) -> bool:
        """Whether none of the samples seen could be read."""
        return self.reasons.total() == self.seen

    def count(self, samples: int, broken: list[BrokenSampleError]) -> None:
        """Count a batch.

        Raises:
            InputError: more broken samples than allowed; says how many, why, and names the last one.
        """
        self.seen += samples
        for error in broken:
            self.reasons[error.reason] += 1
            log.warning("skipped a broken sample: %s", error)
        total = sum(self.reasons.values())
        if broken and total > self.allowed_share * max(self.seen, _JUDGED_FROM):
            kinds = ", ".join(f"{count} x {reason}" for reason, count in self.reasons.most_common(5))
            raise InputError(
                f"{total} of {self.seen} samples are broken, more than the share of {self.allowed_share:g} "
                f"allowed ({kinds}); the last: {broken[-1]}"
            )


@dataclass(frozen=True)
class _Batches(Dataset[Read]):
    """What worker processes hold: they receive a request, and leave a batch in its slot."""

    examples: Examples
    slots: Slots | None

    def __getitem__(self, request: Request) -> Read:
        epoch, samples, slot = request
        if self.slots is None:
            return self.examples.batch(epoch, samples)
        writer = self.slots.writer(slot)
        batch, broken = self.examples.batch(epoch, samples, writer.allocate)
        return None if batch is None else writer.left(batch), broken


def _as_it_was(error: InputError) -> InputError:
    """A worker's error as it was raised there; it arrives with its traceback as text."""
    return InputError(str(error).rpartition(f"{InputError.__module__}.{InputError.__name__}: ")[2].strip())


class _Order:
    """The batches wanted next; read by the loader at the start of every epoch, in the main process."""

    def __init__(self) -> None:
        self.wanted: list[Request] = []

    def __iter__(self) -> Iterator[Request]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)


class PlannedLoader:
    """Batches of one rank, epoch after epoch.

    Args:
        examples: what a batch is made of.
        plan: which samples are in which batch.
        places: of the plan's samples in the index, (N,).
        rank: of this process.
        workers: processes that read and decode; 0 for none.
        broken_share: fraction of broken samples up to which they are skipped.
        packed: yield batches in their stored form, for a trainer that scales them on a GPU.
    """

    def __init__(
        self,
        examples: Examples,
        plan: EpochPlan,
        places: Integers,
        rank: int,
        workers: int,
        broken_share: float,
        packed: bool = False,
    ) -> None:
        self.packed, self.workers = packed, workers
        self.examples, self.plan, self.places, self.rank = examples, plan, places, rank
        self.broken = BrokenSamples(broken_share)
        self._order = _Order()
        self._loader: DataLoader[Read] | None = None
        self._slots: Slots | None = None
        self._place = PlaceInPlan(plan, rank)

    def __len__(self) -> int:
        """Batches of a whole epoch, resumed or not."""
        return self.plan.steps(self.rank)

    def __iter__(self) -> Iterator[Any]:
        """The batches (`Batch`, or `PackedBatch` if `packed`) of the next epoch.

        After `load_state_dict`, the rest of the interrupted one.
        """
        epoch, batches = self._place.begin()
        wanted = [self.places[batch] for batch in batches]
        if self._loader is None:
            self._loader = self._started(epoch, wanted)
        slots = len(self._slots) if self._slots is not None else 1
        self._order.wanted = [(epoch, samples, number % slots) for number, samples in enumerate(wanted)]
        try:
            for samples, (batch, broken) in zip(wanted, started(self._loader), strict=True):
                self.broken.count(len(samples), broken)
                # All ranks must make the same number of steps, so only a run on one rank can skip a batch.
                if batch is None and (self.plan.world_size > 1 or self.broken.all_are):
                    raise InputError(
                        f"a whole batch of {len(samples)} samples is broken; the last: {broken[-1]}"
                    )
                self._place.advance()
                if batch is not None:
                    yield self._detached(batch)
        except InputError as error:
            self.close()
            raise _as_it_was(error) from None

    def _detached(self, batch: LeftBatch | PackedBatch) -> Batch | PackedBatch:
        """A copy of the batch: its slot will be written to again."""
        if isinstance(batch, LeftBatch) and self._slots is not None:
            taken = self._slots.taken(batch)
            batch = taken.copied() if self.packed else taken
        assert isinstance(batch, PackedBatch)
        if self.packed:
            return batch
        with one_thread():  # while workers decode
            return batch.finished()

    def _started(self, epoch: int, wanted: Sequence[Integers]) -> "DataLoader[Read]":
        """Start the loader of batches; its slots are sized by the first sample that can be read."""
        if self.workers > 0:
            firsts = (self.examples.batch(epoch, samples[:1])[0] for samples in wanted)
            first = next((batch for batch in firsts if batch is not None), None)
            if first is not None:
                size = batch_bytes(first) * self.plan.batch_size
                self._slots = Slots(self.workers * _AHEAD + 2, size)
        return DataLoader(
            _Batches(self.examples, self._slots),
            batch_size=None,
            sampler=self._order,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=leave_signals_to_parent,
            prefetch_factor=_AHEAD if self.workers > 0 else None,
        )

    def close(self) -> None:
        """Stop the worker processes and close the shards; another epoch starts them again.

        Left to the garbage collector this takes ten seconds: it closes the queues before the workers are
        told.
        """
        self._loader, self._slots = None, None
        self.examples.shards.close()

    @property
    def resumed_at(self) -> int | None:
        """The batch at which an interrupted epoch resumes; None at the start of an epoch."""
        return self._place.resumed_at

    def state_dict(self) -> dict[str, Any]:
        """The position: what all ranks have yielded in the current epoch."""
        return self._place.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a position, whatever this loader has done before.

        Raises:
            InputError: it is in the middle of an epoch of other samples, or of another seed.
        """
        self._place.load_state_dict(state)
