"""Which samples make up which batch of which rank: a pure function of seed, epoch and world size.

Every rank computes the same order of all samples and takes its own share, so nothing is exchanged, all ranks
have the same number of steps, and any batch of any epoch can be computed, which is what resuming needs.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError

Integers = npt.NDArray[np.int64]

MIXED_SHARDS = 8
"""Shards whose samples are shuffled among each other: all of them are open, or downloaded, at once."""


@dataclass(frozen=True)
class EpochPlan:
    """How the samples of a split are distributed.

    Attributes:
        samples: how many samples each shard has, (shards,).
        batch_size: samples per batch and rank.
        world_size: how many ranks there are.
        seed: of the shuffling.
        shuffled: for training: a new order every epoch, full batches only, the same number on every rank
            (fewer than `batch_size` x `world_size` samples are left over, different ones each epoch). For
            evaluation: in order, every sample once; ranks may differ by a sample, and the last batch may be
            smaller.
    """

    samples: tuple[int, ...]
    batch_size: int
    world_size: int
    seed: int
    shuffled: bool

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(f"batch_size: expected at least 1, found {self.batch_size}")
        if self.shuffled and sum(self.samples) < self.batch_size * self.world_size:
            raise InputError(
                f"batch_size: {self.batch_size} on {self.world_size} ranks needs "
                f"{self.batch_size * self.world_size} samples for one step; the split has {sum(self.samples)}"
            )

    @property
    def fingerprint(self) -> str:
        """Equal for plans of the same order, whatever their batch size and number of ranks.

        After the same number of samples of an epoch, both have then done the same ones.
        """
        content = repr((self.samples, self.seed, self.shuffled))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def batch_of_all(self) -> int:
        """Samples that all ranks together learn from in a step."""
        return self.batch_size * self.world_size

    def place_after(self, done: int) -> tuple[int, int]:
        """Where to resume a shuffled epoch of which some samples are done, whatever the batch size was.

        Args:
            done: samples done by all ranks together.

        Returns:
            The number of the next batch, so that the epoch keeps its usual length; and how many samples later
            it begins than in a whole epoch. At least one batch is left, if need be of samples already done.
        """
        total = sum(self.samples)
        left = max((total - done) // self.batch_of_all, 1)
        start = self.steps(0) - left
        return start, min(done, total - self.batch_of_all) - start * self.batch_of_all

    def steps(self, rank: int) -> int:
        """Batches of a rank in one epoch; the same for all ranks when shuffled."""
        total = sum(self.samples)
        if self.shuffled:
            return total // (self.batch_size * self.world_size)
        return -(-len(range(rank, total, self.world_size)) // self.batch_size)

    def batches(self, epoch: int, rank: int, start: int = 0, later: int = 0) -> list[Integers]:
        """The samples of each batch of a rank, by their place in the index.

        Args:
            epoch: 0 for the first.
            rank: of this process.
            start: batches to skip.
            later: further samples that a shuffled epoch skips; see `place_after`.
        """
        order = self.order(epoch)
        if not self.shuffled:
            mine = order[rank :: self.world_size]
            return [
                mine[at : at + self.batch_size]
                for at in range(start * self.batch_size, len(mine), self.batch_size)
            ]
        return [
            order[later + step * self.batch_of_all + rank * self.batch_size :][: self.batch_size]
            for step in range(start, self.steps(rank))
        ]

    def order(self, epoch: int) -> Integers:
        """All samples in an epoch's order: shards shuffled, then samples within groups of shards, (N,)."""
        starts = np.concatenate([[0], np.cumsum(self.samples)]).astype(np.int64)
        if not self.shuffled:
            return np.arange(starts[-1])
        random = np.random.default_rng([self.seed, epoch])
        shards = random.permutation(len(self.samples))
        parts = []
        for first in range(0, len(shards), MIXED_SHARDS):
            group = shards[first : first + MIXED_SHARDS]
            parts.append(
                random.permutation(np.concatenate([np.arange(starts[s], starts[s + 1]) for s in group]))
            )
        return np.concatenate(parts)
