"""Groups of tasks: our solver against the whole program in HiGHS, as ratios measured in one run.

python -m benchmarks.grouping [ten twenty]

`ten`: ten tasks, all 1,023 groups, ten budgets. `twenty`: twenty tasks, 10,000 groups at full and half cost.
The baseline states the same tight program over all candidates in CVXPY and hands it to HiGHS. Losses are
random: each pair of tasks helps or hurts, large groups lose a little, and half-size networks lose 6 %.
"""

import argparse
import itertools
import time
from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.taxonomy import CandidateNetworks, GroupingProblem
from lightning_taskonomy.taxonomy.hypergraph import Hypergraph
from lightning_taskonomy.taxonomy.statement import Statement
from lightning_taskonomy.taxonomy.transfers import Transfer

LIMIT_S = 60.0


def random_networks(
    tasks: int, groups: Sequence[tuple[int, ...]], sizes: Sequence[tuple[float, float]], seed: int = 0
) -> CandidateNetworks:
    """A network for every group and size; `sizes` are (cost, factor of the losses)."""
    rng = np.random.default_rng(seed)
    base = rng.random(tasks) + 0.5
    helps = rng.normal(0, 0.05, (tasks, tasks))
    np.fill_diagonal(helps, 0)
    losses = np.full((len(groups) * len(sizes), tasks), np.nan)
    for row, (group, (_, factor)) in enumerate(itertools.product(groups, sizes)):
        own = np.array(group)
        change = helps[np.ix_(own, own)].sum(axis=1) / 2 + 0.02 * len(own) + rng.normal(0, 0.01, len(own))
        losses[row, own] = base[own] * factor * (1 + change)
    names = tuple(f"n{row}" for row in range(len(losses)))
    cost = np.array([cost for _ in groups for cost, _ in sizes])
    return CandidateNetworks(names, tuple(f"t{task}" for task in range(tasks)), cost, losses)


def baseline(table: CandidateNetworks, budget: float) -> float:
    """The objective by the whole program in HiGHS."""
    edges = [
        Transfer(table.tasks[task], (table.networks[row],), -float(table.losses[row, task]))
        for row, task in np.argwhere(~np.isnan(table.losses))
    ]
    cost = dict(zip(table.networks, table.cost.tolist(), strict=True))
    graph = Hypergraph.build(edges, table.tasks, table.networks, {}, cost)
    found = Statement(graph, budget, np.zeros(len(table.networks), np.bool_)).best(LIMIT_S)
    return np.nan if found.trained is None else -graph.value(found.trained)


def measure(table: CandidateNetworks, budgets: Sequence[float], gap: float, against: bool) -> None:
    print("budget  objective  status                                       seconds  baseline  ratio")
    for budget in budgets:
        start = time.perf_counter()
        found = GroupingProblem(table, budget, gap=gap, time_limit=LIMIT_S).solve()
        seconds = time.perf_counter() - start
        line = f"{budget:>6g}  {found.objective:9.4f}  {found.status:<43}  {seconds:7.2f}"
        if against:
            start = time.perf_counter()
            same = baseline(table, budget)
            other = time.perf_counter() - start
            line += f"  {other:8.2f}  {other / seconds:5.1f}" + (
                "" if np.isclose(same, found.objective) else " (!)"
            )
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=["ten", "twenty"], choices=["ten", "twenty"])
    parts = parser.parse_args().parts
    if "ten" in parts:
        print("ten tasks, 1,023 groups, to proof")
        every = [group for size in range(1, 11) for group in itertools.combinations(range(10), size)]
        measure(random_networks(10, every, [(1.0, 1.0)]), range(1, 11), 0.0, against=True)
    if "twenty" in parts:
        print("twenty tasks, 20,000 networks, within 1 %")
        rng = np.random.default_rng(0)
        groups: set[tuple[int, ...]] = {(task,) for task in range(20)}
        while len(groups) < 10_000:
            size = rng.integers(1, 21) if rng.random() < 0.3 else rng.integers(1, 7)
            groups.add(tuple(sorted(rng.choice(20, size, replace=False).tolist())))
        table = random_networks(20, sorted(groups), [(1.0, 1.0), (0.5, 1.06)])
        measure(table, (1, 2, 3.5, 6, 10), 0.01, against=False)


if __name__ == "__main__":
    main()
