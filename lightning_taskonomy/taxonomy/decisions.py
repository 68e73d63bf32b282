"""The whole decision made again on resampled groups: tournament, affinities and the boolean program."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.taxonomy.intervals import Sample, shrunken
from lightning_taskonomy.taxonomy.losses import Floats
from lightning_taskonomy.taxonomy.program import RelatedPrograms, TaxonomyProblem
from lightning_taskonomy.taxonomy.resampling import Integers, ResampledTournament
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import OBJECTIVES, SCRATCH, SELF, Objective, Transfer

RIVALS: Mapping[Objective, str] = {"gain": SCRATCH, "quality": SELF}
"""Against whom a win rate is."""
_SAME = 1e-6
"""Numbers of a table and of losses that differ by less are the same."""
_TRIED = 10
_WORTH_PROCESSES = 4.0
"""Seconds of work from which processes are worth their start."""


@dataclass(frozen=True)
class Measured:
    """One number of every candidate, and what chance adds to it.

    Attributes:
        values: the number, an affinity's logarithm; NaN where it was not measured, (E,).
        errors: what chance adds in every resampling, (resamplings, E).
        shift: how far the middle of the resampled values lies off the value, (E,).
    """

    values: Floats
    errors: Floats
    shift: Floats


@dataclass(frozen=True)
class Decisions:
    """The candidates of a program with what resampling tells of them.

    Attributes:
        problem: the problem.
        candidates: E of them, as `RelatedPrograms` lists them.
        samples: what was judged, by target.
        numbers: affinity, gain and quality of the candidates.
    """

    problem: TaxonomyProblem
    candidates: tuple[Transfer, ...]
    samples: Mapping[str, Sample]
    numbers: Mapping[Objective, Measured]

    @classmethod
    def of(cls, problem: TaxonomyProblem, tournaments: Iterable[ResampledTournament]) -> "Decisions":
        """Bring candidates and tournaments together.

        Args:
            problem: the problem.
            tournaments: of its targets at least, resampled together.

        Raises:
            InputError: a target without losses, or losses that are not those of the table.
        """
        held = {own.target: own for own in tournaments}
        candidates = RelatedPrograms(problem).candidates
        targets = sorted({edge.target for edge in candidates})
        for target in targets:
            if target not in held:
                raise InputError(f"losses: expected a table of every target, found none of {target}")
        samples = {target: sample_of(held[target]) for target in targets}
        of_target = [[edge for edge in candidates if edge.target == target] for target in targets]
        numbers: dict[Objective, Measured] = {}
        for measure in OBJECTIVES:
            parts = [
                measured(held[target], held[target].places([edge.sources for edge in edges]), measure)
                for target, edges in zip(targets, of_target, strict=True)
            ]
            numbers[measure] = Measured(
                np.concatenate([part.values for part in parts]),
                np.concatenate([part.errors for part in parts], axis=1),
                np.concatenate([part.shift for part in parts]),
            )
        decisions = cls(problem, candidates, samples, numbers)
        decisions._require_same_losses()
        return decisions

    @property
    def resamplings(self) -> int:
        """How many."""
        return len(self.numbers["affinity"].errors)

    def places(self, taxonomy: Taxonomy) -> Integers:
        """The candidates that a taxonomy chose, by target, (T,)."""
        known = {(edge.target, edge.sources): place for place, edge in enumerate(self.candidates)}
        return np.array([known[own.target, own.sources] for own in taxonomy.transfers], np.int64)

    def made_again(self, workers: int | None = None) -> Integers:
        """What is chosen in every resampling, candidates by target, (resamplings, T).

        Args:
            workers: processes; by default as many as processors, if it takes long.
        """
        own = self.numbers[self.problem.objective]
        return self._solved(own.values + own.errors, workers)

    def made_again_from_alike(self, workers: int | None = None) -> Integers:
        """The same from candidates that differ only as the true ones may (see `shrunken`), a third as often.

        What is chosen then is flattered by chance as much as what was chosen is.
        """
        own = self.numbers[self.problem.objective]
        errors = own.errors[: max(self.resamplings // 3, 2)]
        values = own.values.copy()
        for target in self.samples:
            rivals = [
                place
                for place, edge in enumerate(self.candidates)
                if edge.target == target and not (edge.is_self or edge.is_scratch)
            ]
            values[rivals] = shrunken(values[rivals], errors[:, rivals])
        return self._solved(values + errors, workers)

    def _solved(self, worths: Floats, workers: int | None) -> Integers:
        if self.problem.objective == "affinity":
            worths = np.exp(worths)
        start = time.monotonic()
        first = choices(self.problem, worths[:_TRIED])[1]
        left = (time.monotonic() - start) / len(first) * (len(worths) - len(first))
        if workers is None:
            workers = 1 if left < _WORTH_PROCESSES else len(os.sched_getaffinity(0))
        parts = [part for part in np.array_split(worths[_TRIED:], max(workers, 1)) if len(part)]
        tasks = [(self.problem, part, place) for place, part in enumerate(parts)]
        found = dict(in_processes(choices, tasks, workers))
        return np.concatenate([first, *(found[place] for place in sorted(found))])

    def _require_same_losses(self) -> None:
        """The table's numbers must be those of the losses, or the intervals would be about another table."""
        for measure, own in self.numbers.items():
            for place, edge in enumerate(self.candidates):
                value = float(np.exp(own.values[place]) if measure == "affinity" else own.values[place])
                written = edge.measured(measure)
                if written is None or np.isnan(value):
                    continue
                if abs(value - written) > _SAME * max(1.0 if measure != "affinity" else written, 1e-300):
                    raise InputError(
                        f"{self.problem.transfers.origin}: {edge.label} -> {edge.target}: {measure} is "
                        f"{written:.9g}, yet {value:.9g} by the losses; expected the table that taxonomy "
                        "tournament makes of them"
                    )


def choices(problem: TaxonomyProblem, worths: Floats, part: int = 0) -> tuple[int, Integers]:
    """Solve the problem for rows of worths, (rows, E): the part, and the chosen candidates, (rows, T)."""
    programs = RelatedPrograms(problem)
    known = {(edge.target, edge.sources): place for place, edge in enumerate(programs.candidates)}
    chosen = [[known[own.target, own.sources] for own in programs.solve(row).transfers] for row in worths]
    return part, np.array(chosen, np.int64).reshape(len(worths), -1)


def sample_of(tournament: ResampledTournament) -> Sample:
    """What was judged for a target."""
    return Sample(tournament.tournament.images, tournament.groups, tournament.design_effect)


def measured(tournament: ResampledTournament, places: Integers, measure: Objective) -> Measured:
    """A number of some contenders of one target, given by their places; NaN where its rival took no part."""
    if measure == "affinity":
        values, drawn = np.log(tournament.affinities[places]), tournament.log_affinities[:, places]
    elif RIVALS[measure] in tournament.contenders:
        rival = tournament.contenders.index(RIVALS[measure])
        values = tournament.tournament.win_rates[places, rival]
        drawn = tournament.rivals[RIVALS[measure]][:, places]
    else:
        values = np.full(len(places), np.nan)
        drawn = np.zeros((len(tournament.log_affinities), len(places)))
    return Measured(values, sample_of(tournament).errors(drawn), drawn.mean(axis=0) - values)
