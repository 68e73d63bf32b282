"""Sensitivity: how much affinities and solutions differ between measurements (the paper's supplement)."""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, TaxonomyProblem
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import SELF, Transfer, Transfers

Key = tuple[str, frozenset[str]]

MEAN = "mean over targets"
"""In place of a target: the mean of the targets' correlations."""
OVERALL = "all"
"""In place of a target: the correlation over all transfers pooled."""
_LEAST_TRANSFERS = 3
CORRELATION_COLUMNS = ("first", "second", "target", "transfers", "spearman")
POLICY_COLUMNS = (
    "first",
    "second",
    "budget",
    "sources_of_first",
    "sources_of_second",
    "overlap_of_sources",
    "objective_of_second",
    "policy_of_first_scored_by_second",
    "relative_change",
)


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation between the affinities in two tables, over transfers from other tasks.

    The fully supervised network (`self`) and the baselines are left out: they rank first and last in any
    table, which would inflate the agreement.

    Attributes:
        first: name of one table.
        second: name of the other.
        target: the target compared, `MEAN` or `OVERALL`, which mixes affinities of different targets.
        transfers: how many transfers both tables have.
        spearman: the correlation; NaN for fewer than three transfers or where a table's are all equal.
    """

    first: str
    second: str
    target: str
    transfers: int
    spearman: float


@dataclass(frozen=True)
class PolicyChange:
    """How a policy of one table scores on another, the judge.

    Attributes:
        first: the table the policy was solved on.
        second: the judge.
        budget: label units.
        sources_of_first: the tasks that the policy trains.
        sources_of_second: the tasks that the judge's own optimum trains.
        overlap: Jaccard index of the two sets.
        objective_of_second: the judge's own optimum.
        scored: the objective of the policy's transfers with the judge's affinities.
    """

    first: str
    second: str
    budget: float
    sources_of_first: tuple[str, ...]
    sources_of_second: tuple[str, ...]
    overlap: float
    objective_of_second: float
    scored: float

    @property
    def relative_change(self) -> float:
        """The policy's score relative to the judge's optimum, minus 1: 0 for as good, −0.1 for 10 % less."""
        return self.scored / self.objective_of_second - 1 if self.objective_of_second else 0.0


@dataclass(frozen=True)
class Sensitivity:
    """All pairs of two or more tables, compared on the transfers that all of them have.

    Attributes:
        names: of the tables.
        correlations: per pair, the mean over targets, all transfers pooled, and then by target.
        changes: per ordered pair and budget.
        left_out: budgets that cannot serve every target, with the reason.
        ignored: by table, how many of its candidates another table lacks.
    """

    names: tuple[str, ...]
    correlations: tuple[Correlation, ...]
    changes: tuple[PolicyChange, ...]
    left_out: Mapping[float, str]
    ignored: Mapping[str, int]

    @classmethod
    def of(
        cls,
        tables: Mapping[str, Transfers],
        budgets: Iterable[float],
        after_each: Callable[[], None] = lambda: None,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> "Sensitivity":
        """Compare the tables.

        Args:
            tables: two or more, by name; tasks take their names from the first.
            budgets: label units to solve for.
            after_each: called after each table's budgets are solved, to show progress.
            options: further fields of `TaxonomyProblem`.

        Raises:
            InputError: fewer than two tables, nothing in common, or no feasible budget.
        """
        if len(tables) < 2:
            raise InputError(f"transfers: expected two tables or more, found {len(tables)}")
        budgets = sorted(set(budgets))
        tables = _under_common_names(tables)
        affinities = {name: _candidates(table) for name, table in tables.items()}
        common = set.intersection(*(set(rows) for rows in affinities.values()))
        if not common:
            raise InputError(f"transfers: {', '.join(tables)} have no transfer in common")
        shared = {name: _restricted(table, common) for name, table in tables.items()}
        pairs = list(itertools.combinations(tables, 2))
        correlations = [
            correlation for pair in pairs for correlation in _correlations(pair, affinities, common)
        ]
        solved: dict[str, dict[float, Taxonomy]] = {}
        left_out: dict[float, str] = {}
        importance: Mapping[str, float] = {}
        for name, table in shared.items():
            problem = TaxonomyProblem(table, **options)
            importance = problem.importance
            solved[name] = _solve(problem, budgets, left_out)
            after_each()
        feasible = [budget for budget in budgets if all(budget in answers for answers in solved.values())]
        if not feasible:
            raise InputError(next(iter(left_out.values()), "budgets: none is given"))
        changes = [
            _change(pair, budget, solved, affinities[pair[1]], importance)
            for pair in itertools.permutations(tables, 2)
            for budget in feasible
        ]
        ignored = {name: len(rows) - len(common) for name, rows in affinities.items()}
        return cls(tuple(tables), tuple(correlations), tuple(changes), left_out, ignored)

    def save_tables(self, folder: Path) -> None:
        """Write `correlations.csv` and `policies.csv`.

        Raises:
            InputError: a file cannot be written.
        """
        correlations = (
            (c.first, c.second, c.target, c.transfers, None if math.isnan(c.spearman) else c.spearman)
            for c in self.correlations
        )
        changes = (
            (
                *(c.first, c.second, c.budget, "+".join(c.sources_of_first), "+".join(c.sources_of_second)),
                *(c.overlap, c.objective_of_second, c.scored, c.relative_change),
            )
            for c in self.changes
        )
        write_csv(folder / "correlations.csv", CORRELATION_COLUMNS, correlations)
        write_csv(folder / "policies.csv", POLICY_COLUMNS, changes)


def _under_common_names(tables: Mapping[str, Transfers]) -> dict[str, Transfers]:
    """The tables, with tasks renamed as in the first."""
    names = next(iter(tables.values())).tasks
    return {name: table.with_names_of(names) for name, table in tables.items()}


def _key(transfer: Transfer) -> Key:
    return transfer.target, frozenset(transfer.sources)


def _candidates(table: Transfers) -> dict[Key, float]:
    return {_key(row): row.affinity for row in table.candidates() if row.affinity is not None}


def _restricted(table: Transfers, common: Collection[Key]) -> Transfers:
    rows = tuple(row for row in table.candidates() if _key(row) in common)
    return Transfers(rows, table.extra_columns, table.origin)


def _correlations(
    pair: tuple[str, str], affinities: Mapping[str, Mapping[Key, float]], common: Collection[Key]
) -> list[Correlation]:
    first, second = pair
    between = [key for key in common if key[1] != {SELF}]
    groups: dict[str, list[Key]] = {OVERALL: sorted(between, key=lambda key: (key[0], sorted(key[1])))}
    for key in groups[OVERALL]:
        groups.setdefault(key[0], []).append(key)
    found = [
        Correlation(
            first,
            second,
            target,
            len(keys),
            spearman([affinities[first][key] for key in keys], [affinities[second][key] for key in keys]),
        )
        for target, keys in groups.items()
    ]
    known = [row for row in found[1:] if not math.isnan(row.spearman)]
    mean = math.fsum(row.spearman for row in known) / len(known) if known else math.nan
    return [Correlation(first, second, MEAN, sum(row.transfers for row in known), mean), *found]


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; NaN for fewer than three values or where one side is constant."""
    if len(first) < _LEAST_TRANSFERS or len(set(first)) == 1 or len(set(second)) == 1:
        return math.nan
    return float(np.asarray(stats.spearmanr(first, second).statistic))


def _solve(
    problem: TaxonomyProblem, budgets: Sequence[float], left_out: dict[float, str]
) -> dict[float, Taxonomy]:
    answers: dict[float, Taxonomy] = {}
    for budget, answer in zip(budgets, problem.solve_grid(budgets, [problem.max_order]), strict=True):
        if isinstance(answer, InfeasibleBudgetError):
            left_out[budget] = str(answer)
        else:
            answers[budget] = answer
    return answers


def _change(
    pair: tuple[str, str],
    budget: float,
    solved: Mapping[str, Mapping[float, Taxonomy]],
    judge: Mapping[Key, float],
    importance: Mapping[str, float],
) -> PolicyChange:
    first, second = (solved[name][budget] for name in pair)
    union = set(first.sources) | set(second.sources)
    overlap = len(set(first.sources) & set(second.sources)) / len(union) if union else 1.0
    scored = math.fsum(importance.get(t.target, 1.0) * judge[_key(t)] for t in first.transfers)
    return PolicyChange(*pair, budget, first.sources, second.sources, overlap, second.objective, scored)
