"""The tournament among the contenders for one target: on how many images each has the lower loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.ahp import affinities
from lightning_taskonomy.taxonomy.losses import Floats, LossTable
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF, Transfer

_AT_ONCE = 1_000_000
"""Up to this many comparisons are done in one array operation instead of a loop over contenders."""
_RANKED_FROM = 128
"""From this many contenders, the faster comparison of two-byte ranks outweighs the cost of sorting."""


@dataclass(frozen=True)
class Tournament:
    """The result of comparing every contender with every other on every image.

    Attributes:
        target: the task predicted.
        contenders: their names, (n,).
        win_rates: W, (n, n): the fraction of images on which i has a lower loss than j; a tie counts half
            for each, so that W + Wᵀ = 1. Exact: half-wins are counted as integers.
        mean_losses: mean loss of each contender, (n,).
        images: how many images were compared.
        dropped: how many were left out because a loss was missing.
    """

    target: str
    contenders: tuple[str, ...]
    win_rates: Floats
    mean_losses: Floats
    images: int
    dropped: int

    @classmethod
    def from_losses(cls, table: LossTable, drop_incomplete: bool = False) -> "Tournament":
        """Hold the tournament, reading the table block by block.

        Memory grows by only 8 bytes per image, used to find repeated keys.

        Args:
            table: the losses.
            drop_incomplete: leave out images with a missing or non-finite loss.

        Raises:
            InputError: fewer than two contenders, a missing or non-finite loss (names target, image and
                contender), a repeated image, or no images left.
        """
        count = len(table.contenders)
        if count < 2:
            raise InputError(f"{table.origin}: expected at least two contenders, found {count}")
        halves = np.zeros((count, count), np.int64)
        sums = np.zeros(count)
        images = dropped = 0
        hashes: list[NDArray[np.int64]] = []
        for keys, losses in table.blocks():
            hashes.append(np.fromiter(map(hash, keys), np.int64, len(keys)))
            complete = np.isfinite(losses).all(axis=1)
            if not complete.all():
                if not drop_incomplete:
                    raise _incomplete(table, keys, losses)
                dropped += int((~complete).sum())
                losses = losses[complete]
            count_half_wins(losses, halves)
            sums += losses.sum(axis=0)
            images += len(losses)
        _refuse_repeated(table, np.concatenate(hashes) if hashes else np.zeros(0, np.int64))
        if images == 0:
            left = f"; all {dropped} images are incomplete" if dropped else ""
            raise InputError(f"{table.origin}: the table has no complete row{left}")
        return cls.from_counts(table.target, table.contenders, halves, sums, images, dropped)

    @classmethod
    def from_counts(
        cls,
        target: str,
        contenders: Sequence[str],
        halves: NDArray[np.int64],
        sums: Floats,
        images: int,
        dropped: int = 0,
    ) -> "Tournament":
        """The tournament from counts, possibly summed over several processes or batches.

        Args:
            target: the task predicted.
            contenders: their names, (n,).
            halves: counts of half-wins from `count_half_wins`, (n, n).
            sums: sum of each contender's losses, (n,).
            images: how many were compared, at least 1.
            dropped: how many were left out.
        """
        upper = np.triu(halves, 1)
        win_rates = (upper + np.tril(2 * images - upper.T, -1)) / (2 * images)
        np.fill_diagonal(win_rates, 0.5)
        return cls(target, tuple(contenders), win_rates, sums / images, images, dropped)

    def affinities(self) -> Floats:
        """Each contender's component of the principal eigenvector (AHP), (n,)."""
        return affinities(self.win_rates)

    def transfers(self) -> tuple[Transfer, ...]:
        """The rows of the transfers table: affinity, win rate against scratch and against full supervision.

        Win rates against an absent contender are None.
        """
        gains = self._win_rates_against(SCRATCH)
        qualities = self._win_rates_against(SELF)
        rows = zip(self.contenders, self.affinities(), gains, qualities, strict=True)
        return tuple(
            Transfer(self.target, tuple(name.split("+")), float(affinity), gain, quality)
            for name, affinity, gain, quality in rows
        )

    def _win_rates_against(self, contender: str) -> list[float | None]:
        if contender not in self.contenders:
            return [None] * len(self.contenders)
        return [float(rate) for rate in self.win_rates[:, self.contenders.index(contender)]]


def count_half_wins(losses: Floats, halves: NDArray[np.int64]) -> None:
    """Add to `halves`, above its diagonal, 2 for every image that i wins against j and 1 for every tie.

    Losses, (images, n), are compared in a more compact but equivalent form: as ranks where there are many
    contenders, else in single precision on images where that separates all contenders.
    """
    if losses.shape[1] >= _RANKED_FROM:
        ranks = _ranks(losses)
        _count_pairs(ranks, halves, tied=bool((ranks.max(axis=1) < losses.shape[1] - 1).any()))
        return
    with np.errstate(over="ignore"):
        rough = losses.astype(np.float32)
    ordered = np.sort(rough, axis=1)
    alike = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    _count_pairs(rough[~alike], halves, tied=False)
    _count_pairs(losses[alike], halves, tied=True)


def _count_pairs(values: NDArray[Any], halves: NDArray[np.int64], tied: bool) -> None:
    """Compare each contender with all later ones; `tied` if an image may have equal values."""
    if values.size * values.shape[1] <= _AT_ONCE:
        wins = (values[:, :, None] < values[:, None, :]).sum(axis=0)
        halves += np.triu(2 * wins + (values[:, :, None] == values[:, None, :]).sum(axis=0), 1)
        return
    rows = np.ascontiguousarray(values.T)
    for first in range(len(rows) - 1):
        others = rows[first + 1 :]
        # Counts over a block fit into two bytes, so sums vectorise well.
        wins = (rows[first] < others).view(np.int8).sum(axis=1, dtype=np.int16)
        halves[first, first + 1 :] += 2 * wins.astype(np.int64)
        if tied:
            halves[first, first + 1 :] += (rows[first] == others).view(np.int8).sum(axis=1, dtype=np.int16)


def _ranks(losses: Floats) -> NDArray[np.int16] | NDArray[np.int32]:
    """Ranks within each image, equal for equal losses, (images, n)."""
    kind = np.int16 if losses.shape[1] < np.iinfo(np.int16).max else np.int32
    order = np.argsort(losses, axis=1)
    higher = np.diff(np.take_along_axis(losses, order, axis=1), axis=1) > 0
    steps = np.zeros(losses.shape, kind)
    np.cumsum(higher, axis=1, dtype=kind, out=steps[:, 1:])
    ranks = np.empty(losses.shape, kind)
    np.put_along_axis(ranks, order, steps, axis=1)
    return ranks


def _incomplete(table: LossTable, keys: Sequence[str], losses: Floats) -> InputError:
    row, column = np.argwhere(~np.isfinite(losses))[0]
    return InputError(
        f"{table.origin}: target {table.target}, image {keys[row]}, contender {table.contenders[column]}: "
        f"expected a finite loss, found {losses[row, column]:g} (--drop-incomplete leaves such images out)"
    )


def _refuse_repeated(table: LossTable, hashes: NDArray[np.int64]) -> None:
    """Compare the keys themselves only where hashes collide."""
    ordered = np.sort(hashes)
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    seen: set[str] = set()
    for keys, _ in table.blocks():
        for key in keys:
            if hash(key) in suspects:
                if key in seen:
                    raise InputError(f"{table.origin}: image {key} appears in more than one row")
                seen.add(key)
