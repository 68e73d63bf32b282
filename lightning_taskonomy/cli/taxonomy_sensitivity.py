"""`taxonomy sensitivity`: how far two measurements of the same transfers agree."""

import sys
from pathlib import Path

from lightning_taskonomy.cli.option_types import Numbers
from lightning_taskonomy.cli.problem_options import ProblemOptions, budgets_for
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from lightning_taskonomy.taxonomy.sensitivity import OVERALL, Sensitivity
from lightning_taskonomy.taxonomy.tree import order_of_tasks


def sensitivity(
    *,
    transfers: tuple[Path, ...],
    out: Path,
    options: ProblemOptions,
    budgets: Numbers | None = None,
    max_order: int | None = TaxonomyProblem.max_order,
) -> None:
    """Compare two or more tables of the same transfers: affinities, chosen sources, objectives.

    Only transfers that all tables have are compared. Writes into the folder OUT: correlations.csv (Spearman,
    by target and over all), policies.csv (overlap of the chosen sources, and each table's policy scored with
    the other's affinities) and a picture (sensitivity.svg, sensitivity.png).

    Args:
        transfers: tables of measured transfers, two CSVs or more
        out: folder to write into
        options: the labelling problem
        budgets: in units of label cost; by default from 1 to the number of tasks
        max_order: largest number of sources of a transfer; null for any number
    """
    names = _names(transfers)
    tables = {name: Transfers.read_csv(path) for name, path in zip(names, transfers, strict=True)}
    first = next(iter(tables.values()))
    chosen = budgets_for(budgets, first)
    with output_folder(out):
        with progress("solving", len(tables)) as step:
            result = Sensitivity.of(tables, chosen, step, max_order=max_order, **options.named())
        for name, count in result.ignored.items():
            if count:
                print(f"{name}: {count} candidates that not every table has are left out", file=sys.stderr)
        for line in result.left_out.values():
            print(f"left out: {line}", file=sys.stderr)

        from lightning_taskonomy.taxonomy.figures.sensitivity import (
            draw_sensitivity,
        )  # matplotlib takes its time
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        compared = {correlation.target for correlation in result.correlations}
        targets = [task for task in order_of_tasks(first) if task in compared]
        result.save_tables(out)
        save_figure(draw_sensitivity(result, targets), out / "sensitivity")
        for correlation in result.correlations:
            if correlation.target == OVERALL:
                pair = f"{correlation.first} and {correlation.second}"
                print(f"{pair}: Spearman {correlation.spearman:.3f} over {correlation.transfers} transfers")
        print(f"written: {out}: correlations.csv, policies.csv, sensitivity.svg, sensitivity.png")


def _names(paths: tuple[Path, ...]) -> list[str]:
    """The files' names; with their folders where two are called the same."""
    stems = [path.stem for path in paths]
    names = [str(path) if stems.count(path.stem) > 1 else path.stem for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"transfers: {name} is given twice")
    return names
