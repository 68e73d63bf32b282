"""How sure is a taxonomy? What it would have been on other groups of images, and what it promises."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.decisions import RIVALS, Decisions, Measured, measured, sample_of
from lightning_taskonomy.taxonomy.intervals import (
    FEWEST_GROUPS,
    LEVEL,
    Interval,
    Luck,
    Sample,
    luck_of_choice,
    positive_interval,
    share_interval,
)
from lightning_taskonomy.taxonomy.losses import Floats
from lightning_taskonomy.taxonomy.program import TaxonomyProblem
from lightning_taskonomy.taxonomy.resampling import Integers, ResampledTournament
from lightning_taskonomy.taxonomy.sensitivity import spearman
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import BASELINES, OBJECTIVES, SELF, Objective

INTERVAL_COLUMNS = ("target", "sources", "measure", "value", "low", "high", "images", "groups")
_OTHERS_SHOWN = 5


@dataclass(frozen=True)
class Stability:
    """What a taxonomy would have been on other groups of images.

    Attributes:
        groups: from which the images come, of the target that has the fewest.
        resamplings: of the groups.
        objective: interval of the objective; None where there are too few groups.
        mean_gain: of the mean gain; None as well where it was not measured.
        mean_quality: of the mean quality.
        transfers: by target, the intervals of the chosen transfer by measure; empty for too few groups.
        sources: by source, the share of resamplings in which it is trained; those that never are left out.
        chosen: by target, then by transfer, the share of resamplings in which it is chosen.
        reliability: see `split_half`.
    """

    groups: int
    resamplings: int
    objective: Interval | None
    mean_gain: Interval | None
    mean_quality: Interval | None
    transfers: Mapping[str, Mapping[Objective, Interval]]
    sources: Mapping[str, float]
    chosen: Mapping[str, Mapping[str, float]]
    reliability: float | None

    @classmethod
    def of(
        cls,
        problem: TaxonomyProblem,
        taxonomy: Taxonomy,
        tournaments: Iterable[ResampledTournament],
        workers: int | None = None,
    ) -> "Stability":
        """Make the decision again in every resampling.

        Args:
            problem: what was solved.
            taxonomy: its answer.
            tournaments: of the targets at least, resampled together.
            workers: processes; by default as many as processors, if it takes long.

        Raises:
            InputError: a target without losses, or losses that are not those of the table.
        """
        tournaments = list(tournaments)
        decisions = Decisions.of(problem, tournaments)
        sources, chosen = _shares(decisions.made_again(workers), decisions)
        means: dict[Objective, Interval | None] = {}
        objective, transfers = None, {}
        groups = min(sample.groups for sample in decisions.samples.values())
        if groups >= FEWEST_GROUPS:
            places, again = decisions.places(taxonomy), decisions.made_again_from_alike(workers)
            objective = _of_objective(decisions, places, again)
            means = {name: _of_mean(decisions, name, places, again) for name in ("gain", "quality")}
            transfers = {
                decisions.candidates[place].target: _of_choice(decisions, place, again[:, column])
                for column, place in enumerate(places)
            }
        return cls(
            groups,
            decisions.resamplings,
            objective,
            means.get("gain"),
            means.get("quality"),
            transfers,
            sources,
            chosen,
            split_half(tournaments),
        )

    def as_json(self) -> dict[str, Any]:
        """The further keys of `taxonomy.json`."""
        intervals: dict[str, Any] = {
            "level": LEVEL,
            "groups": self.groups,
            "resamplings": self.resamplings,
        }
        if self.objective is None:
            intervals["reason"] = too_few(self.groups)
        else:
            intervals["objective"] = self.objective
            intervals["mean_gain"] = self.mean_gain
            intervals["mean_quality"] = self.mean_quality
            intervals["transfers"] = [
                {"target": target, **{measure: own.get(measure) for measure in OBJECTIVES}}
                for target, own in self.transfers.items()
            ]
        return {
            "intervals": intervals,
            "selection": {"sources": self.sources, "transfers": self.chosen},
            "reliability": self.reliability,
        }

    def lines(self, taxonomy: Taxonomy) -> list[str]:
        """What a terminal says of it."""
        means = (
            ("objective", self.objective),
            ("mean gain", self.mean_gain),
            ("mean quality", self.mean_quality),
        )
        known = [f"{name} {own.low:.3f} to {own.high:.3f}" for name, own in means if own is not None]
        kept = [f"{name} {self.sources.get(name, 0.0):.0%}" for name in taxonomy.sources]
        text = [
            f"{LEVEL:.0%} intervals over {self.groups} groups of images: {', '.join(known)}"
            if known
            else too_few(self.groups),
            f"trained in how many of {self.resamplings:,} resamplings: {', '.join(kept) or 'none'}",
        ]
        others = [
            name for name in self.sources if name not in taxonomy.sources and self.sources[name] >= 0.01
        ]
        others.sort(key=lambda name: -self.sources[name])
        if others:
            shown = [f"{name} {self.sources[name]:.0%}" for name in others[:_OTHERS_SHOWN]]
            text.append(f"  in their place: {', '.join(shown)}")
        if self.reliability is not None:
            text.append(
                f"affinities on two halves of the groups: Spearman {self.reliability:.2f} (mean over targets)"
            )
        return text


def too_few(groups: int) -> str:
    """Why there are no intervals."""
    images = "group of images" if groups == 1 else "groups of images"
    verb = "is" if groups == 1 else "are"
    return f"no intervals: {groups} {images} (such as buildings) {verb} too few, {FEWEST_GROUPS} are needed"


def split_half(tournaments: Iterable[ResampledTournament]) -> float | None:
    """How well two halves of the groups agree: Spearman's correlation of a target's first-order affinities.

    The mean over targets and ways to halve; `self` and the baselines are left out. None where no target has
    three transfers to rank, or where a half has no image.
    """
    found = []
    for own in tournaments:
        places = [
            place
            for place, name in enumerate(own.contenders)
            if "+" not in name and name not in BASELINES | {SELF}
        ]
        first, second = own.halves[:, :, places]
        rates = [
            spearman(one.tolist(), other.tolist())
            for one, other in zip(first, second, strict=True)
            if np.isfinite(one).all() and np.isfinite(other).all()
        ]
        known = [rate for rate in rates if np.isfinite(rate)]
        if known:
            found.append(float(np.mean(known)))
    return float(np.mean(found)) if found else None


def save_intervals(tournaments: Iterable[ResampledTournament], path: Path) -> None:
    """Write the interval of every contender's affinity, gain and quality as CSV, as if each had been fixed.

    Raises:
        InputError: the file cannot be written.
    """
    rows: list[tuple[object, ...]] = []
    for own in tournaments:
        for place, name in enumerate(own.contenders):
            for measure in OBJECTIVES:
                value = float(measured(own, np.array([place]), measure).values[0])
                if np.isnan(value):
                    continue
                interval = fixed_interval(own, place, measure)
                rows.append(
                    (
                        *(own.target, name, measure),
                        float(np.exp(value)) if measure == "affinity" else value,
                        *((None, None) if interval is None else interval),
                        *(own.tournament.images, own.groups),
                    )
                )
    write_csv(path, INTERVAL_COLUMNS, rows)


def fixed_interval(tournament: ResampledTournament, place: int, measure: Objective) -> Interval | None:
    """The interval of a contender fixed beforehand; None for too few groups, or where not measured."""
    sample = sample_of(tournament)
    number = measured(tournament, np.array([place]), measure)
    if not sample.suffices or np.isnan(number.values[0]):
        return None
    return _interval(measure, tournament.contenders[place], number, 0, Luck.of(number.errors[:, 0]), sample)


def _interval(
    measure: Objective, name: str, number: Measured, place: int, luck: Luck, sample: Sample
) -> Interval:
    """Of one place of some numbers, which belongs to the contender of a name."""
    value = float(number.values[place])
    if measure == "affinity":
        unbounded = positive_interval(float(np.exp(value)), luck, sample, float(number.shift[place]))
        return Interval(unbounded.low, min(unbounded.high, 1.0))  # affinities of a target sum to 1
    if name == RIVALS[measure]:
        return Interval(value, value)  # 0.5, by definition
    return share_interval(value, luck, sample)


def _of_choice(decisions: Decisions, place: int, again: Integers) -> dict[Objective, Interval]:
    """The intervals of a target's chosen transfer, given what is chosen in resamplings, (resamplings,)."""
    edge = decisions.candidates[place]
    found: dict[Objective, Interval] = {}
    for measure, number in decisions.numbers.items():
        if np.isnan(number.values[place]):
            continue
        luck = luck_of_choice(place, again, number.errors)
        found[measure] = _interval(measure, edge.label, number, place, luck, decisions.samples[edge.target])
    return found


