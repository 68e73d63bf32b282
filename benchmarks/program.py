"""The boolean program against the same program in HiGHS, as ratios from one run.

python -m benchmarks.program [--table TRANSFERS.csv] [process grid related fifty textbook two_hundred]

There are two baselines: the paper's formulation through scipy (`textbook`), and the tight one, stated in
CVXPY and solved as a whole by HiGHS (`tight`). All solve on one thread. Seconds are CPU time, which leaves
out other work on the machine, except where whole processes are timed.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import textbook
from benchmarks.random_transfers import random_transfers
from lightning_taskonomy.taxonomy import RelatedPrograms, Taxonomy, TaxonomyProblem, Transfers

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / ".." / "shared" / "published" / "transfers_16k.csv"
REPEATS = 7
RELATED = 1000
RELATED_BY_BASELINE = 50
TEXTBOOK_LIMIT_S = 600
TIGHT_LIMIT_S = 240


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    action()
    return clock() - start


def process(table: Path) -> None:
    """`taxonomy solve`, the whole process with its figures, against a bare script; medians of pairs."""
    bare = [sys.executable, str(ROOT / "benchmarks" / "textbook.py"), str(table), "8"]
    with tempfile.TemporaryDirectory() as folder:
        own = [sys.executable, "-m", "lightning_taskonomy", "taxonomy", "solve", "--transfers", str(table)]
        own += ["--budget", "8", "--max-order", "null", "--out", folder]
        ways = {"ours": own, "tight": [*own, "--solver", "highs"], "bare": bare}

        def wall(words: list[str]) -> float:
            return seconds(
                lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL), time.perf_counter
            )

        rounds = [{name: wall(words) for name, words in ways.items()} for _ in range(REPEATS)]
    median = {name: statistics.median(times[name] for times in rounds) for name in ways}
    ratio = {name: statistics.median(times[name] / times["bare"] for times in rounds) for name in ways}
    print(
        f"whole process, all orders, budget 8: {median['ours']:.2f} s, bare scipy script "
        f"{median['bare']:.2f} s: ratio {ratio['ours']:.2f}; through CVXPY {median['tight']:.2f} s: ratio "
        f"{ratio['tight']:.2f}"
    )


def grid(table: Path) -> None:
    """All budgets × orders 1–4 against solving one program after another."""
    transfers, rows = Transfers.read_csv(table), textbook.read(str(table))
    budgets, orders = range(1, len(transfers.tasks) + 1), range(1, 5)
    problem = TaxonomyProblem(transfers)
    tight = replace(problem, solver="highs")
    problem.solve(), tight.solve()  # imports are not measured
    answers: dict[str, list[float]] = {"ours": [], "tight": [], "textbook": []}

    def by(name: str, problem: TaxonomyProblem) -> None:
        for answer in problem.solve_grid(budgets, orders):
            assert isinstance(answer, Taxonomy)
            answers[name].append(answer.objective)

    def by_textbook() -> None:
        answers["textbook"] = [
            -textbook.solve(rows, budget, order).fun for order in orders for budget in budgets
        ]

    own = seconds(lambda: by("ours", problem))
    for name, action in {"tight": lambda: by("tight", tight), "textbook": by_textbook}.items():
        spent = seconds(action)
        worst = np.abs(np.subtract(answers["ours"], answers[name])).max()
        print(
            f"{len(answers['ours'])} programs: {own:.2f} s, {name} {spent:.2f} s: {spent / own:.1f} x as "
            f"fast; objectives differ by {worst:.1e}"
        )


def related(table: Path) -> None:
    """A thousand programs on the same candidates, with affinities that vary as resampled ones do."""
    published = Transfers.read_csv(table)
    random = random_transfers(26, 26 * 70, "exponential")
    cases = {
        "published, order 1, noise 10 %": (TaxonomyProblem(published, 8, 1), 0.1),
        "published, orders to 4, noise 10 %": (TaxonomyProblem(published, 8), 0.1),
        "published, orders to 4, noise 30 %": (TaxonomyProblem(published, 8), 0.3),
        "random, 26 targets x 70 candidates, noise 10 %": (TaxonomyProblem(random, 8), 0.1),
    }
    for name, (problem, noise) in cases.items():
        programs = RelatedPrograms(problem)
        tight = RelatedPrograms(replace(problem, solver="highs"))
        programs.solve(), tight.solve()  # imports are not measured
        known = np.array([candidate.affinity for candidate in programs.candidates])
        draws = list(_noisy(known, noise, RELATED))
        answers: list[float] = []
        expected: list[float] = []
        own = seconds(lambda: answers.extend(programs.solve(draw).objective for draw in draws))  # noqa: B023
        few = draws[:RELATED_BY_BASELINE]
        other = seconds(lambda: expected.extend(tight.solve(draw).objective for draw in few))  # noqa: B023
        worst = np.abs(np.subtract(answers[: len(few)], expected)).max()
        each, other_each = own / len(draws), other / len(few)
        print(
            f"{name}: {len(draws)} programs in {own:.1f} s, {each * 1e3:.1f} ms each; tight "
            f"{other_each * 1e3:.1f} ms each (of {len(few)}): {other_each / each:.1f} x as fast; objectives "
            f"differ by {worst:.1e}",
            flush=True,
        )


def _noisy(affinities: np.ndarray, noise: float, draws: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(draws):
        yield affinities * np.exp(noise * rng.standard_normal(len(affinities)))


def fifty(textbook_too: bool) -> None:
    """50 tasks, 12,500 candidates, budget 12, to proven optimality; 26 tasks with uniform affinities."""
    TaxonomyProblem(random_transfers(10, 300, "exponential"), 4, solver="highs").solve()  # imports
    cases = [("exponential", 50, 12_500, 12, seed) for seed in range(4)]
    cases += [("uniform", 26, 1_820, 8, seed) for seed in range(2)]
    for distribution, tasks, candidates, budget, seed in cases:
        problem = TaxonomyProblem(random_transfers(tasks, candidates, distribution, seed), budget, None)  # type: ignore[arg-type]
        print(f"{tasks} tasks, {candidates:,} candidates, {distribution}, budget {budget}, seed {seed}:")
        own, answer = _solved(problem)
        print(f"  {own:.2f} s ({answer.status}, {answer.objective:.6f})")
        spent, other = _solved(replace(problem, solver="highs"))
        print(f"  tight {spent:.2f} s ({other.status}, {other.objective:.6f}): {spent / own:.1f} x as fast")
    if textbook_too:
        transfers = random_transfers(50, 12_500, "exponential")
        rows = [
            (row.target, row.trained_tasks, row.affinity) for row in transfers if row.affinity is not None
        ]
        own, _ = _solved(TaxonomyProblem(transfers, 12, None))
        start = time.process_time()
        bare = textbook.solve(rows, 12, time_limit=TEXTBOOK_LIMIT_S)
        spent = time.process_time() - start
        state = "optimal" if bare.status == 0 else f"stopped at a gap of {bare.mip_gap:.1%}"
        print(f"  textbook {spent:.1f} s ({state}, {-bare.fun:.6f}): {spent / own:.0f} x as fast")


def two_hundred() -> None:
    """200 tasks, 100,000 candidates: seconds and memory to a proven gap of 1 %."""
    for distribution in ("exponential", "uniform"):
        transfers = random_transfers(200, 100_000, distribution)
        for budget in (100, 50):
            problem = TaxonomyProblem(transfers, budget, None, gap=0.01, time_limit=TIGHT_LIMIT_S)
            own, answer = _solved(problem)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"200 tasks, 100,000 candidates, {distribution}, budget {budget}: {own:.1f} s, "
                f"proven within {answer.gap:.2%}, peak memory so far {memory:.1f} GiB",
                flush=True,
            )
            spent, other = _solved(replace(problem, solver="highs"))
            print(f"  tight {spent:.1f} s, within {other.gap:.2%}: {spent / own:.1f} x as fast", flush=True)


def _solved(problem: TaxonomyProblem) -> tuple[float, Taxonomy]:
    found: list[Taxonomy] = []
    return seconds(lambda: found.append(problem.solve())), found[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("process", "grid", "related", "fifty", "two_hundred", "textbook")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], default=list(parts))
    parser.add_argument(
        "--table", type=Path, default=PUBLISHED if PUBLISHED.exists() else ROOT / "data" / "transfers.csv"
    )
    chosen = parser.parse_args()
    if "process" in chosen.parts:
        process(chosen.table)
    if "grid" in chosen.parts:
        grid(chosen.table)
    if "related" in chosen.parts:
        related(chosen.table)
    if {"fifty", "textbook"} & set(chosen.parts):
        fifty(textbook_too="textbook" in chosen.parts)
    if "two_hundred" in chosen.parts:
        two_hundred()


if __name__ == "__main__":
    main()
