"""Intervals from resampled groups, for what was fixed beforehand and for what was chosen on the same images.

What is chosen for having done best has done better than it will: part of its lead was luck. How much is found
by choosing again in every resampling and comparing what the choice seemed to be worth with what it was worth.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from lightning_taskonomy.taxonomy.losses import Floats
from lightning_taskonomy.taxonomy.resampling import Integers

LEVEL = 0.95
"""How often an interval holds the truth."""
SURE = 0.99
"""How sure one must be that a difference is none of luck's before it is called sure."""
FEWEST_GROUPS = 5
"""With fewer groups no interval is given."""
_TOLD = 2.0
"""Independent images of the rarer outcome from which its variance between groups can be seen."""
_REACH = 5.0
"""Deviations behind the best from which a contender cannot be as good."""


class Interval(NamedTuple):
    """From where to where the truth lies."""

    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """What was judged.

    Attributes:
        images: how many.
        groups: they come from.
        design_effect: by which factor groups make shares less certain than unrelated images would.
    """

    images: int
    groups: int
    design_effect: float = 1.0

    @property
    def suffices(self) -> bool:
        """Whether there are groups enough for an interval."""
        return self.groups >= FEWEST_GROUPS

    def deviations(self, level: float) -> float:
        """Student's t: how many standard deviations the two-sided interval of a level reaches."""
        return float(stats.t.ppf((1 + level) / 2, self.groups - 1))

    def errors(self, resampled: Floats) -> Floats:
        """What chance adds, from what resampling gave, (resamplings, …): centred and as wide as it should be.

        A resampling of G groups varies by √(G − 1)/√G too little.
        """
        wider = math.sqrt(self.groups / max(self.groups - 1, 1))
        return np.asarray((resampled - resampled.mean(axis=0)) * wider)


@dataclass(frozen=True)
class Luck:
    """What chance has added to a figure, seen in resamplings.

    Attributes:
        mean: on average: how much a choice flatters what it chose; 0 where nothing was chosen.
        variance: around that.
    """

    mean: float
    variance: float

    @classmethod
    def of(cls, errors: Floats, alone: Floats | None = None) -> "Luck":
        """From the error in every resampling.

        Args:
            errors: of what is chosen, (resamplings,).
            alone: of what was chosen, as if it had been fixed, (…,). The best of many equals varies less than
                any of them, but whether they are equal is not known: a quarter of the difference is kept.
        """
        variance = float(errors.var(ddof=1))
        if alone is not None:
            variance = max(variance, (3 * variance + float(alone.var(ddof=1))) / 4)
        return cls(float(errors.mean()), variance)


def share_interval(share: float, luck: Luck, sample: Sample, level: float = LEVEL) -> Interval:
    """The interval of a share of images, such as a win rate: Wilson's, with as many images as groups leave.

    Its effective number of images comes from the variance between groups, its deviations from Student's t. A
    share next to 0 or 1 shows little of that variance: there the design effect of all contenders stands in.

    Args:
        share: won; half a tie is won.
        luck: what chance has added to it.
        sample: what was judged.
        level: how often the interval is to hold the truth.
    """
    rarer = sample.images * min(share, 1 - share)
    kept = (sample.images * share + 0.5) / (sample.images + 1)
    usual = sample.design_effect * kept * (1 - kept) / sample.images
    trust = rarer / (rarer + _TOLD * sample.design_effect)
    variance = trust * luck.variance + (1 - trust) * max(usual, luck.variance)
    centre = min(max(share - luck.mean, 0.0), 1.0)
    # The number of independent images with this variance.
    images = max(kept * (1 - kept), 1e-12) / variance
    squared = sample.deviations(level) ** 2 / images
    middle = (centre + squared / 2) / (1 + squared)
    half = math.sqrt(squared * centre * (1 - centre) + squared**2 / 4) / (1 + squared)
    low = 0.0 if share == 0 else max(middle - half, 0.0)
    high = 1.0 if share == 1 else min(middle + half, 1.0)
    return Interval(low, high)


