"""The loader of a rank: its batches by plan, an exact length, and a position that a checkpoint can hold.

The position is the same on all ranks (epoch, batches done, plan), so that the one checkpoint that Lightning
writes resumes every rank; nothing else is needed to go on in the middle of an epoch.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.data.stream.examples import Batch, Examples
from lightning_taskonomy.data.stream.plan import EpochPlan
from lightning_taskonomy.data.stream.reading import BrokenSampleError
from lightning_taskonomy.errors import InputError

log = logging.getLogger(__name__)

Integers = npt.NDArray[np.int64]
Read = tuple[Batch | None, list[BrokenSampleError]]
_JUDGED_FROM = 1000
"""Samples after which the share of broken ones is judged: earlier, one of them would be too large a share."""


class BrokenSamples:
    """Counts what cannot be read, names each kind once, and stops the run when it is too much.

    Args:
        allowed_share: of all samples seen, 0 to 1.
    """

    def __init__(self, allowed_share: float) -> None:
        if not 0 <= allowed_share <= 1:
            raise InputError(f"broken_share: expected a share from 0 to 1, found {allowed_share:g}")
        self.allowed_share = allowed_share
        self.seen = 0
        self.reasons: Counter[str] = Counter()

    def count(self, samples: int, broken: list[BrokenSampleError]) -> None:
        """Take note of a batch.

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
    """What worker processes hold: they are sent (epoch, samples) and send back a batch."""

    examples: Examples

    def __getitem__(self, wanted: tuple[int, Integers]) -> Read:
        return self.examples.batch(*wanted)


class _Order:
    """The batches wanted next; read anew by the loader at the start of every epoch, in the main process."""

    def __init__(self) -> None:
        self.wanted: list[tuple[int, Integers]] = []

    def __iter__(self) -> Iterator[tuple[int, Integers]]:
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
        broken_share: share of broken samples up to which they are skipped.
    """

    def __init__(
        self,
        examples: Examples,
        plan: EpochPlan,
        places: Integers,
        rank: int,
        workers: int,
        broken_share: float,
    ) -> None:
        self.examples, self.plan, self.places, self.rank = examples, plan, places, rank
        self.broken = BrokenSamples(broken_share)
        self._order = _Order()
        self._loader: DataLoader[Read] = DataLoader(
            _Batches(examples),
            batch_size=None,
            sampler=self._order,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers > 0 else None,
        )
        self._epoch = 0
        self._start = 0
        self._done = 0

    def __len__(self) -> int:
        """Batches of a whole epoch, resumed or not."""
        return self.plan.steps(self.rank)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch; after `load_state_dict`, the rest of the interrupted one."""
        epoch, start = self._epoch, self._start
        self._running, self._done = epoch, start
        self._epoch, self._start = epoch + 1, 0
        wanted = self.plan.batches(epoch, self.rank, start)
        self._order.wanted = [(epoch, self.places[batch]) for batch in wanted]
        for samples, (batch, broken) in zip(wanted, self._loader, strict=True):
            self.broken.count(len(samples), broken)
            self._done += 1
            if batch is None:
                raise InputError(f"a whole batch of {len(samples)} samples is broken; the last: {broken[-1]}")
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position: what has been handed out in the running epoch."""
        finished = self._done >= len(self)
        return {
            "epoch": self._epoch if finished or self._done == 0 else self._running,
            "batches": 0 if finished else self._done,
            "plan": self.plan.fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position, whatever this loader has done before.

        Raises:
            InputError: the position is one of another plan: other shards, batch size, ranks or seed.
        """
        if state["plan"] != self.plan.fingerprint:
            raise InputError(
                "checkpoint: its place in the data belongs to other shards, batch size, number of ranks or "
                "seed; start from its weights instead of resuming it"
            )
        self._epoch, self._start = int(state["epoch"]), int(state["batches"])
        self._done = 0

    _running = 0
