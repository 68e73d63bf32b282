"""What to measure next: the transfers whose measurement matters most for the program's answer.

Taxonomies are solved on posterior draws that agree with the measured transfers (Thompson sampling over
programs): the unmeasured transfers that they choose are the ones to measure. The same draws estimate the
regret of today's answer, with a bound.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, RelatedPrograms, TaxonomyProblem
from lightning_taskonomy.taxonomy.strength_model import draw_strengths
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import (
    BASELINES,
    SELF,
    Transfer,
    Transfers,
    sources_problem,
    target_problem,
)

Floats = NDArray[np.float64]
Pair = tuple[str, str]
LEVEL = 0.95
"""Confidence level of the bound on the regret."""
_DRAWS = 64
_BEST = 5
"""How many of a target's best sources are joined in higher orders."""
_FLOOR = 0.05
"""Added to affinities in units of `self`: transfers far below it never matter, however weak they are."""
_MATTERS = 1e-4
"""Fraction of the objective below which an improvement does not matter."""
_STRONGEST = 2.0
"""Drawn strengths are capped at this: no source is worth seven times the target's own network."""


@dataclass
class _Joining:
    """What joining sources adds to the best of them, in log affinity: a normal distribution by order."""

    mean: float
    spread: float


class Measurement:
    """Decides which transfers to measure, and when enough are known.

    Example:
        >>> decided = Measurement(["normal", "depth"], ["normal", "depth", "edges"], budget=1)
        >>> decided.add("normal", "self", 0.5)
        >>> decided.add("depth", "self", 0.4)
        >>> target, source = decided.suggest(1)[0]

    Args:
        targets: tasks to be solved.
        sources: tasks that may be trained fully.
        budget: largest total label cost of the tasks trained fully.
        max_order: the largest number of sources of a transfer.
        seed: of everything random; suggestions depend only on it and on the measurements.
        importance: weight of a target; 1 where absent.
        cost: label cost of a source; 1 where absent.
        candidates: the transfers that can be measured, by target and sources joined by `+`; by default all
            of first order except those of a target from itself, and higher orders among the best sources.
        estimates: of first-order transfers, in any unit that grows with their affinity, by target and source.
    """

    def __init__(
        self,
        targets: Sequence[str],
        sources: Sequence[str],
        budget: float = 8,
        max_order: int = 1,
        seed: int = 0,
        importance: Mapping[str, float] | None = None,
        cost: Mapping[str, float] | None = None,
        candidates: Iterable[Pair] | None = None,
        estimates: Mapping[Pair, float] | None = None,
    ) -> None:
        self.targets, self.sources = tuple(dict.fromkeys(targets)), tuple(dict.fromkeys(sources))
        self._require_names()
        if max_order < 1:
            raise InputError(f"max-order: expected a whole number of at least 1, found {max_order}")
        if seed < 0:
            raise InputError(f"seed: expected a whole number of at least 0, found {seed}")
        self.budget, self.max_order, self.seed = budget, max_order, seed
        self._importance, self._cost = dict(importance or {}), dict(cost or {})
        self._given = None if candidates is None else {(t, _key(s)) for t, s in candidates}
        self._measured: dict[tuple[str, tuple[str, ...]], Transfer] = {}
        self._asked: set[tuple[str, tuple[str, ...]]] = set()
        self._estimates = np.full((len(self.targets), len(self.sources)), np.nan)
        for (target, source), value in (estimates or {}).items():
            if target in self.targets and source in self.sources:
                self._estimates[self.targets.index(target), self.sources.index(source)] = value

    def add(
        self,
        target: str,
        sources: str,
        affinity: float,
        gain: float | None = None,
        quality: float | None = None,
    ) -> None:
        """Record a measurement: first `self` of every target, then suggested transfers, or any others.

        Args:
            target: the task predicted.
            sources: source tasks joined by `+`, or `self`.
            affinity: on the scale of this target's other affinities.
            gain: win rate against training from scratch.
            quality: win rate against full supervision.

        Raises:
            InputError: an unknown task, or an invalid affinity.
        """
        key = _key(sources)
        if target not in self.targets:
            raise InputError(f"target: unknown task {target!r}; expected one of {', '.join(self.targets)}")
        for source in key:
            if source not in self.sources and key != (SELF,):
                raise InputError(
                    f"sources: unknown task {source!r}; expected {', '.join(self.sources)} or {SELF}"
                )
        if not (np.isfinite(affinity) and affinity >= 0):
            raise InputError(
                f"affinity of {sources} -> {target}: expected a finite number of at least 0, "
                f"found {affinity:g}"
            )
        self._measured[target, key] = Transfer(target, key, float(affinity), gain, quality)

    @property
    def measured(self) -> Transfers:
        """All transfers that were measured."""
        return Transfers(tuple(self._measured.values()), origin="measured transfers")

    def taxonomy(self) -> Taxonomy:
        """The best taxonomy of measured transfers only.

        Raises:
            InputError: a target without measurements, or the budget cannot serve every target yet.
        """
        return self._problem(self._measured.values()).solve()

    def suggest(self, count: int = 1) -> list[Pair]:
        """The transfers to measure next, the most valuable first; fewer where no more are left.

        A transfer is suggested only once: one that was suggested but not added counts as being measured.

        Args:
            count: the most to suggest.
        """
        if count < 1:
            raise InputError(f"suggest: expected a whole number of at least 1, found {count}")
        possible = self._possible()
        worth: Counter[tuple[str, tuple[str, ...]]] = Counter()
        if (truths := self._truths(possible)) is not None:
            programs, worths = truths
            for taxonomy in self._solved(worths, programs):
                # One vote for every improvement that matters, whatever its size: weighting votes by size
                # would favour transfers expected to be good over uncertain ones.
                least = _MATTERS * taxonomy.objective
                worth.update(key for key, added in self._improvements(taxonomy).items() if added > least)
            if self._today() is None:
                # Get a feasible answer first: the whole taxonomy that is expected to be best.
                expected_best = [*self._solved([worths.mean(axis=0)], programs)]
                most = len(worths) + 1
                worth.update(
                    {
                        (row.target, _key(row.label)): most
                        for taxonomy in expected_best
                        for row in taxonomy.transfers
                    }
                )
        open_ = [key for key in possible if key not in self._measured and key not in self._asked]
        luck = np.random.default_rng([self.seed, len(self._measured), len(self._asked)]).random(len(open_))
        order = sorted(range(len(open_)), key=lambda place: (-worth[open_[place]], luck[place]))
        chosen = [open_[place] for place in order[:count]]
        self._asked.update(chosen)
        return [(target, "+".join(sources)) for target, sources in chosen]

    def most_promising(self, count: int = 1) -> list[Pair]:
        """The transfers that are expected to be best for their targets, one for each target in turn.

        A baseline that treats each target separately and ignores the program.

        Args:
            count: the most to return.
        """
        expected = self._draws().mean(axis=0)
        open_ = [key for key in self._possible() if key not in self._measured and key not in self._asked]
        place = {name: index for index, name in enumerate(self.sources)}
        by_target: dict[str, list[tuple[float, tuple[str, tuple[str, ...]]]]] = {}
        for target, sources in open_:
            row = self.targets.index(target)
            value = max(float(expected[row, place[name]]) for name in sources)
            by_target.setdefault(target, []).append((-value, (target, sources)))
        queues = [sorted(candidates) for candidates in by_target.values()]
        queues.sort(key=len, reverse=True)  # targets with the fewest measurements first
        chosen = [key for level in itertools.zip_longest(*queues) for _, key in filter(None, level)][:count]
        self._asked.update(chosen)
        return [(target, "+".join(sources)) for target, sources in chosen]

    def regret(self) -> tuple[float, float]:
        """The relative regret of today's taxonomy: the fraction of the best objective that it may miss.

        Returns:
            The estimate, and a bound that holds with a probability of 95 %; both 1 without an answer.
        """
        today, truths = self._today(), self._truths(self._possible())
        if today is None or truths is None:
            return 1.0, 1.0
        programs, worths = truths
        best = [taxonomy.objective for taxonomy in self._solved(worths, programs)]
        regrets = [1 - today / max(objective, today) if objective > 0 else 0.0 for objective in best]
        return float(np.mean(regrets)), float(np.quantile(regrets, LEVEL))

    def _improvements(self, taxonomy: Taxonomy) -> dict[tuple[str, tuple[str, ...]], float]:
        """What each transfer of a drawn best taxonomy adds to the measured transfers from its sources."""
        sources = set(taxonomy.sources)
        known = dict.fromkeys(self.targets, 0.0)
        for (target, _), row in self._measured.items():
            if sources.issuperset(row.trained_tasks):
                known[target] = max(known[target], row.affinity or 0.0)
        return {
            (row.target, _key(row.label)): self._importance.get(row.target, 1.0)
            * max((row.affinity or 0.0) - known[row.target], 0.0)
            for row in taxonomy.transfers
        }

    def _today(self) -> float | None:
        """The objective of the best measured taxonomy; None where the budget cannot serve every target."""
        try:
            return self.taxonomy().objective
        except InputError:
            return None

    def _possible(self) -> list[tuple[str, tuple[str, ...]]]:
        """What a taxonomy could choose: measured transfers, and those that can still be measured."""
        found = list(self._measured)
        if self._given is not None:
            found += sorted(key for key in self._given if len(key[1]) <= self.max_order)
        else:
            found += [
                (target, (source,)) for target in self.targets for source in self.sources if source != target
            ]
            if self.max_order > 1:
                found += self._joined()
        return [
            key
            for key in dict.fromkeys(found)
            if len(key[1]) <= self.max_order and BASELINES.isdisjoint(key[1])
        ]

    def _joined(self) -> list[tuple[str, tuple[str, ...]]]:
        """Transfers of higher order among the most promising sources of each target."""
        drawn = self._draws().mean(axis=0)
        found = []
        for place, target in enumerate(self.targets):
            others = [index for index, name in enumerate(self.sources) if name != target]
            best = sorted(others, key=lambda index: -drawn[place, index])[:_BEST]
            names = sorted(self.sources[index] for index in best)
            for order in range(2, min(self.max_order, len(names)) + 1):
                found += [(target, joined) for joined in itertools.combinations(names, order)]
        return found

    def _draws(self) -> Floats:
        """Posterior draws of first-order strengths, (draws, T, S)."""
        values = np.full((len(self.targets), len(self.sources)), np.nan)
        for (target, sources), value in self._strengths().items():
            if len(sources) == 1 and sources != (SELF,):
                values[self.targets.index(target), self.sources.index(sources[0])] = value
        estimates = self._estimates if np.isfinite(self._estimates).any() else None
        rng = np.random.default_rng([self.seed, len(self._measured)])
        return draw_strengths(values, _DRAWS, rng, estimates).values

    def _scale(self) -> Floats:
        """The unit of each target's affinities: that of `self`, else the largest measured, (T,)."""
        scale = []
        for target in self.targets:
            own = self._measured.get((target, (SELF,)))
            others = [row.affinity or 0.0 for (name, _), row in self._measured.items() if name == target]
            scale.append((own.affinity if own is not None else None) or max(others, default=0.0) or 1.0)
        return np.array(scale)

    def _strengths(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """The modelled strength of each measured transfer: log(affinity / affinity of `self` + floor)."""
        scale = dict(zip(self.targets, self._scale().tolist(), strict=True))
        return {
            key: float(np.log((row.affinity or 0.0) / scale[key[0]] + _FLOOR))
            for key, row in self._measured.items()
        }

    def _truths(
        self, possible: Sequence[tuple[str, tuple[str, ...]]]
    ) -> tuple[RelatedPrograms, Floats] | None:
        """The program on all possible transfers, and drawn affinities of its candidates, (draws, E).

        None where a target has no candidate.
        """
        try:
            programs = RelatedPrograms(self._problem([Transfer(*key, 1.0) for key in possible]))
        except InputError:
            return None
        drawn = self._draws()
        rows = np.array([self.targets.index(edge.target) for edge in programs.candidates])
        places = {name: index for index, name in enumerate(self.sources)}
        strengths = np.empty((len(drawn), len(rows)))
        for place, edge in enumerate(programs.candidates):
            columns = [places[name] for name in edge.sources if name != SELF] or [0]
            strengths[:, place] = drawn[:, rows[place], columns].max(axis=1)
        joined = np.array([edge.order > 1 for edge in programs.candidates])
        if joined.any():
            joining = self._joining(drawn)
            rng = np.random.default_rng([self.seed, len(self._measured), 1])
            added = joining.mean + joining.spread * rng.standard_normal(strengths.shape)
            strengths += np.where(joined, added, 0.0)
        worths = np.maximum(np.exp(np.minimum(strengths, _STRONGEST)) - _FLOOR, 0) * self._scale()[rows]
        for place, edge in enumerate(programs.candidates):
            measured = self._measured.get((edge.target, _key(edge.label)))
            if measured is not None:
                worths[:, place] = measured.affinity
        return programs, worths

    def _solved(self, worths: Iterable[Floats], programs: RelatedPrograms) -> Iterable[Taxonomy]:
        """The best taxonomy of each draw; none where the budget cannot serve every target."""
        for worth in worths:
            try:
                yield programs.solve(worth)
            except InfeasibleBudgetError:
                return

    def _joining(self, drawn: Floats) -> _Joining:
        """Estimated from measured transfers of higher order and a weak prior."""
        logs = self._strengths()
        mean = drawn.mean(axis=0)
        seen = [
            value - max(mean[self.targets.index(target), self.sources.index(name)] for name in sources)
            for (target, sources), value in logs.items()
            if len(sources) > 1
        ]
        # The prior: as if two had been measured that changed little.
        sample = np.array([*seen, -0.05, 0.15])
        return _Joining(float(sample.mean()), float(max(sample.std(), 0.05)))

    def _problem(self, rows: Iterable[Transfer]) -> TaxonomyProblem:
        table = Transfers(tuple(rows), origin="measured transfers")
        missing = [target for target in self.targets if target not in table.targets]
        if missing:
            raise InputError(f"nothing was measured of {', '.join(missing)}")
        return TaxonomyProblem(
            table,
            self.budget,
            self.max_order,
            importance=self._importance,
            cost={name: value for name, value in self._cost.items() if name in table.tasks},
            targets=self.targets,
            excluded=[name for name in table.tasks if name not in self.sources],
        )

    def _require_names(self) -> None:
        for name in (*self.targets, *self.sources):
            if problem := target_problem(name) or sources_problem((name,)):
                raise InputError(f"tasks: {problem}")
        if not self.targets or not self.sources:
            raise InputError("tasks: expected at least one target and one source")


def _key(sources: str) -> tuple[str, ...]:
    """The sources, sorted by name."""
    return tuple(sorted(sources.split("+")))