def positive_interval(
    value: float, luck: Luck, sample: Sample, shift: float = 0.0, level: float = LEVEL
) -> Interval:
    """The interval of a positive number, such as an affinity, whose `luck` is that of its logarithm.

    Args:
        value: the number.
        luck: what chance has added to its logarithm.
        sample: what was judged.
        shift: how far the middle of the resampled logarithms lies off; far only where win rates next to 0 or
            1, of which a few images tell little, make up the number. The interval then reaches that far.
        level: how often the interval is to hold the truth.
    """
    centre = math.log(value) - luck.mean
    half = sample.deviations(level) * math.sqrt(luck.variance)
    low, high = centre + min(shift, 0.0) - half, centre + max(shift, 0.0) + half
    return Interval(math.exp(low), math.exp(high))


def shrunken(values: Floats, errors: Floats, reach: float = math.inf) -> Floats:
    """Values moved together until they differ as the true ones may: chance has driven them apart.

    Values that differ by no more than chance become equal; those that differ by much stay where they are.

    Args:
        values: of the contenders, (n,).
        errors: what chance adds in every resampling, (resamplings, n).
        reach: only contenders at most so many deviations behind the best are moved, where the best is what
            matters: how far others lie behind says nothing of how alike these are.
    """
    if len(values) < 2:
        return values
    best = int(values.argmax())
    deviations = (errors - errors[:, [best]]).std(axis=0)
    near = (values[best] - values <= reach * deviations) if math.isfinite(reach) else values <= values[best]
    if near.sum() < 2:
        return values
    relative = errors[:, near] - errors[:, near].mean(axis=1, keepdims=True)
    chance = float((relative**2).mean(axis=0).sum() / (near.sum() - 1))
    seen = float(values[near].var(ddof=1))
    kept = math.sqrt(max(1 - chance / seen, 0.0)) if seen > 0 else 1.0
    moved = values.copy()
    moved[near] = values[near].mean() + kept * (values[near] - values[near].mean())
    return moved


def chosen_again(values: Floats, errors: Floats) -> Integers:
    """Which contender would have been chosen, (resamplings,), had chance fallen otherwise; see `shrunken`."""
    return np.asarray((shrunken(values, errors, _REACH) + errors).argmax(axis=1))


def luck_of_choice(chosen: int, again: Integers, errors: Floats) -> Luck:
    """What chance has added to a figure of the chosen contender, because it was chosen.

    Args:
        chosen: the contender's place.
        again: which would have been chosen in the first resamplings.
        errors: what chance adds to the figure of every contender, (resamplings, n).
    """
    return Luck.of(errors[np.arange(len(again)), again], errors[:, chosen])


def alike(values: Floats, errors: Floats, sample: Sample) -> Integers:
    """The contenders that cannot be told from the best, the best first, by place (Hsu's comparison).

    One that is truly best is among them with a probability of `SURE`, however many contenders there are.

    Args:
        values: of the contenders, (n,); the higher the better.
        errors: what chance adds in every resampling, (resamplings, n).
        sample: what was judged.
    """
    count = len(values)
    order = np.argsort(-values, kind="stable")
    if count < 2 or not sample.suffices:
        return order
    together = errors.T @ errors / len(errors)
    alone = np.diag(together)
    deviations = np.sqrt(np.maximum(alone[:, None] + alone - 2 * together, 1e-24))
    behind = ((values[:, None] - values) / deviations).max(axis=0)
    # Against one other it is told apart from here on; against all the others from there on.
    single = sample.deviations(2 * SURE - 1)
    luck = (1 - SURE) / (count - 1)
    every = sample.deviations(1 - 2 * luck)
    wider = every / float(stats.norm.isf(luck))
    kept = []
    for place in order:
        least = single
        if single < behind[place] < every:
            differences = (errors - errors[:, [place]]) / deviations[:, place]
            least = float(np.quantile(differences.max(axis=1), SURE)) * wider
        if behind[place] <= least:
            kept.append(int(place))
    return np.array(kept, np.int64)
