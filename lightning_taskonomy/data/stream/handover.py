"""Shared memory in which workers leave batches for the trainer, reused for every batch.

Passing tensors between processes maps new memory for every batch, which can cost as much as decoding. Here a
few slots are mapped once. Every request names its slot, and there are more slots than requests in flight, so
that a slot is free again before its next request is sent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from lightning_taskonomy.data.stream.batches import PackedBatch

_ALIGNED_BYTES = 64


class Place(NamedTuple):
    """Where a tensor lies in a slot.

    Attributes:
        offset: in bytes.
        dtype: of the tensor.
        shape: of the tensor.
    """

    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        """The byte after its last one."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    def tensor(self, memory: torch.Tensor) -> torch.Tensor:
        """The tensor there, in a slot's bytes."""
        return memory[self.offset : self.end].view(self.dtype).view(self.shape)


@dataclass(frozen=True)
class LeftBatch:
    """A batch that a worker has left in a slot.

    Attributes:
        batch: without its tensors.
        slot: number of the slot.
        places: of its tensors there.
    """

    batch: PackedBatch
    slot: int
    places: Sequence[Place]


class Slots:
    """The slots of a loader; made by the trainer's process and sent to its workers.

    Args:
        count: how many.
        size: bytes in each.
    """

    def __init__(self, count: int, size: int) -> None:
        memory = torch.empty(count, size, dtype=torch.uint8)
        self.memory: torch.Tensor = memory.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.memory)

    def writer(self, slot: int) -> "SlotWriter":
        """A writer that fills a slot from its beginning."""
        return SlotWriter(self.memory[slot], slot)

    def taken(self, left: LeftBatch) -> PackedBatch:
        """The batch; its tensors lie in the slot, and are valid until the slot's next request."""
        memory = self.memory[left.slot]
        return replace(left.batch, tensors=[place.tensor(memory) for place in left.places])


class SlotWriter:
    """Allocates the tensors of one batch in a slot's memory.

    Args:
        memory: of the slot, bytes.
        slot: its number.
    """

    def __init__(self, memory: torch.Tensor, slot: int) -> None:
        self._memory, self._slot = memory, slot
        self._places: list[Place] = []
        self._fits = True

    def allocate(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Memory for a tensor: in the slot, or elsewhere when the slot is full."""
        end = self._places[-1].end if self._places else 0
        place = Place(-(-end // _ALIGNED_BYTES) * _ALIGNED_BYTES, dtype, shape)
        if not self._fits or place.end > len(self._memory):
            self._fits = False
            return torch.empty(shape, dtype=dtype)
        self._places.append(place)
        return place.tensor(self._memory)

    def left(self, batch: PackedBatch) -> LeftBatch | PackedBatch:
        """The batch made of the allocated tensors: as left in the slot, or whole if it did not fit."""
        if not self._fits:
            return replace(batch, tensors=[tensor.clone() for tensor in batch.tensors])
        return LeftBatch(replace(batch, tensors=[]), self._slot, self._places)


def batch_bytes(batch: PackedBatch) -> int:
    """The size of a slot for a batch like this one."""
    return sum(tensor.nbytes + _ALIGNED_BYTES for tensor in batch.tensors)
