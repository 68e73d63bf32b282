"""Significance: is the computed taxonomy better than random ones that spend the same budget? (Fig. 11)."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Hypergraph, Integers
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError, TaxonomyProblem
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy

Measure = Literal["objective", "gain", "quality"]
Band = Literal["connectivities", "sources"]
"""Random connectivities: any feasible transfers, the paper's band (Fig. 11). Random sources: each target
takes the best transfer that they allow, so that the choice of sources alone is judged: stricter."""
BANDS: tuple[Band, ...] = ("connectivities", "sources")
MEASURES: tuple[Measure, ...] = ("objective", "gain", "quality")
COLUMNS = (
    "budget",
    "measure",
    "random",
    "computed",
    "random_5th_percentile",
    "random_median",
    "random_95th_percentile",
    "share_of_random_below",
    "draws",
)
_LEAST_DRAWS = 2
_ATTEMPTS_PER_DRAW = 500
_BLOCK = 256


@dataclass(frozen=True)
class Significance:
    """The computed taxonomy against random ones at each budget.

    Attributes:
        budgets: label units, ascending; those that cannot serve every target are left out.
        computed: by measure, of the computed taxonomy at each budget, (budgets,); gain and quality are means
            over the targets, NaN where not measured.
        random: by measure, of every random connectivity, (budgets, draws).
        random_sources: the same of random sources with their best transfers.
        left_out: why a budget has no result, by budget.
    """

    budgets: tuple[float, ...]
    computed: dict[Measure, Floats]
    random: dict[Measure, Floats]
    random_sources: dict[Measure, Floats]
    left_out: dict[float, str]

    @classmethod
    def of(
        cls,
        problem: TaxonomyProblem,
        budgets: Iterable[float],
        draws: int = 1000,
        seed: int = 0,
        after_each: Callable[[], None] = lambda: None,
        patience: float = math.inf,
    ) -> "Significance":
        """Solve the problem at every budget and draw random taxonomies for comparison.

        Args:
            problem: what to solve; its own budget does not matter.
            budgets: label units.
            draws: random taxonomies per budget.
            seed: of the draws.
            after_each: called after each budget, to show progress.
            patience: seconds for the draws of a budget; one that takes longer is left out.

        Raises:
            InputError: no budget is feasible, or too few draws.
        """
        if draws < _LEAST_DRAWS:
            raise InputError(f"draws: expected a whole number of at least {_LEAST_DRAWS}, found {draws}")
        if seed < 0:
            raise InputError(f"seed: expected a whole number of at least 0, found {seed}")
        candidates = {band: RandomTaxonomies(problem, band) for band in BANDS}
        budgets = sorted(set(budgets))
        kept: list[tuple[float, Taxonomy, dict[Band, dict[Measure, Floats]]]] = []
        left_out: dict[float, str] = {}
        for budget, answer in zip(budgets, problem.solve_grid(budgets, [problem.max_order]), strict=True):
            after_each()
            if isinstance(answer, InfeasibleBudgetError):
                left_out[budget] = str(answer)
                continue
            # A stream of its own for every budget: the result does not depend on the other budgets asked for.
            stream = [seed, *np.float64(budget).tobytes()]
            drawn: dict[Band, dict[Measure, Floats]] = {}
            for band, own in candidates.items():
                found = own.draw(budget, draws, np.random.default_rng(stream), patience / len(BANDS))
                if found is None:
                    break
                drawn[band] = found
            if len(drawn) < len(BANDS):
                left_out[budget] = (
                    f"budget: {budget:g} serves every target with too few sets of sources to draw"
                )
            else:
                kept.append((budget, answer, drawn))
        if not kept:
            raise InputError(next(iter(left_out.values()), "budgets: none is given"))
        return cls(
            tuple(budget for budget, _, _ in kept),
            {measure: np.array([_measured(own, measure) for _, own, _ in kept]) for measure in MEASURES},
            {name: np.array([drawn["connectivities"][name] for _, _, drawn in kept]) for name in MEASURES},
            {name: np.array([drawn["sources"][name] for _, _, drawn in kept]) for name in MEASURES},
            left_out,
        )

    def drawn(self, measure: Measure, band: Band) -> Floats:
        """Of every random taxonomy of a band, (budgets, draws)."""
        return (self.random if band == "connectivities" else self.random_sources)[measure]

    def percentiles(self, measure: Measure, shares: Iterable[float], band: Band = "connectivities") -> Floats:
        """Percentiles, 0 to 100, of the random taxonomies at each budget, (shares, budgets)."""
        return np.asarray(np.percentile(self.drawn(measure, band), list(shares), axis=1))

    def save_table(self, path: Path) -> None:
        """Write a row per budget, measure and kind of random taxonomy as CSV.

        Raises:
            InputError: the file cannot be written.
        """
        rows: list[tuple[object, ...]] = []
        for index, budget in enumerate(self.budgets):
            for measure in MEASURES:
                own = float(self.computed[measure][index])
                if math.isnan(own):
                    continue
                for band in BANDS:
                    drawn = self.drawn(measure, band)[index]
                    percentiles = np.percentile(drawn, (5, 50, 95)).tolist()
                    below = float((drawn < own).mean())
                    rows.append((budget, measure, band, own, *percentiles, below, len(drawn)))
        write_csv(path, COLUMNS, rows)


class RandomTaxonomies:
    """Random feasible taxonomies of a problem that spend the whole budget.

    Sources are added in random order as long as they fit, so that no other would still fit; with equal costs,
    all sets of that size are equally likely. A set that leaves a target without any transfer is thrown away.
    Then each target takes any of the transfers that the set allows, all equally likely (random
    connectivities), or the best (random sources).
    """

    def __init__(self, problem: TaxonomyProblem, band: Band) -> None:
        self._best = band == "sources"
        graph = problem.graph
        self.graph: Hypergraph = graph if problem.max_order is None else graph.up_to_order(problem.max_order)
        self.forced: Booleans = np.isin(self.graph.sources, list(problem.trained))
        rows = self.graph.edges
        self._gain = np.array([np.nan if row.gain is None else row.gain for row in rows])
        self._quality = np.array([np.nan if row.quality is None else row.quality for row in rows])

    def draw(
        self, budget: float, draws: int, rng: np.random.Generator, patience: float = math.inf
    ) -> dict[Measure, Floats] | None:
        """Objective, mean gain and mean quality of random taxonomies, each (draws,); None if too few.

        Args:
            budget: label units to spend.
            draws: how many.
            rng: source of the randomness.
            patience: seconds after which it is given up.
        """
        end = time.monotonic() + patience
        chosen: list[Integers] = []
        found = 0
        for _ in range(0, _ATTEMPTS_PER_DRAW * draws, _BLOCK):
            picked = self._choose(self._trained(budget, rng), rng)
            served = picked[(picked >= 0).all(axis=1)]
            chosen.append(served)
            found += len(served)
            if found >= draws:
                edges = np.concatenate(chosen)[:draws]
                return {
                    "objective": self.graph.weight[edges].sum(axis=1),
                    "gain": _mean_of_known(self._gain[edges]),
                    "quality": _mean_of_known(self._quality[edges]),
                }
            if time.monotonic() > end:
                break
        return None

    def _trained(self, budget: float, rng: np.random.Generator) -> Booleans:
        """Random sets of sources that spend the budget, (block, S)."""
        cost = self.graph.cost
        order = np.argsort(rng.random((_BLOCK, len(cost))) - self.forced, axis=1)  # forced ones come first
        left = np.full(_BLOCK, budget * (1 + 1e-9))
        trained = np.zeros((_BLOCK, len(cost)), np.bool_)
        rows = np.arange(_BLOCK)
        for column in order.T:
            fits = cost[column] <= left
            trained[rows, column] = fits
            left -= np.where(fits, cost[column], 0.0)
        return trained

    def _choose(self, trained: Booleans, rng: np.random.Generator) -> Integers:
        """An available edge of each target for each set of sources, −1 for none, (block, T)."""
        graph = self.graph
        if self._best:
            return np.array([graph.with_sources(own) for own in trained])
        chosen = np.full((len(trained), len(graph.targets)), -1, np.int64)
        luck = rng.random(chosen.shape)
        for row, own in enumerate(trained):
            available = np.flatnonzero(np.append(own, True)[graph.members].all(axis=1))
            bounds = np.searchsorted(available, graph.start)
            counts = np.diff(bounds)
            served = counts > 0
            chosen[row, served] = available[(bounds[:-1] + luck[row] * counts).astype(np.int64)[served]]
        return chosen


def _measured(taxonomy: Taxonomy, measure: Measure) -> float:
    values = {
        "objective": taxonomy.objective,
        "gain": taxonomy.mean_gain,
        "quality": taxonomy.mean_quality,
    }
    value = values[measure]
    return math.nan if value is None else value


def _mean_of_known(values: NDArray[np.float64]) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    counts = known.sum(axis=-1)
    sums = np.where(known, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0))
