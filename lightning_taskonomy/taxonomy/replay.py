"""A full table of transfers, replayed as if measured step by step: how soon is the answer good?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.measurement import Measurement, Pair
from lightning_taskonomy.taxonomy.program import TaxonomyProblem
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import SELF, Transfer, Transfers

Policy = Literal["program", "per_target", "random"]
POLICIES: tuple[Policy, ...] = ("program", "per_target", "random")
COLUMNS = (
    "policy",
    "seed",
    "measured",
    "share",
    "objective",
    "gain",
    "quality",
    "regret_estimate",
    "regret_bound",
    "bound_holds",
)
_ROUND = 12
"""Transfers measured per round."""


@dataclass(frozen=True)
class Step:
    """Where a replay stands after a round.

    Attributes:
        policy: how transfers are chosen: by the program's uncertainty, each target's best guesses, or chance.
        seed: of the policy.
        measured: transfers measured, not counting `self`.
        share: the fraction of all transfers that could be measured.
        objective: of the best measured taxonomy, as a fraction of the best of the whole table; 0 where the
            budget cannot serve every target yet.
        gain: mean gain, likewise; None where not in the table.
        quality: mean quality, likewise.
        regret_estimate: the expected regret; None for policies that do not estimate it.
        regret_bound: the bound on the regret.
        bound_holds: whether the true regret is within the bound.
    """

    policy: Policy
    seed: int
    measured: int
    share: float
    objective: float
    gain: float | None
    quality: float | None
    regret_estimate: float | None = None
    regret_bound: float | None = None
    bound_holds: bool | None = None


@dataclass(frozen=True)
class Replay:
    """The steps of all policies and seeds.

    Attributes:
        steps: in order.
        best: the taxonomy of the whole table.
        transfers: the number that could be measured.
    """

    steps: tuple[Step, ...]
    best: Taxonomy
    transfers: int

    @classmethod
    def of(
        cls,
        transfers: Transfers,
        budget: float,
        max_order: int = 1,
        share: float = 0.2,
        seeds: int = 5,
        policies: Sequence[Policy] = POLICIES,
        per_round: int = _ROUND,
        after_each: Callable[[], None] = lambda: None,
    ) -> "Replay":
        """Measure a table step by step.

        Args:
            transfers: the whole table, with `self` of every target.
            budget: largest total label cost of the tasks trained fully.
            max_order: the largest number of sources of a transfer.
            share: the fraction of the transfers at which a replay ends.
            seeds: replays of each policy.
            policies: the policies to compare.
            per_round: transfers measured per round.
            after_each: called after each replay, to show progress.

        Raises:
            InputError: a target without `self`, an invalid share or number of seeds, or no transfers.
        """
        if not 0 < share <= 1:
            raise InputError(f"share: expected more than 0 and at most 1, found {share:g}")
        for option, number in (("seeds", seeds), ("per-round", per_round)):
            if number < 1:
                raise InputError(f"{option}: expected a whole number of at least 1, found {number}")
        rows = [row for row in transfers.candidates() if row.order <= max_order]
        table = Transfers(tuple(rows), origin=transfers.origin)
        missing = sorted(set(transfers.targets) - {row.target for row in rows if row.is_self})
        if missing:
            raise InputError(f"{transfers.origin}: expected a row {SELF!r} of {', '.join(missing)}")
        if all(row.is_self for row in rows):
            raise InputError(f"{transfers.origin}: expected transfers up to order {max_order}, found none")
        best = TaxonomyProblem(table, budget, max_order).solve()
        by_pair = {(row.target, _name(row)): row for row in rows}
        count = sum(not row.is_self for row in rows)
        end = max(round(share * count), 1)
        steps: list[Step] = []
        for policy in policies:
            for seed in range(seeds):
                replay = _Policy(policy, table, budget, max_order, seed)
                steps += replay.steps(by_pair, end, count, per_round, best)
                after_each()
        return cls(tuple(steps), best, count)

    def summary(self) -> list[tuple[Policy, float, float, float, float | None, float | None]]:
        """At the end of the replays: policy, share, mean and least objective, mean and least gain."""
        rows: list[tuple[Policy, float, float, float, float | None, float | None]] = []
        for policy in dict.fromkeys(step.policy for step in self.steps):
            ends = self._ends(policy)
            objectives = [step.objective for step in ends]
            gains = [step.gain for step in ends if step.gain is not None]
            rows.append(
                (
                    policy,
                    ends[0].share,
                    float(np.mean(objectives)),
                    min(objectives),
                    float(np.mean(gains)) if gains else None,
                    min(gains) if gains else None,
                )
            )
        return rows

    def coverage(self) -> float | None:
        """The fraction of steps at which the bound on the regret held; None without any bound."""
        held = [step.bound_holds for step in self.steps if step.bound_holds is not None]
        return float(np.mean(held)) if held else None

    def _ends(self, policy: Policy) -> list[Step]:
        last = {step.seed: step for step in self.steps if step.policy == policy}
        return list(last.values())

    def save_table(self, path: Path) -> None:
        """Write `measure.csv`, a row per step.

        Raises:
            InputError: the file cannot be written.
        """
        write_csv(path, COLUMNS, [tuple(getattr(step, name) for name in COLUMNS) for step in self.steps])


class _Policy:
    """One replay."""

    def __init__(self, policy: Policy, table: Transfers, budget: float, max_order: int, seed: int) -> None:
        self.policy, self.seed = policy, seed
        pairs = [(row.target, _name(row)) for row in table if not row.is_self]
        sources = sorted({name for _, joined in pairs for name in joined.split("+")} | set(table.targets))
        self.measurement = Measurement(table.targets, sources, budget, max_order, seed, candidates=pairs)
        order = np.random.default_rng(seed).permutation(len(pairs))
        self._shuffled = [pairs[place] for place in order]

    def steps(
        self, rows: dict[Pair, Transfer], end: int, count: int, per_round: int, best: Taxonomy
    ) -> Iterator[Step]:
        """Measure until the end."""
        for (target, name), row in rows.items():
            if name == SELF:
                self._add(target, name, row)
        measured = 0
        while measured < end:
            pairs = self._next(min(per_round, end - measured))
            if not pairs:
                return
            for pair in pairs:
                self._add(*pair, rows[pair])
            measured += len(pairs)
            yield self._step(measured, count, best)

    def _next(self, number: int) -> list[Pair]:
        if self.policy == "program":
            return self.measurement.suggest(number)
        if self.policy == "per_target":
            return self.measurement.most_promising(number)
        chosen, self._shuffled = self._shuffled[:number], self._shuffled[number:]
        return chosen

    def _add(self, target: str, name: str, row: Transfer) -> None:
        assert row.affinity is not None
        self.measurement.add(target, name, row.affinity, row.gain, row.quality)

    def _step(self, measured: int, count: int, best: Taxonomy) -> Step:
        try:
            taxonomy = self.measurement.taxonomy()
        except InputError:  # the budget cannot serve every target by measured transfers yet
            # No answer wins on no image: left out, such replays would flatter the mean of the others.
            gain, quality = (None if value is None else 0.0 for value in (best.mean_gain, best.mean_quality))
            return Step(self.policy, self.seed, measured, measured / count, 0.0, gain, quality)
        objective = taxonomy.objective / best.objective if best.objective else 1.0
        gain = _ratio(taxonomy.mean_gain, best.mean_gain)
        quality = _ratio(taxonomy.mean_quality, best.mean_quality)
        if self.policy != "program":
            return Step(self.policy, self.seed, measured, measured / count, objective, gain, quality)
        estimate, bound = self.measurement.regret()
        holds = 1 - objective <= bound + 1e-9
        return Step(
            self.policy,
            self.seed,
            measured,
            measured / count,
            objective,
            gain,
            quality,
            estimate,
            bound,
            holds,
        )


def _ratio(value: float | None, best: float | None) -> float | None:
    return None if value is None or not best else value / best


def _name(row: Transfer) -> str:
    """The sources sorted by name, as `Measurement` suggests them."""
    return "+".join(sorted(row.sources))
