"""The baseline: read a transfers table and solve the paper's formulation with HiGHS through scipy.

python benchmarks/textbook.py TRANSFERS.csv BUDGET [MAX_ORDER]
"""

import csv
import sys

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import coo_matrix

Row = tuple[str, tuple[str, ...], float]


def read(path: str) -> list[Row]:
    """Target, sources and affinity of every candidate; `self` becomes the target as its own source."""
    rows = []
    with open(path, newline="") as file:  # noqa: PTH123 - as a bare script would
        for row in csv.DictReader(file):
            sources = tuple(row["sources"].split("+"))
            if row["affinity"] and not {"random", "pixels", "average"} & set(sources):
                rows.append(
                    (
                        row["target"],
                        (row["target"],) if sources == ("self",) else sources,
                        float(row["affinity"]),
                    )
                )
    return rows


def solve(
    rows: list[Row], budget: float, max_order: int | None = None, time_limit: float | None = None
) -> OptimizeResult:
    """One row per transfer: |sources| x_e ≤ Σ y_s; one transfer per target; the budget."""
    rows = [row for row in rows if max_order is None or len(row[1]) <= max_order]
    tasks = sorted({task for row in rows for task in (row[0], *row[1])})
    targets = sorted({row[0] for row in rows})
    column = {task: len(rows) + index for index, task in enumerate(tasks)}
    place = {target: len(rows) + index for index, target in enumerate(targets)}
    entries: list[tuple[int, int, float]] = []
    for edge, (target, sources, _) in enumerate(rows):
        entries.append((edge, edge, len(sources)))
        entries += [(edge, column[source], -1.0) for source in sources]
        entries.append((place[target], edge, 1.0))
    last = len(rows) + len(targets)
    entries += [(last, column[task], 1.0) for task in tasks]
    lower = np.array([-np.inf] * len(rows) + [1.0] * len(targets) + [-np.inf])
    upper = np.array([0.0] * len(rows) + [1.0] * len(targets) + [budget])
    places = np.array([entry[:2] for entry in entries]).T
    values = np.array([entry[2] for entry in entries])
    shape = (last + 1, len(rows) + len(tasks))
    matrix = coo_matrix((values, (places[0], places[1])), shape=shape).tocsr()
    worth = np.zeros(shape[1])
    worth[: len(rows)] = [-affinity for _, _, affinity in rows]
    return milp(
        worth,
        constraints=LinearConstraint(matrix, lower, upper),
        integrality=np.ones(shape[1], int),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": np.inf if time_limit is None else time_limit},
    )


if __name__ == "__main__":
    order = int(sys.argv[3]) if len(sys.argv) > 3 else None
    print(-solve(read(sys.argv[1]), float(sys.argv[2]), order).fun)
