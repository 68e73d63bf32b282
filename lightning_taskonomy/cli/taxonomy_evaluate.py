"""`taxonomy evaluate`: gain and quality over budgets and orders."""

import sys
from pathlib import Path

from lightning_taskonomy.cli.option_types import Numbers, WholeNumbers
from lightning_taskonomy.cli.problem_options import ProblemOptions, budgets_for
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.cli.taxonomy_tournament import loss_tables
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.evaluation import Evaluation


def evaluate(
    *,
    transfers: Path,
    out: Path,
    options: ProblemOptions,
    budgets: Numbers | None = None,
    orders: WholeNumbers = WholeNumbers((1, 4)),
    losses: tuple[Path, ...] = (),
) -> None:
    """Solve for every budget and maximum order, and show gain and quality as the budget grows.

    Writes into the folder OUT: policies.csv (a row per target), summary.csv (a row per taxonomy), and the
    pictures grid_gain and grid_quality (the taxonomies side by side), heat_maps (win rates by budget) and
    affinity (the matrix before and after AHP), each as svg and png. Budgets too small to serve every target
    are named and left out; so is the picture affinity of a table without first-order transfers.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        options: the labelling problem
        budgets: in units of label cost; by default from 1 to the number of tasks
        orders: largest numbers of sources of a transfer
        losses: loss tables or folders of them: the affinity picture then starts from rescaled losses
    """
    problem = options.problem(transfers)
    table = problem.transfers
    chosen = budgets_for(budgets, table)
    tables = loss_tables(losses) if losses else None
    has_first_order = any(row.order == 1 and not row.is_self for row in table.candidates())
    matrix = AffinityMatrix.from_transfers(table, tables) if has_first_order else None
    with output_folder(out):
        with progress("solving", len(chosen) * len(orders)) as step:
            evaluation = Evaluation.of(problem, chosen, orders, step)
        for max_order, least in evaluation.least_budgets.items():
            print(
                f"order {max_order}: budgets below {least:.12g} cannot serve every target: left out",
                file=sys.stderr,
            )

        from lightning_taskonomy.taxonomy.figures.evaluation import (  # matplotlib takes its time
            save_evaluation_figures,
        )

        evaluation.save_tables(out)
        save_evaluation_figures(evaluation, matrix, out)
        for (max_order, budget), taxonomy in evaluation.taxonomies.items():
            means = (("gain", taxonomy.mean_gain), ("quality", taxonomy.mean_quality))
            words = "".join(f"  {name} {value:.3f}" for name, value in means if value is not None)
            print(f"order {max_order}  budget {budget:>3g}  objective {taxonomy.objective:.4f}{words}")
        if matrix is None:
            print(f"affinity: no first-order transfers in {table.origin}: left out", file=sys.stderr)
        pictures = f"grid_gain, grid_quality, heat_maps{', affinity' if matrix else ''} (svg, png)"
        print(f"written: {out}: policies.csv, summary.csv; {pictures}")
