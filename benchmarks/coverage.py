"""How often intervals hold the truth, on simulated losses whose truth is known.

python -m benchmarks.coverage [SIMULATIONS]

Losses are normal: a mean per contender, an effect of the group (building) on each contender, and noise. So a
win rate is known in closed form, and the affinities follow from the win rates.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.ahp import affinities
from lightning_taskonomy.taxonomy.losses import Floats
from lightning_taskonomy.taxonomy.recommendation import Recommendation
from lightning_taskonomy.taxonomy.resampling import resampled
from lightning_taskonomy.taxonomy.stability import fixed_interval

RESAMPLINGS = 200
COLUMNS = (
    *("transfers", "images", "groups", "effect of a group", "means"),
    *("held", "held before", "false sure", "before", "false first", "best missed", "width"),
    *("held: a fixed gain", "a fixed affinity"),
)
MEANS = (
    "equal to scratch",
    "equal, better",
    "a little apart",
    "apart",
    "a quarter as scratch",
    "nearly always",
)
SHAPES = (
    (2, 20, 20, 0.0),
    (2, 100, 10, 0.5),
    (5, 500, 10, 0.5),
    (25, 256, 256, 0.0),
    (25, 256, 16, 0.5),
    (100, 200, 10, 0.0),
    (5, 1000, 100, 0.5),
    (5, 100, 5, 0.5),
    (25, 240, 8, 0.5),
    (100, 500, 50, 0.5),
    (5, 48, 2, 0.5),
)
"""Transfers, images, groups and the effect of a group."""


@dataclass(frozen=True)
class World:
    """Where losses come from.

    Attributes:
        name: of the means.
        transfers: how many compete, besides training from scratch.
        images: judged.
        groups: they come from, all of the same size; as many as images for none.
        effect: standard deviation of a group's effect on a contender; the noise's is 1.
    """

    name: str
    transfers: int
    images: int
    groups: int
    effect: float

    def means(self, rng: np.random.Generator) -> Floats:
        """Mean losses of the transfers; scratch's is 0."""
        n = self.transfers
        match self.name:
            case "equal to scratch":
                return np.zeros(n)
            case "equal, better":
                return np.full(n, -0.7)
            case "a little apart":
                return rng.normal(-0.3, 0.1, n)
            case "apart":
                return rng.normal(0, 0.5, n)
            case "a quarter as scratch":
                return np.where(np.arange(n) < max(n // 4, 1), 0.0, 1.5)
            case _:
                return rng.normal(-3.2, 0.3, n)

    def table(self, rng: np.random.Generator, means: Floats) -> LossTable:
        """Losses of scratch and the transfers."""
        group = np.arange(self.images) % self.groups
        shape = (self.groups, self.transfers + 1)
        effects = rng.normal(0, self.effect, shape)[group] if self.effect else 0.0
        losses = np.r_[0.0, means] + effects + rng.normal(0, 1, (self.images, self.transfers + 1))
        names = ["pixels", *(f"t{index}" for index in range(self.transfers))]
        keys = [f"{own}/{index}" for index, own in enumerate(group)]
        return LossTable.from_arrays("target", keys, names, losses)

    def win_rates(self, means: Floats) -> Floats:
        """The true ones, of scratch and the transfers."""
        every = np.r_[0.0, means]
        return np.asarray(stats.norm.cdf((every[None, :] - every[:, None]) / np.sqrt(2 + 2 * self.effect**2)))


@dataclass(frozen=True)
class Outcome:
    """What one simulation gave; None where there were too few groups.

    Attributes:
        held: the recommendation's interval holds the true gain of what was chosen.
        width: of that interval.
        old_held: the interval that was given before holds it.
        sure: the recommendation is sure, though what was chosen is no better than scratch.
        old_sure: the old interval lies above one half, though it is not.
        first: one is told from all others, though all are equal; None where they are not.
        best_missed: the transfer of the highest true affinity is told from what was chosen.
        fixed_held: the interval of the first transfer's gain, whatever was chosen, holds.
        affinity_held: the interval of its affinity holds.
    """

    held: bool
    width: float
    old_held: bool
    sure: bool
    old_sure: bool
    first: bool | None
    best_missed: bool
    fixed_held: bool
    affinity_held: bool


def simulated(world: World, seed: int) -> Outcome | None:
    """One table, judged."""
    rng = np.random.default_rng(seed)
    means = world.means(rng)
    table = world.table(rng, means)
    true_rates = world.win_rates(means)
    true_affinities = affinities(true_rates)
    (tournament,) = resampled([table], RESAMPLINGS, seed)
    found = Recommendation.of_tournament(tournament)
    if found.interval is None:
        return None
    chosen = table.contenders.index(found.sources[0])
    truth = float(true_rates[chosen, 0])
    ((_, losses),) = table.blocks()
    low, high = image_wise(losses[:, chosen] < losses[:, 0], rng)
    best = table.contenders[int(true_affinities[1:].argmax()) + 1]
    gain = fixed_interval(tournament, 1, "gain")
    affinity = fixed_interval(tournament, 1, "affinity")
    assert gain is not None
    assert affinity is not None
    return Outcome(
        found.interval.low <= truth <= found.interval.high,
        found.interval.high - found.interval.low,
        low <= truth <= high,
        found.is_sure and truth <= 0.5,
        low > 0.5 >= truth,
        not found.alike if np.ptp(means) == 0 else None,
        best not in (found.sources[0], *found.alike),
        gain.low <= true_rates[1, 0] <= gain.high,
        affinity.low <= true_affinities[1] <= affinity.high,
    )


def image_wise(won: NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float]:
    """The interval that was given before: percentiles over resampled images, the choice not counted."""
    drawn = rng.binomial(len(won), won.mean(), 2_000) / len(won)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def several(world: World, seeds: list[int]) -> list[Outcome | None]:
    """A process's share of the simulations."""
    return [simulated(world, seed) for seed in seeds]


def worlds() -> Iterator[World]:
    """Those of the table."""
    for shape in SHAPES:
        for means in MEANS:
            yield World(means, *shape)


def row(world: World, outcomes: list[Outcome]) -> str:
    """A line of the table, in percent."""

    def share(name: str) -> str:
        values = [getattr(outcome, name) for outcome in outcomes]
        return "" if None in values else f"{100 * np.mean(values):.1f}"

    width = np.mean([outcome.width for outcome in outcomes])
    cells = [share(name) for name in ("held", "old_held", "sure", "old_sure", "first", "best_missed")]
    fixed = [share(name) for name in ("fixed_held", "affinity_held")]
    return " | ".join([*cells, f"{width:.3f}", *fixed])


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|")
    for number, world in enumerate(worlds()):
        count = max(simulations // (1 + world.transfers // 100), 2)
        parts = [(world, part.tolist()) for part in np.array_split(np.arange(count) + 10_000 * number, 2)]
        outcomes = [outcome for part in in_processes(several, parts, 2) for outcome in part]
        shape = f"{world.transfers} | {world.images} | {world.groups} | {world.effect:g} | {world.name}"
        judged = [outcome for outcome in outcomes if outcome is not None]
        print(f"| {shape} | {row(world, judged) if judged else 'too few groups'} |", flush=True)


if __name__ == "__main__":
    main()
