"""Which tasks should share a network: the set of networks within a cost that serves all tasks best.

Standley et al., "Which Tasks Should Be Learned Together in Multi-task Learning?" (ICML 2020): every
candidate network has a cost and a loss for each task it was trained on; networks are chosen within a budget,
and each task is served by the chosen network in which its loss is lowest.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.taxonomy.column_generation import Relaxation
from lightning_taskonomy.taxonomy.delimited import number_of, read_delimited
from lightning_taskonomy.taxonomy.hypergraph import Hypergraph
from lightning_taskonomy.taxonomy.transfers import Transfer, target_problem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NETWORK, COST = "network", "cost"
_PROVEN = 1e-9
"""Relative gap below which an answer counts as optimal."""
_LARGEST = 1e15


@dataclass(frozen=True)
class CandidateNetworks:
    """The networks that may be chosen.

    Attributes:
        networks: their names, (N,).
        tasks: the tasks to be served, (T,).
        cost: of each network, (N,).
        losses: of each task in each network, (N, T); NaN where a network does not serve a task.
        origin: the table's source, for messages.
    """

    networks: tuple[str, ...]
    tasks: tuple[str, ...]
    cost: Floats
    losses: Floats
    origin: str = "networks"

    def __post_init__(self) -> None:
        """Check shapes and values.

        Raises:
            InputError: mismatched shapes, an invalid cost or loss, or a task that no network serves.
        """
        if self.losses.shape != (len(self.networks), len(self.tasks)) or len(self.cost) != len(self.networks):
            raise InputError(f"{self.origin}: expected a cost and {len(self.tasks)} losses for each network")
        for name, cost, losses in zip(self.networks, self.cost, self.losses, strict=True):
            if not 0 <= cost <= _LARGEST:
                raise InputError(
                    f"{self.origin}, network {name}: expected a cost from 0 to {_LARGEST:g}, found {cost:g}"
                )
            if not (np.isnan(losses) | (np.abs(losses) <= _LARGEST)).all():
                raise InputError(f"{self.origin}, network {name}: expected losses of at most {_LARGEST:g}")
            if np.isnan(losses).all():
                raise InputError(f"{self.origin}, network {name}: expected the loss of at least one task")
        for task, served in zip(self.tasks, np.any(~np.isnan(self.losses), axis=0).tolist(), strict=True):
            if not served:
                raise InputError(f"{self.origin}: no network serves {task}")

    @classmethod
    def read_csv(cls, path: str | Path) -> "CandidateNetworks":
        """Read a table with columns `network`, `cost` and one per task: its loss in that network, or empty.

        Raises:
            InputError: the file is missing or not such a table; names file, row and column.
        """
        table = read_delimited(Path(path), "table of networks", (NETWORK, COST))
        tasks = [name for name in table.columns if name not in (NETWORK, COST)]
        if not tasks:
            raise InputError(f"{table.origin}: expected a column of losses for each task, found none")
        for task in tasks:
            if problem := target_problem(task):
                raise InputError(f"{table.origin}, column {task!r}: {problem}")
        place = {name: index for index, name in enumerate(table.columns)}
        names: list[str] = []
        cost, losses = [], []
        for number, cells in table.rows:
            where = f"{table.origin}, row {number}"
            name = cells[place[NETWORK]].strip()
            if not name:
                raise InputError(f"{where}, column {NETWORK}: expected a name, found an empty cell")
            if name in names:
                raise InputError(f"{where}: the network {name} is already in an earlier row")
            names.append(name)
            cost.append(_number(cells[place[COST]], f"{where}, column {COST}"))
            loss_cells = [cells[place[task]].strip() for task in tasks]
            losses.append(
                [
                    _number(cell, f"{where}, column {task}") if cell else math.nan
                    for cell, task in zip(loss_cells, tasks, strict=True)
                ]
            )
        if not names:
            raise InputError(f"{table.origin}: the table has no rows")
        return cls(tuple(names), tuple(tasks), np.array(cost), np.array(losses), table.origin)


@dataclass(frozen=True)
class Serving:
    """A chosen network.

    Attributes:
        network: its name.
        serves: the tasks that it serves.
        cost: of the network.
        losses: by task served.
    """

    network: str
    serves: tuple[str, ...]
    cost: float
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Grouping:
    """The answer.

    Attributes:
        objective: the weighted sum of losses.
        lower_bound: a lower bound on it for every choice within the budget.
        budget: the cost it was solved for.
        cost: of the chosen networks; at most the budget.
        networks: the chosen networks that serve a task, by name.
    """

    objective: float
    lower_bound: float
    budget: float
    cost: float
    networks: tuple[Serving, ...]

    @property
    def gap(self) -> float:
        """The relative optimality gap: how far the objective may lie above the optimum; 0 if optimal."""
        above = max(self.objective - self.lower_bound, 0.0)
        size = max(abs(self.objective), abs(self.lower_bound))
        return above / size if above > _PROVEN * size else 0.0

    @property
    def status(self) -> str:
        """`optimal`, or the optimality gap."""
        return "optimal" if self.gap == 0 else f"feasible, at most {100 * self.gap:.3g}% above the optimum"

    def as_json(self) -> dict[str, Any]:
        """The content of `groups.json`."""
        return {
            "status": self.status,
            "objective": self.objective,
            "lower_bound": self.lower_bound,
            "budget": self.budget,
            "cost": self.cost,
            "networks": [
                {
                    "network": chosen.network,
                    "serves": list(chosen.serves),
                    "cost": chosen.cost,
                    "losses": dict(chosen.losses),
                }
                for chosen in self.networks
            ],
        }

    def save(self, folder: str | Path) -> None:
        """Write `groups.json` into a folder.

        Raises:
            InputError: the folder cannot be written to.
        """
        write_text(make_folder(Path(folder)) / "groups.json", json.dumps(self.as_json(), indent=2) + "\n")


@dataclass(frozen=True)
class GroupingProblem:
    """Minimise the weighted sum of losses over networks whose total cost is within the budget.

    Attributes:
        table: the candidates, or their file.
        budget: largest total cost.
        weight: of a task's loss; 1 where absent.
        relative: losses are divided by the task's best loss in a single-task network, so that tasks with
            large losses do not dominate; without such a network, by its best loss anywhere.
        time_limit: seconds after which the best answer so far is returned, with its gap. None for no limit.
        gap: relative optimality gap at which to stop.
    """

    table: CandidateNetworks | str | Path
    budget: float
    weight: Mapping[str, float] = field(default_factory=dict)
    relative: bool = False
    time_limit: float | None = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.table, CandidateNetworks):
            object.__setattr__(self, "table", CandidateNetworks.read_csv(self.table))
        if not (math.isfinite(self.budget) and self.budget >= 0):
            raise InputError(f"budget: expected a finite number of at least 0, found {self.budget:g}")
        for task, weight in self.weight.items():
            if task not in self.candidates.tasks:
                raise InputError(
                    f"weight: unknown task {task!r} in {self.candidates.origin}; it has "
                    f"{', '.join(self.candidates.tasks)}"
                )
            if not 0 <= weight <= _LARGEST:
                raise InputError(
                    f"weight: expected a number from 0 to {_LARGEST:g} for {task}, found {weight:g}"
                )
        if not 0 <= self.gap < 1:
            raise InputError(f"gap: expected a fraction from 0 to below 1, found {self.gap:g}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError(f"time-limit: expected more than 0 seconds, found {self.time_limit:g}")

    @property
    def candidates(self) -> CandidateNetworks:
        """The table."""
        assert isinstance(self.table, CandidateNetworks)
        return self.table

    def solve(self) -> Grouping:
        """The best networks within the budget.

        The linear relaxation is solved by column generation; networks whose reduced cost rules them out of
        any better choice are dropped, and HiGHS chooses among the rest, through CVXPY.

        Raises:
            InputError: the budget cannot serve every task; names those left without a network and the least
                feasible budget.
        """
        weighted = self._weighted_losses()
        affordable = self.candidates.cost <= self.budget * (1 + 1e-12)
        relaxation = Relaxation.of(weighted[affordable], self.candidates.cost[affordable], self.budget)
        if relaxation is None:
            raise self._refusal(weighted)
        rows = np.flatnonzero(affordable)
        first = rows[relaxation.columns]
        chosen, _ = self._chosen(weighted, first, self.time_limit)
        if chosen is None:  # the columns may be feasible only as fractions
            chosen, lower = self._chosen(weighted, rows, self.time_limit)
            if chosen is None:
                raise self._refusal(weighted)
            return self._grouping(weighted, chosen, max(lower, relaxation.bound))
        best = self._grouping(weighted, chosen, relaxation.bound)
        if best.gap <= max(self.gap, 0.0):
            return best
        room = best.objective - relaxation.bound
        open_rows = rows[relaxation.reduced_costs <= room * (1 + 1e-9) + 1e-12 * abs(best.objective)]
        chosen, lower = self._chosen(weighted, np.union1d(open_rows, first), self.time_limit)
        if chosen is None:
            return best
        # The networks left out cannot improve on the best known.
        lower = max(min(lower, best.objective), relaxation.bound)
        return min(
            (best, self._grouping(weighted, chosen, lower)),
            key=lambda grouping: (grouping.objective, -grouping.lower_bound),
        )

    def _weighted_losses(self) -> Floats:
        table = self.candidates
        losses = table.losses
        if self.relative:
            single = (~np.isnan(losses)).sum(axis=1) == 1
            scale = [_scale(losses[:, task], single) for task in range(len(table.tasks))]
            if min(scale) <= 0:
                task = table.tasks[int(np.argmin(scale))]
                raise InputError(
                    f"{table.origin}: relative losses need losses above 0, found {min(scale):g} for {task}"
                )
            losses = losses / np.array(scale)
        return np.asarray(losses * np.array([self.weight.get(task, 1.0) for task in table.tasks]))

    def _graph(self, weighted: Floats, rows: Integers) -> Hypergraph:
        """Networks as sources and tasks as targets of first-order transfers; −loss is maximised."""
        names = {row: f"{row:09d}" for row in rows}
        edges = [
            Transfer(self.candidates.tasks[task], (names[row],), -float(weighted[row, task]))
            for row in rows
            for task in np.flatnonzero(~np.isnan(weighted[row]))
        ]
        cost = {names[row]: float(self.candidates.cost[row]) for row in rows}
        return Hypergraph.build(edges, self.candidates.tasks, list(names.values()), {}, cost)

    def _chosen(
        self, weighted: Floats, rows: Integers, time_limit: float | None
    ) -> tuple[Integers | None, float]:
        """The best networks among `rows`, and a lower bound on the objective with these."""
        from lightning_taskonomy.taxonomy.statement import Statement  # CVXPY is slow to import

        graph = self._graph(weighted, rows)
        if len(set(graph.target.tolist())) < len(graph.targets):
            return None, np.inf
        found = Statement(graph, self.budget, np.zeros(len(rows), np.bool_)).best(time_limit, self.gap)
        if found.trained is None:
            return None, -found.upper
        names = [graph.sources[place] for place in np.flatnonzero(found.trained)]
        return np.array([int(name) for name in names], np.int64), -found.upper

    def _grouping(self, weighted: Floats, chosen: Integers, lower: float) -> Grouping:
        table = self.candidates
        # Ties go to the cheaper network, then to the first by name.
        chosen = np.array(sorted(chosen, key=lambda row: (table.cost[row], table.networks[row])), np.int64)
        losses = np.where(np.isnan(weighted[chosen]), np.inf, weighted[chosen])
        server = chosen[np.argmin(losses, axis=0)]
        objective = float(losses.min(axis=0).sum())
        serving = []
        for row in sorted(set(server.tolist()), key=lambda row: table.networks[row]):
            tasks = [place for place, at in enumerate(server) if at == row]
            serving.append(
                Serving(
                    table.networks[row],
                    tuple(table.tasks[place] for place in tasks),
                    float(table.cost[row]),
                    {table.tasks[place]: float(table.losses[row, place]) for place in tasks},
                )
            )
        cost = math.fsum(network.cost for network in serving)
        lower = min(lower, objective)
        if objective - lower <= _PROVEN * max(abs(objective), abs(lower)):
            lower = objective
        return Grouping(objective, lower, self.budget, cost, tuple(serving))

    def _refusal(self, weighted: Floats) -> InputError:
        from lightning_taskonomy.taxonomy.statement import Statement

        graph = self._graph(weighted, np.arange(len(self.candidates.networks)))
        statement = Statement(graph, self.budget, np.zeros(len(graph.sources), np.bool_))
        limit = None if self.time_limit is None else self.time_limit / 2
        unserved = _listed(graph.targets[place] for place in statement.unserved(limit))
        least, proven = statement.least_budget(limit)
        words = "the least budget that works" if proven else "the least budget known to work"
        return InputError(
            f"budget: {self.budget:.12g} cannot serve every task; left without a network: {unserved}; "
            f"{words} is {least:.12g}"
        )


def _scale(losses: Floats, single: NDArray[np.bool_]) -> float:
    """The best loss of a task in a single-task network, else anywhere."""
    single_task = losses[single & ~np.isnan(losses)]
    return float(np.nanmin(single_task if len(single_task) else losses))


def _number(cell: str, where: str) -> float:
    expected = f"{where}: expected a finite number, found {cell!r}"
    try:
        number = number_of(cell.strip())
    except ValueError:
        raise InputError(expected) from None
    if not math.isfinite(number):
        raise InputError(expected)
    return number


def _listed(names: Iterable[str] | Collection[str]) -> str:
    return ", ".join(names)
