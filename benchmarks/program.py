"""The boolean program against the textbook formulation in HiGHS, as ratios measured in one run.

python -m benchmarks.program [--table TRANSFERS.csv] [process] [grid] [fifty] [two_hundred]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import textbook
from benchmarks.random_transfers import random_transfers
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfers

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / ".." / "shared" / "published" / "transfers_16k.csv"
REPEATS = 7
TEXTBOOK_LIMIT_S = 600


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def process(table: Path) -> None:
    """`taxonomy solve`, whole process with its pictures, against a bare script; medians of pairs."""
    bare = [sys.executable, str(ROOT / "benchmarks" / "textbook.py"), str(table), "8"]
    with tempfile.TemporaryDirectory() as folder:
        own = [sys.executable, "-m", "lightning_taskonomy", "taxonomy", "solve", "--transfers", str(table)]
        own += ["--budget", "8", "--max-order", "null", "--out", folder]
        pairs = [
            tuple(
                seconds(lambda words=words: subprocess.run(words, check=True, stdout=subprocess.DEVNULL))  # type: ignore[misc]
                for words in (own, bare)
            )
            for _ in range(REPEATS)
        ]
    ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    print(
        f"whole process, all orders, budget 8: {ours:.2f} s, "
        f"bare scipy script {theirs:.2f} s: ratio {ours / theirs:.2f}"
    )


def grid(table: Path) -> None:
    """All budgets × orders 1–4 against one scipy program after another."""
    transfers, rows = Transfers.read_csv(table), textbook.read(str(table))
    budgets, orders = range(1, len(transfers.tasks) + 1), range(1, 5)
    TaxonomyProblem(transfers, budget=8, solver="highs").solve()  # imports are not what is measured here
    answers: list[float] = []

    def ours() -> None:
        for answer in TaxonomyProblem(transfers).solve_grid(budgets, orders):
            assert isinstance(answer, Taxonomy)
            answers.append(answer.objective)

    expected: list[float] = []

    def theirs() -> None:
        expected.extend(-textbook.solve(rows, budget, order).fun for order in orders for budget in budgets)

    own, other = seconds(ours), seconds(theirs)
    worst = max(abs(a - b) for a, b in zip(answers, expected, strict=True))
    print(
        f"{len(answers)} programs: {own:.2f} s, scipy milp {other:.2f} s: {other / own:.1f} x as fast; "
        f"objectives differ by {worst:.1e}"
    )


def fifty() -> None:
    """50 tasks, 12,500 candidates, budget 12, to proven optimality."""
    transfers = random_transfers(50, 12_500, "exponential")
    problem = TaxonomyProblem(transfers, budget=12, max_order=None)
    TaxonomyProblem(random_transfers(30, 3_000, "exponential"), budget=6, time_limit=5).solve()  # compiles
    found: list[Taxonomy] = []
    own = seconds(lambda: found.append(problem.solve()))
    rows = [(row.target, row.trained_tasks, row.affinity) for row in transfers if row.affinity is not None]
    start = time.perf_counter()
    other = textbook.solve(rows, 12, time_limit=TEXTBOOK_LIMIT_S)
    spent = time.perf_counter() - start
    state = "optimal" if other.status == 0 else f"stopped at a gap of {other.mip_gap:.1%}"
    print(f"50 tasks, 12,500 candidates: {own:.1f} s ({found[0].status}, {found[0].objective:.6f})")
    print(f"  textbook in HiGHS {spent:.1f} s ({state}, {-other.fun:.6f}): {spent / own:.0f} x as fast")


def two_hundred() -> None:
    """200 tasks, 100,000 candidates: seconds and memory to a proven gap of 1 %."""
    for distribution in ("exponential", "uniform"):
        transfers = random_transfers(200, 100_000, distribution)
        for budget in (100, 50):
            problem = TaxonomyProblem(transfers, budget=budget, max_order=None, gap=0.01, time_limit=240)
            found: list[Taxonomy] = []
            own = seconds(lambda problem=problem, found=found: found.append(problem.solve()))  # type: ignore[misc]
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"200 tasks, 100,000 candidates, {distribution}, budget {budget}: {own:.0f} s, "
                f"proven within {found[0].gap:.2%}, peak memory so far {memory:.1f} GiB"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("process", "grid", "fifty", "two_hundred")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], default=list(parts))
    parser.add_argument(
        "--table", type=Path, default=PUBLISHED if PUBLISHED.exists() else ROOT / "data" / "transfers.csv"
    )
    chosen = parser.parse_args()
    if "process" in chosen.parts:
        process(chosen.table)
    if "grid" in chosen.parts:
        grid(chosen.table)
    if "fifty" in chosen.parts:
        fifty()
    if "two_hundred" in chosen.parts:
        two_hundred()


if __name__ == "__main__":
    main()
