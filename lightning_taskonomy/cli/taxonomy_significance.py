"""`taxonomy significance`: computed taxonomies against random ones."""

import sys
from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.option_types import Numbers
from lightning_taskonomy.cli.problem_options import ProblemOptions, budgets_for
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import TaxonomyProblem
from lightning_taskonomy.taxonomy.significance import MEASURES, Significance


def significance(
    *,
    transfers: Path,
    out: Path,
    options: ProblemOptions,
    budgets: Numbers | None = None,
    max_order: int | None = TaxonomyProblem.max_order,
    draws: int = 1000,
    seed: int = 0,
    random_transfers: Literal["best", "any"] = "best",
) -> None:
    """Compare computed taxonomies with random feasible ones that spend the whole budget.

    A random taxonomy trains a random set of sources that spends the budget, and takes for each target the
    best transfer that the set allows, or any. Writes significance.csv (5th, 50th and 95th percentiles by
    budget) and a picture (significance.svg, significance.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        options: the labelling problem
        budgets: in units of label cost; by default from 1 to the number of tasks
        max_order: largest number of sources of a transfer; null for any number
        draws: random taxonomies per budget
        seed: of the draws
        random_transfers: what a random taxonomy takes of the transfers that its sources allow: best or any
    """
    problem = options.problem(transfers, max_order=max_order)
    chosen = budgets_for(budgets, problem.transfers)
    with output_folder(out):
        with progress("drawing", len(chosen)) as step:
            result = Significance.of(problem, chosen, draws, seed, random_transfers, step)
        for line in result.left_out.values():
            print(f"left out: {line}", file=sys.stderr)

        from lightning_taskonomy.taxonomy.figures.significance import (
            draw_significance,
        )  # matplotlib takes its time
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        result.save_table(out / "significance.csv")
        save_figure(draw_significance(result), out / "significance")
        for index, budget in enumerate(result.budgets):
            words = [
                f"{measure} {result.computed[measure][index]:.3f} (random 95th percentile "
                f"{result.percentiles(measure, [95])[0, index]:.3f})"
                for measure in MEASURES
                if result.computed[measure][index] == result.computed[measure][index]
            ]
            print(f"budget {budget:>3g}  " + "  ".join(words))
        print(f"written: {out / 'significance.csv'}, significance.svg, significance.png")