def _of_mean(decisions: Decisions, measure: Objective, places: Integers, again: Integers) -> Interval | None:
    """The interval of the mean of a measure over the targets for which it was measured."""
    number = decisions.numbers[measure]
    known = ~np.isnan(number.values[places])
    if not known.any():
        return None
    places, again = places[known], again[:, known]
    rows = np.arange(len(again))[:, None]
    alone = number.errors[:, places].mean(axis=1)
    luck = Luck.of(number.errors[rows, again].mean(axis=1), alone)
    return share_interval(float(number.values[places].mean()), luck, _joint(decisions, places))


def _of_objective(decisions: Decisions, places: Integers, again: Integers) -> Interval:
    """The interval of importance times what is maximised, summed over the targets."""
    problem = decisions.problem
    number = decisions.numbers[problem.objective]
    targets = [decisions.candidates[place].target for place in places]
    weights = np.array([problem.importance.get(target, 1.0) for target in targets])
    if problem.objective != "affinity":
        rows = np.arange(len(again))[:, None]
        share = weights / max(weights.sum(), 1e-300)
        luck = Luck.of(number.errors[rows, again] @ share, number.errors[:, places] @ share)
        mean = share_interval(float(number.values[places] @ share), luck, _joint(decisions, places))
        return Interval(mean.low * weights.sum(), mean.high * weights.sum())

    def logarithm(values: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(np.exp(values) @ weights, 1e-300)))

    rows = np.arange(len(again))[:, None]
    seen = logarithm(number.values[again] + number.errors[rows, again]) - logarithm(number.values[again])
    alone = logarithm(number.values[places] + number.errors[:, places])
    value = logarithm(number.values[places][None, :])[0]
    shift = float(logarithm((number.values + number.shift)[places][None, :])[0] - value)
    luck = Luck.of(seen, alone)
    return positive_interval(float(np.exp(value)), luck, _joint(decisions, places), shift)


def _joint(decisions: Decisions, places: Integers) -> Sample:
    """What was judged for several targets together."""
    samples = [decisions.samples[decisions.candidates[place].target] for place in places]
    return Sample(
        sum(sample.images for sample in samples),
        min(sample.groups for sample in samples),
        max(sample.design_effect for sample in samples),
    )


def _shares(again: Integers, decisions: Decisions) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The share of resamplings in which each source is trained, and each target's transfers are chosen."""
    forced = set(decisions.problem.trained)
    trained: dict[str, int] = {}
    chosen: dict[str, dict[str, float]] = {}
    for row in again:
        names = forced.union(*(decisions.candidates[place].trained_tasks for place in row))
        for name in names:
            trained[name] = trained.get(name, 0) + 1
    for column in again.T:
        places, counts = np.unique(column, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        chosen[decisions.candidates[column[0]].target] = {
            decisions.candidates[place].label: count / len(again)
            for place, count in zip(places[order], counts[order].tolist(), strict=True)
        }
    return {name: trained[name] / len(again) for name in sorted(trained)}, chosen
