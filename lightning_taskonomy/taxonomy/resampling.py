"""Tournaments held again and again on resampled groups of images: what other buildings would have shown.

Images of one building are alike, so whole groups are drawn with replacement, the same for every target. Wins
are counted once per group; a resampled tournament is then a weighted sum of those counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.ahp import affinities_of_many
from lightning_taskonomy.taxonomy.losses import Floats, LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF

RESAMPLINGS = 1000
SPLITS = 20
"""Ways to halve the groups."""
MOST_GROUPS = 500
"""More groups than this are put together at random: nothing is learned from still more of them."""
_COUNTS_HELD = 100_000_000
"""Numbers that the counts of a table may take up."""
_FEW = 8
"""Images that are compared pair by pair sooner than contender by contender."""
_RATES_AT_ONCE = 250_000
"""Few enough to stay near the processor."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """The groups that are drawn: all that any table names.

    Attributes:
        places: by name of a group, its place.
        count: how many places there are.
    """

    places: Mapping[str, int]
    count: int

    @classmethod
    def of(cls, tables: Iterable[LossTable]) -> "Groups":
        """The groups of all tables; where there are very many, several at random share a place."""
        names: set[str] = set()
        contenders = 2
        for table in tables:
            contenders = max(contenders, len(table.contenders))
            for own in table.groups():
                names.update(own)
        ordered = sorted(names)
        most = max(min(MOST_GROUPS, _COUNTS_HELD // contenders**2), 50)
        count = min(len(ordered), most)
        order = np.arange(len(ordered))
        if count < len(ordered):
            np.random.default_rng(len(ordered)).shuffle(order)
        return cls({name: int(place) % count for name, place in zip(ordered, order, strict=True)}, count)

    def weights(self, resamplings: int, seed: int) -> Floats:
        """How often each resampling draws each group, (resamplings, count)."""
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(self.count, np.full(self.count, 1 / self.count), resamplings)
        return drawn.astype(np.float64)

    def splits(self, seed: int) -> Floats:
        """Half of the groups, 1 for those drawn, in several ways, (SPLITS, count)."""
        rng = np.random.default_rng([seed, 2])
        return (rng.random((SPLITS, self.count)).argsort(axis=1) < self.count // 2).astype(np.float64)


@dataclass(frozen=True)
class GroupCounts:
    """One target's wins, counted in each group.

    Attributes:
        images: complete ones in each group, (G,).
        halves: 2 for a win of contender i against j, 1 for a tie, summed over the images of each group,
            (G, pairs), i before j as `numpy.triu_indices` lists them. Whole numbers, in single precision.
        contenders: how many.
    """

    images: Floats
    halves: NDArray[np.float32]
    contenders: int

    @classmethod
    def of(cls, table: LossTable, groups: Groups) -> "GroupCounts":
        """Count, leaving out images with a missing or non-finite loss."""
        n = len(table.contenders)
        above = np.triu_indices(n, 1)
        images = np.zeros(groups.count)
        halves = np.zeros((groups.count, len(above[0])), np.float32)
        for (_, losses), names in zip(table.blocks(), table.groups(), strict=True):
            complete = np.isfinite(losses).all(axis=1)
            places = np.array([groups.places[name] for name in names], np.int64)[complete]
            order = np.argsort(places, kind="stable")
            losses, places = losses[complete][order], places[order]
            starts = np.flatnonzero(np.diff(places, prepend=-1))
            for at, own in zip(starts, np.split(losses, starts[1:]), strict=False):
                halves[places[at]] += _half_wins(own, above)
                images[places[at]] += len(own)
        return cls(images, halves, n)

    @cached_property
    def groups(self) -> int:
        """How many groups have an image."""
        return int((self.images > 0).sum())

    @cached_property
    def design_effect(self) -> float:
        """By which factor groups make win rates less certain than as many unrelated images would, 1 or more.

        The variance between groups over that of independent images, pooled over all pairs of contenders.
        """
        if self.groups < 2:
            return 1.0
        total = self.images.sum()
        wins = self.halves / 2
        shares = wins.sum(axis=0, dtype=np.float64) / total
        # The squares of wins − images × share, summed over groups without holding their differences.
        squares = np.einsum("gp,gp->p", wins, wins, dtype=np.float64)
        mixed = self.images.astype(np.float32) @ wins
        left = squares - 2 * shares * mixed + shares**2 * (self.images**2).sum()
        between = float(left.sum()) * self.groups / (self.groups - 1) / total**2
        alone = (shares * (1 - shares)).sum() / total
        return max(float(between / alone), 1.0) if alone > 0 else 1.0

    def halved(self, splits: Floats, start: Floats) -> Floats:
        """The affinities on either half of the groups, (2, splits, n); NaN where a half has no image.

        Args:
            splits: 1 for the groups of the one half, 0 for those of the other, (splits, G).
            start: affinities of all groups, (n,).
        """
        both = np.concatenate([splits, 1 - splits])
        images = both @ self.images
        found = np.full((len(both), self.contenders), np.nan)
        some = images > 0
        if some.any():
            shares = both[some].astype(np.float32) @ self.halves / (2 * images[some, None])
            found[some] = affinities_of_many(self._square(shares.astype(np.float32)), start)
        return found.reshape(2, len(splits), self.contenders)

    def win_rates(self, weights: Floats, seed: int = 0) -> Iterator[NDArray[np.float32]]:
        """The win rates of the resampled tournaments, in blocks of (resamplings, n, n).

        A contender that wins every image would win every image of every resampling. So that its rate is not
        taken for certain, each pair is given one more image, more with a design effect, of random outcome.

        Args:
            weights: how often each group is drawn, (resamplings, G).
            seed: of the outcomes.
        """
        rng = np.random.default_rng([seed, self.contenders])
        drawn = weights @ self.images
        if not drawn.all():  # none of the few groups of this target was drawn: no news
            weights = np.where((drawn > 0)[:, None], weights, 1.0)
            drawn = weights @ self.images
        extra = np.float32(min(self.design_effect, float(self.images.sum()) / max(self.groups, 1)))
        block = max(_RATES_AT_ONCE // self.contenders**2, 1)
        for start in range(0, len(weights), block):
            own = slice(start, start + block)
            wins = weights[own].astype(np.float32) @ self.halves / 2
            luck = rng.random(wins.shape, np.float32)
            yield self._square((wins + extra * luck) / (drawn[own, None].astype(np.float32) + extra))

    def _square(self, shares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Win rates of all pairs, from those of i against j for i before j, (resamplings, pairs)."""
        n = self.contenders
        above = np.triu_indices(n, 1)
        rates = np.full((len(shares), n, n), 0.5, np.float32)
        rates[:, above[0], above[1]] = shares
        rates[:, above[1], above[0]] = 1 - shares
        return rates


