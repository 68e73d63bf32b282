"""Large random transfers tables: positive affinities, each added source improving them by up to 10 %."""

import itertools
from typing import Literal

import numpy as np

from lightning_taskonomy.taxonomy import Transfer, Transfers

Distribution = Literal["exponential", "uniform"]
_HELP = 0.1


def random_transfers(tasks: int, candidates: int, distribution: Distribution, seed: int = 0) -> Transfers:
    """Every task is a target with the same number of candidates of orders 1 to 3.

    Args:
        tasks: number of tasks.
        candidates: transfers in total, over all targets.
        distribution: of first-order affinities, including `self`.
        seed: of the affinities.
    """
    rng = np.random.default_rng(seed)
    names = [f"task{index:03d}" for index in range(tasks)]
    per_target = candidates // tasks
    rows = []
    for target in range(tasks):
        first = rng.exponential(size=tasks) if distribution == "exponential" else rng.random(tasks)
        affinity: dict[tuple[int, ...], float] = {(source,): float(first[source]) for source in range(tasks)}
        pairs = (per_target - tasks) // 2
        for order, wanted in ((2, tasks + pairs), (3, per_target)):
            while len(affinity) < wanted:
                chosen = tuple(sorted(rng.choice(tasks, order, replace=False).tolist()))
                if chosen not in affinity:
                    parts = (p for size in range(1, order) for p in itertools.combinations(chosen, size))
                    best = max(affinity.get(part, 0.0) for part in parts)
                    affinity[chosen] = best * (1 + _HELP * float(rng.random()))
        total = sum(affinity.values())
        rows += [
            Transfer(
                names[target],
                ("self",) if sources == (target,) else tuple(names[source] for source in sources),
                value / total,
            )
            for sources, value in affinity.items()
        ]
    return Transfers(tuple(rows))
