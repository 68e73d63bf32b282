"""A thousand resamplings of the whole decision: tournaments, affinities and programs of 26 targets.

python -m benchmarks.resampling [RESAMPLINGS] [GROUPS]
"""

import itertools
import sys
import time

import numpy as np

from lightning_taskonomy.taxonomy import LossTable, TaxonomyProblem, Tournament, Transfers
from lightning_taskonomy.taxonomy.resampling import RESAMPLINGS, resampled
from lightning_taskonomy.taxonomy.stability import Stability

TASKS, CONTENDERS, IMAGES = 26, 70, 500
NAMES = [f"task{index:02d}" for index in range(TASKS)]


def table(target: str, groups: int, rng: np.random.Generator) -> LossTable:
    """Losses of all first-order transfers, and of higher orders among a target's five best sources."""
    sources = [name for name in NAMES if name != target]
    mean = dict(zip(sources, 1 + rng.normal(0, 0.3, len(sources)), strict=True))
    best = sorted(sorted(sources, key=mean.__getitem__)[:5])
    orders = (combination for order in (2, 3, 4, 5) for combination in itertools.combinations(best, order))
    further = ["+".join(one) for one in orders]
    pairs = [f"{one}+{other}" for one, other in itertools.combinations(sources, 2)]
    rng.shuffle(pairs)
    extra = [pair for pair in pairs if pair not in further][: CONTENDERS - 4 - len(sources) - len(further)]
    joined = [*further, *extra]
    means = {"self": 0.3, "pixels": 1.2, "random": 1.4, "average": 2.0, **mean}
    means |= {
        one: float(np.min([mean[part] for part in one.split("+")])) - 0.05 * one.count("+") for one in joined
    }
    group = np.arange(IMAGES) % groups
    losses = np.array(list(means.values())) + rng.normal(0, 0.15, (groups, len(means)))[group]
    losses = losses + rng.normal(0, 0.4, (IMAGES, 1)) + rng.normal(0, 0.4, (IMAGES, len(means)))
    keys = [f"b{own}/{index}" for index, own in enumerate(group)]
    return LossTable.from_arrays(target, keys, list(means), losses)


def main() -> None:
    resamplings = int(sys.argv[1]) if len(sys.argv) > 1 else RESAMPLINGS
    groups = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    rng = np.random.default_rng(0)
    tables = [table(name, groups, rng) for name in NAMES]
    rows = [row for own in tables for row in Tournament.from_losses(own).transfers()]
    problem = TaxonomyProblem(Transfers(tuple(rows)), budget=8, max_order=None)
    taxonomy = problem.solve()
    start, cpu = time.perf_counter(), time.process_time()
    tournaments = resampled(tables, resamplings)
    middle = time.perf_counter()
    print(
        f"tournaments and affinities: {middle - start:.1f} s ({time.process_time() - cpu:.1f} s of CPU time)"
    )
    stability = Stability.of(problem, taxonomy, tournaments)
    print(f"programs: {time.perf_counter() - middle:.1f} s")
    print("\n".join(stability.lines(taxonomy)))


if __name__ == "__main__":
    main()