@dataclass(frozen=True)
class ResampledTournament:
    """One target's tournament, and what it would have been on other groups.

    Attributes:
        tournament: on the images as they are.
        groups: that have an image.
        design_effect: see `GroupCounts.design_effect`.
        affinities: of each contender, (n,).
        log_affinities: their logarithms in every resampling, (resamplings, n).
        rivals: by rival, `pixels` and `self` where they took part, win rates against it, (resamplings, n).
        halves: affinities on two halves of the groups, (2, splits, n).
    """

    tournament: Tournament
    groups: int
    design_effect: float
    affinities: Floats
    log_affinities: Floats
    rivals: Mapping[str, Floats]
    halves: Floats

    @classmethod
    def of(
        cls,
        table: LossTable,
        groups: Groups,
        weights: Floats,
        seed: int = 0,
        drop_incomplete: bool = False,
    ) -> "ResampledTournament":
        """Hold the tournament on the table and on every resampling of its groups.

        Args:
            table: the losses.
            groups: of this and all other tables that are resampled together.
            weights: of `groups`.
            seed: of what is not drawn by `weights`.
            drop_incomplete: leave out images with a missing or non-finite loss.

        Raises:
            InputError: as `Tournament.from_losses`.
        """
        tournament = Tournament.from_losses(table, drop_incomplete)
        counts = GroupCounts.of(table, groups)
        affinities = tournament.affinities()
        logs: list[Floats] = []
        against: dict[str, list[Floats]] = {name: [] for name in (SCRATCH, SELF) if name in table.contenders}
        places = {name: table.contenders.index(name) for name in against}
        for rates in counts.win_rates(weights, seed):
            logs.append(np.log(affinities_of_many(rates, affinities)))
            for name, place in places.items():
                against[name].append(rates[:, :, place].astype(np.float64))
        return cls(
            tournament,
            counts.groups,
            counts.design_effect,
            affinities,
            np.concatenate(logs),
            {name: np.concatenate(rates) for name, rates in against.items()},
            counts.halved(groups.splits(seed), affinities),
        )

    @property
    def target(self) -> str:
        """The task predicted."""
        return self.tournament.target

    @property
    def contenders(self) -> tuple[str, ...]:
        """Their names, (n,)."""
        return self.tournament.contenders

    def places(self, names: Sequence[Iterable[str]]) -> Integers:
        """Where contenders, each given by its sources in any order, stand; (names,).

        Raises:
            InputError: one of them took no part.
        """
        known = {frozenset(name.split("+")): place for place, name in enumerate(self.contenders)}
        found = []
        for sources in names:
            place = known.get(frozenset(sources))
            if place is None:
                raise InputError(
                    f"losses of {self.target}: no contender {'+'.join(sources)}, a transfer of the table"
                )
            found.append(place)
        return np.array(found, np.int64)


def _half_wins(losses: Floats, above: tuple[Integers, Integers]) -> Integers:
    """Twice the wins and the ties of each pair over some images, (pairs,)."""
    if len(losses) < _FEW:
        signs = (losses[:, above[0]] < losses[:, above[1]]) * 2 + (losses[:, above[0]] == losses[:, above[1]])
        return np.asarray(signs.sum(axis=0))
    counted = np.zeros((losses.shape[1],) * 2, np.int64)
    count_half_wins(losses, counted)
    return np.asarray(counted[above])


def resampled(
    tables: Sequence[LossTable],
    resamplings: int = RESAMPLINGS,
    seed: int = 0,
    drop_incomplete: bool = False,
) -> list[ResampledTournament]:
    """Every table's tournament on the same resampled groups.

    Raises:
        InputError: as `Tournament.from_losses`.
    """
    groups = Groups.of(tables)
    weights = groups.weights(resamplings, seed)
    return [ResampledTournament.of(table, groups, weights, seed, drop_incomplete) for table in tables]
