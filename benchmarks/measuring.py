"""The published table, replayed: what is reached from 12 % and from 20 % of the first-order transfers.

python -m benchmarks.measuring [--table TRANSFERS.csv] [--budgets 4 8 13] [--seeds 5] [--max-order 1]

Shares of the objective and of the mean gain of the whole table's answer, over seeds and budgets, for
our own policy, for the best guess of each target, and for chance; and how often the bound of the regret held.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.replay import POLICIES, Replay, Step

PUBLISHED = Path(__file__).parents[2] / "shared" / "published" / "transfers_16k.csv"
SHARES = (0.12, 0.20)


def near(steps: list[Step], share: float) -> Step:
    """The last step that has measured no more than a share."""
    return [step for step in steps if step.share <= share + 1e-9][-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=PUBLISHED)
    parser.add_argument("--budgets", type=float, nargs="+", default=[4, 6, 8, 10, 13])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-order", type=int, default=1)
    asked = parser.parse_args()
    table = Transfers.read_csv(asked.table)
    steps: dict[tuple[str, float, int], list[Step]] = {}
    held: list[bool] = []
    start, replays = time.process_time(), 0
    for budget in asked.budgets:
        replay = Replay.of(table, budget, asked.max_order, SHARES[-1], asked.seeds)
        for step in replay.steps:
            steps.setdefault((step.policy, budget, step.seed), []).append(step)
            if step.bound_holds is not None:
                held.append(step.bound_holds)
        replays += len(POLICIES) * asked.seeds
    print(f"budgets {asked.budgets}, order {asked.max_order}, {asked.seeds} seeds each")
    print(f"{(time.process_time() - start) / replays:.1f} s of CPU time per replay")
    print("| policy | measured | objective | at worst | gain | at worst |")
    print("| --- | --- | --- | --- | --- | --- |")
    for policy in POLICIES:
        for share in SHARES:
            ends = [near(own, share) for (name, _, _), own in steps.items() if name == policy]
            objective = [step.objective for step in ends]
            gain = [0.0 if step.gain is None else step.gain for step in ends]
            numbers = (np.mean(objective), min(objective), np.mean(gain), min(gain))
            print(f"| {policy} | {share:.0%} | " + " | ".join(f"{number:.4f}" for number in numbers) + " |")
    print(f"the bound of the regret held in {np.mean(held):.1%} of {len(held)} steps")


if __name__ == "__main__":
    main()
