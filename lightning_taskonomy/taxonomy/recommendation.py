"""A plain answer for one target: what to start from, and on how many images that will beat scratch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.intervals import (
    FEWEST_GROUPS,
    LEVEL,
    SURE,
    Interval,
    Sample,
    alike,
    chosen_again,
    luck_of_choice,
    share_interval,
)
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.resampling import RESAMPLINGS, ResampledTournament, resampled
from lightning_taskonomy.taxonomy.transfers import BASELINES, SCRATCH, SELF

_NAMED = 3
"""Of those that cannot be told from the first, how many a sentence names."""


@dataclass(frozen=True)
class Recommendation:
    """What to start from for one target.

    The interval holds the true gain of what was chosen, on other groups (buildings) of images of the same
    kind; it counts that the transfer was chosen on these images.

    Attributes:
        target: the task predicted.
        sources: the transfer with the highest affinity.
        gain: share of these images on which it beats training from scratch; a tie is half an image.
        expected: the gain without what the choice flatters it by; `gain` where there are too few groups.
        interval: of the true gain, at 95 %; None where there are too few groups.
        is_sure: whether it beats scratch, at 99 %.
        images: how many were compared.
        groups: they come from.
        alike: further transfers that cannot be told from it, the best first; all where groups are too few.
    """

    target: str
    sources: tuple[str, ...]
    gain: float
    expected: float
    interval: Interval | None
    is_sure: bool
    images: int
    groups: int
    alike: tuple[str, ...]

    @classmethod
    def of(
        cls,
        table: LossTable,
        max_order: int | None = None,
        resamplings: int = RESAMPLINGS,
        seed: int = 0,
    ) -> "Recommendation":
        """From the losses of a target's contenders.

        Args:
            table: with the contender `pixels`, training from scratch.
            max_order: sources of a transfer, at most; by default any number.
            resamplings: of the groups.
            seed: of the resamplings.

        Raises:
            InputError: the table lacks training from scratch, or has no transfers.
        """
        if SCRATCH not in table.contenders:
            raise InputError(f"{table.origin}: expected a column {SCRATCH!r}, training from scratch")
        _transfers(table.contenders, table.origin, max_order)
        (tournament,) = resampled([table], resamplings, seed)
        return cls.of_tournament(tournament, max_order)

    @classmethod
    def of_tournament(cls, resampled: ResampledTournament, max_order: int | None = None) -> "Recommendation":
        """From a resampled tournament in which `pixels` took part.

        Raises:
            InputError: it has no transfers.
        """
        tournament = resampled.tournament
        names = _transfers(tournament.contenders, f"losses of {tournament.target}", max_order)
        sample = Sample(tournament.images, resampled.groups, resampled.design_effect)
        places = resampled.places([name.split("+") for name in names])
        values = np.log(resampled.affinities[places])
        errors = sample.errors(resampled.log_affinities[:, places])
        ordered = alike(values, errors, sample)
        chosen = int(values.argmax())
        scratch = tournament.contenders.index(SCRATCH)
        gain = float(tournament.win_rates[places[chosen], scratch])
        interval, expected, sure = None, gain, False
        if sample.suffices:
            of_gain = sample.errors(resampled.rivals[SCRATCH][:, places])
            luck = luck_of_choice(chosen, chosen_again(values, errors), of_gain)
            interval = share_interval(gain, luck, sample)
            expected = min(max(gain - luck.mean, interval.low), interval.high)
            sure = share_interval(gain, luck, sample, 2 * SURE - 1).low > 0.5
        return cls(
            tournament.target,
            tuple(names[chosen].split("+")),
            gain,
            expected,
            interval,
            sure,
            tournament.images,
            resampled.groups,
            tuple(names[place] for place in ordered if place != chosen),
        )

    def sentence(self, samples: int | None = None) -> str:
        """The answer in plain words, a line or two.

        Args:
            samples: labelled images that transfers have learned from.
        """
        given = "" if samples is None else f" with {samples:,} images"
        sources = " + ".join(self.sources)
        judged = f"{self.images:,} images of {self.groups:,} groups judged"
        start = f"For {self.target}{given} start from {sources}"
        if self.interval is None:
            return (
                f"{start} or from scratch: it beat scratch on {100 * self.gain:.0f} % of images, which may "
                f"be luck ({judged}, too few groups for an interval: {FEWEST_GROUPS} are needed)."
            )
        low, high = (100 * end for end in self.interval)
        margin = f"{100 * self.expected:.0f} % of images ({low:.0f} to {high:.0f} %, {judged})"
        if self.interval.high < 0.5:
            return (
                f"For {self.target}{given} start from scratch: the best transfer, from {sources}, beats that "
                f"on no more than {margin}."
            )
        if not self.is_sure:
            return f"{start} or from scratch: it beats scratch on {margin}, which may be luck."
        text = f"{start}; expect to beat scratch on {margin}."
        if self.alike:
            named = [" + ".join(name.split("+")) for name in self.alike[:_NAMED]]
            more = len(self.alike) - len(named)
            others = f" and {more} more" if more else ""
            text += f" {', '.join(named)}{others} may do as well."
        return text


def explained() -> str:
    """What the intervals of a recommendation are, in a sentence."""
    return (
        f"In brackets: {100 * LEVEL:.0f} % intervals over groups of images (such as buildings); they count "
        "that the transfer was chosen on the same images."
    )


def _transfers(contenders: Sequence[str], origin: str, max_order: int | None) -> list[str]:
    special = BASELINES | {SELF}
    found = [
        name
        for name in contenders
        if special.isdisjoint(name.split("+")) and (max_order is None or name.count("+") < max_order)
    ]
    if not found:
        raise InputError(f"{origin}: expected transfers, found {', '.join(contenders)}")
    return found
