"""What to measure next: transfers whose measurement is worth most for the program's answer.

Taxonomies are solved on possible truths that agree with what has been measured (Thompson sampling over
programs): the transfers that they choose, and that nobody has measured, are the ones to measure. The same
truths tell how much better than today's answer the best one may be: its regret, with a bound.
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
"""Of the bound of the regret."""
_DRAWS = 64
_BEST = 5
"""Sources of a target that are joined in higher orders."""
_FLOOR = 0.05
"""Added to affinities in units of `self`: what is far below has no say in a program, however far it is."""
_MATTERS = 1e-4
"""Share of the objective below which it does not matter whether a transfer is known."""
_STRONGEST = 2.0
"""Strengths above this are drawn as this: no source is worth seven times the target's own network."""


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
        seed: of everything random; what is suggested depends on it and on what was measured alone.
        importance: weight of a target; 1 where absent.
        cost: label cost of a source; 1 where absent.
        candidates: the transfers that can be measured, by target and sources joined by `+`; by default all
            of first order but those of a target from itself, and those of higher order among the best.
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
        """Note what was measured: first `self` of every target, then what was suggested, or anything else.

        Args:
            target: the task predicted.
            sources: source tasks joined by `+`, or `self`.
            affinity: on the scale of this target's other affinities.
            gain: win rate against training from scratch.
            quality: win rate against full supervision.

        Raises:
            InputError: an unknown task, or an affinity that is none.
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
            InputError: nothing was measured of a target, or the budget cannot serve every target yet.
        """
        return self._problem(self._measured.values()).solve()

    def suggest(self, count: int = 1) -> list[Pair]:
        """The transfers to measure next, the most valuable first; fewer where no more are left.

        A transfer is suggested once: what was suggested and not added yet is being measured elsewhere.

        Args:
            count: how many, at most.
        """
        if count < 1:
            raise InputError(f"suggest: expected a whole number of at least 1, found {count}")
        possible = self._possible()
        worth: Counter[tuple[str, tuple[str, ...]]] = Counter()
        if (truths := self._truths(possible)) is not None:
            programs, worths = truths
            for taxonomy in self._solved(worths, programs):
                # A vote for whatever would matter, however much: by the size of what it adds, the transfers
                # that are expected to be good would be measured, and those that nobody knows never.
                least = _MATTERS * taxonomy.objective
                worth.update(key for key, added in self._improvements(taxonomy).items() if added > least)
            if self._today() is None:
                # First an answer at all: the whole taxonomy that is expected to be best.
                first = [*self._solved([worths.mean(axis=0)], programs)]
                most = len(worths) + 1
                worth.update({(row.target, _key(row.label)): most for one in first for row in one.transfers})
        open_ = [key for key in possible if key not in self._measured and key not in self._asked]
        luck = np.random.default_rng([self.seed, len(self._measured), len(self._asked)]).random(len(open_))
        order = sorted(range(len(open_)), key=lambda place: (-worth[open_[place]], luck[place]))
        chosen = [open_[place] for place in order[:count]]
        self._asked.update(chosen)
        return [(target, "+".join(sources)) for target, sources in chosen]

    def most_promising(self, count: int = 1) -> list[Pair]:
        """The transfers that are expected to be best for their targets, one for each target in turn.

        What to measure if every target were on its own, whatever the program needs: a baseline.

        Args:
            count: how many, at most.
        """
        expected = self._draws().mean(axis=0)
        open_ = [key for key in self._possible() if key not in self._measured and key not in self._asked]
        place = {name: index for index, name in enumerate(self.sources)}
        by_target: dict[str, list[tuple[float, tuple[str, tuple[str, ...]]]]] = {}
        for target, sources in open_:
            row = self.targets.index(target)
            value = max(float(expected[row, place[name]]) for name in sources)
            by_target.setdefault(target, []).append((-value, (target, sources)))
        queues = [sorted(own) for own in by_target.values()]
        queues.sort(key=lambda own: len(own), reverse=True)  # those with the fewest measured first
        chosen = [key for level in itertools.zip_longest(*queues) for _, key in filter(None, level)][:count]
        self._asked.update(chosen)
        return [(target, "+".join(sources)) for target, sources in chosen]

    def regret(self) -> tuple[float, float]:
        """By which share of the best objective today's taxonomy may fall short: expected, and at most.

        Returns:
            The estimate, and a bound that holds with a probability of 95 %; both 1 without an answer.
        """
        today, truths = self._today(), self._truths(self._possible())
        if today is None or truths is None:
            return 1.0, 1.0
        programs, worths = truths
        best = [taxonomy.objective for taxonomy in self._solved(worths, programs)]
        shares = [1 - today / max(one, today) if one > 0 else 0.0 for one in best]
        return float(np.mean(shares)), float(np.quantile(shares, LEVEL))

    def _improvements(self, taxonomy: Taxonomy) -> dict[tuple[str, tuple[str, ...]], float]:
        """What each transfer of a possible best taxonomy adds to what its sources are known to give."""
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
        """The objective of what was measured; None where the budget does not serve every target with it."""
        try:
            return self.taxonomy().objective
        except InputError:
            return None

    def _possible(self) -> list[tuple[str, tuple[str, ...]]]:
        """What a taxonomy could choose: what was measured, and all that may be measured yet."""
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
        """Transfers of higher order among the sources of each target that promise most."""
        drawn = self._draws().mean(axis=0)
        found = []
        for place, target in enumerate(self.targets):
            own = [index for index, name in enumerate(self.sources) if name != target]
            best = sorted(own, key=lambda index: -drawn[place, index])[:_BEST]
            names = sorted(self.sources[index] for index in best)
            for order in range(2, min(self.max_order, len(names)) + 1):
                found += [(target, joined) for joined in itertools.combinations(names, order)]
        return found

    def _draws(self) -> Floats:
        """Possible strengths of first order, (draws, T, S)."""
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
        """What is modelled of each measured transfer: log(affinity over that of `self` + a floor)."""
        scale = dict(zip(self.targets, self._scale().tolist(), strict=True))
        return {
            key: float(np.log((row.affinity or 0.0) / scale[key[0]] + _FLOOR))
            for key, row in self._measured.items()
        }

    def _truths(
        self, possible: Sequence[tuple[str, tuple[str, ...]]]
    ) -> tuple[RelatedPrograms, Floats] | None:
        """The program on all that may be chosen, and possible affinities of its candidates, (draws, E).

        None where a target may not be served by anything.
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
        """The best taxonomies of possible truths; none where the budget serves no target."""
        for worth in worths:
            try:
                yield programs.solve(worth)
            except InfeasibleBudgetError:
                return

    def _joining(self, drawn: Floats) -> _Joining:
        """From the transfers of higher order that were measured, and what was expected before any was."""
        logs = self._strengths()
        mean = drawn.mean(axis=0)
        seen = [
            value - max(mean[self.targets.index(target), self.sources.index(name)] for name in sources)
            for (target, sources), value in logs.items()
            if len(sources) > 1
        ]
        # As if two had been measured that added a little.
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
    """The sources in the order of their names."""
    return tuple(sorted(sources.split("+")))
