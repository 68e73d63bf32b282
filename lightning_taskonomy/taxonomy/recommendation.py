"""A plain answer for one target: what to start from, and on how many images that will beat scratch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament
from lightning_taskonomy.taxonomy.transfers import BASELINES, SCRATCH, SELF

DRAWS = 10_000
LEVEL = 0.95
"""Share of resamples that an interval holds."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recommendation:
    """What to start from for one target.

    Intervals are over images: were other images of the same kind held out, the share would come out
    otherwise. They do not count that the transfer was chosen on these images.

    Attributes:
        target: the task predicted.
        sources: the transfer with the highest affinity.
        gain: share of images on which it beats training from scratch; a tie is half an image.
        low: lower end of the 95 % interval of the gain.
        high: its upper end.
        images: how many were compared.
        next_best: the transfer with the second highest affinity; None where there is no other.
        surer: share of resamples in which the first beats the second on more than half of the images.
    """

    target: str
    sources: tuple[str, ...]
    gain: float
    low: float
    high: float
    images: int
    next_best: str | None
    surer: float | None

    @classmethod
    def of(
        cls, table: LossTable, max_order: int | None = None, draws: int = DRAWS, seed: int = 0
    ) -> "Recommendation":
        """From the losses of a target's contenders.

        Args:
            table: with the contender `pixels`, training from scratch.
            max_order: sources of a transfer, at most; by default any number.
            draws: resamples of the bootstrap.
            seed: of the draws.

        Raises:
            InputError: the table lacks training from scratch, or has no transfers.
        """
        if SCRATCH not in table.contenders:
            raise InputError(f"{table.origin}: expected a column {SCRATCH!r}, training from scratch")
        ranked = _ranked(table, max_order)
        best = ranked[0]
        rivals = [SCRATCH, *ranked[1:2]]
        outcomes = _outcomes(table, best, rivals)
        shares = bootstrap_shares(outcomes[0], draws, seed)
        low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
        surer = None
        if len(rivals) > 1:
            surer = float((bootstrap_shares(outcomes[1], draws, seed) > 0.5).mean())
        return cls(
            table.target,
            tuple(best.split("+")),
            float(_share(outcomes[0])),
            low,
            high,
            int(outcomes[0].sum()),
            rivals[1] if len(rivals) > 1 else None,
            surer,
        )

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval lies above one half."""
        return self.low > 0.5

    def sentence(self, samples: int | None = None) -> str:
        """The answer in plain words, a line or two.

        Args:
            samples: labelled images that transfers have learned from.
        """
        given = "" if samples is None else f" with {samples:,} images"
        sources = " + ".join(self.sources)
        margin = f"{100 * self.gain:.0f} % ± {max(100 * (self.high - self.low) / 2, 0.5):.0f} %"
        if self.high < 0.5:
            return (
                f"For {self.target}{given} start from scratch: the best transfer, from {sources}, beats that "
                f"on no more than {margin} of images ({self.images:,} judged)."
            )
        start = f"For {self.target}{given} start from {sources}"
        if not self.is_sure:
            return (
                f"{start} or from scratch: it beats scratch on {margin} of images, which may be luck "
                f"({self.images:,} images judged)."
            )
        text = f"{start}; expect to beat scratch on {margin} of images ({self.images:,} judged)."
        if self.next_best is not None and self.surer is not None and self.surer < LEVEL:
            text += f" {' + '.join(self.next_best.split('+'))} may do as well."
        return text


def bootstrap_shares(outcomes: Integers, draws: int, seed: int) -> Floats:
    """The share won in each of many resamples of the images, (draws,).

    Drawing images with replacement is drawing their outcomes: how many of each kind come is multinomial.

    Args:
        outcomes: images won, tied and lost, (3,).
        draws: resamples.
        seed: of the draws.
    """
    images = int(outcomes.sum())
    drawn = np.random.default_rng(seed).multinomial(images, outcomes / images, draws)
    return np.asarray((drawn[:, 0] + 0.5 * drawn[:, 1]) / images)


def _share(outcomes: Integers) -> float:
    return float((outcomes[0] + 0.5 * outcomes[1]) / outcomes.sum())


def _ranked(table: LossTable, max_order: int | None) -> list[str]:
    """The transfers by affinity among all contenders, the best first."""
    tournament = Tournament.from_losses(table)
    order = np.argsort(-tournament.affinities(), kind="stable")
    ranked = [tournament.contenders[place] for place in order]
    special = BASELINES | {SELF}
    found = [
        name
        for name in ranked
        if special.isdisjoint(name.split("+")) and (max_order is None or name.count("+") < max_order)
    ]
    if not found:
        raise InputError(f"{table.origin}: expected transfers, found {', '.join(table.contenders)}")
    return found


def _outcomes(table: LossTable, best: str, rivals: Iterable[str]) -> list[Integers]:
    """Images won, tied and lost against each rival."""
    place = table.contenders.index(best)
    others = [table.contenders.index(rival) for rival in rivals]
    counts = [np.zeros(3, np.int64) for _ in others]
    for _, losses in table.blocks():
        for count, other in zip(counts, others, strict=True):
            signs = np.sign(losses[:, place] - losses[:, other])
            count += [(signs < 0).sum(), (signs == 0).sum(), (signs > 0).sum()]
    return counts
