"""The `taxonomy` commands that show how far an answer can be trusted."""

import sys
from pathlib import Path

from lightning_taskonomy.cli.option_types import Names, Numbers, WholeNumbers
from lightning_taskonomy.cli.problem_options import ProblemOptions, budgets_for
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.cli.taxonomy import loss_tables
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.novel import NovelTasks
from lightning_taskonomy.taxonomy.sanity import Sanity
from lightning_taskonomy.taxonomy.significance import BANDS, MEASURES, Significance


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
    figures grid_gain and grid_quality (the taxonomies side by side), heat_maps (win rates by budget) and
    affinity (the matrix before and after AHP), each as svg and png. Budgets too small to serve every target
    are named and left out; so is the figure affinity of a table without first-order transfers.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        options: the labelling problem
        budgets: in label units; by default from 1 to the number of tasks
        orders: largest numbers of sources of a transfer
        losses: loss tables or folders of them: the affinity figure then starts from rescaled losses
    """
    from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix  # scipy is slow to import

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

        from lightning_taskonomy.taxonomy.figures.evaluation import (  # matplotlib is slow to import
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


def significance(
    *,
    transfers: Path,
    out: Path,
    options: ProblemOptions,
    budgets: Numbers | None = None,
    max_order: int | None = TaxonomyProblem.max_order,
    draws: int = 1000,
    seed: int = 0,
) -> None:
    """Compare computed taxonomies with random feasible ones that spend the whole budget.

    A random taxonomy trains a random set of sources that spends the budget. For each target it takes a random
    transfer that the set allows (random connectivities, the paper's band) or the best one (random sources,
    which is stricter). Writes significance.csv (5th, 50th and 95th percentiles of both by budget) and a
    figure (significance.svg, significance.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        options: the labelling problem
        budgets: in label units; by default from 1 to the number of tasks
        max_order: largest number of sources of a transfer; null for any number
        draws: random taxonomies per budget
        seed: of the draws
    """
    problem = options.problem(transfers, max_order=max_order)
    chosen = budgets_for(budgets, problem.transfers)
    with output_folder(out):
        with progress("drawing", len(chosen)) as step:
            result = Significance.of(problem, chosen, draws, seed, step)
        for line in result.left_out.values():
            print(f"left out: {line}", file=sys.stderr)

        from lightning_taskonomy.taxonomy.figures.significance import (  # matplotlib is slow to import
            draw_significance,
        )
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        result.save_table(out / "significance.csv")
        save_figure(draw_significance(result), out / "significance")
        for index, budget in enumerate(result.budgets):
            words = [
                f"{measure} {result.computed[measure][index]:.3f} ("
                + ", ".join(
                    f"{band} {result.percentiles(measure, [95], band)[0, index]:.3f}" for band in BANDS
                )
                + ")"
                for measure in MEASURES
                if result.computed[measure][index] == result.computed[measure][index]
            ]
            print(f"budget {budget:>3g}  " + "  ".join(words))
        print("in brackets: 95th percentiles of random connectivities (the paper's) and of random sources")
        print(f"written: {out / 'significance.csv'}, significance.svg, significance.png")


def novel(
    *,
    transfers: Path,
    out: Path,
    orders: WholeNumbers = WholeNumbers((1, 2, 3, 4)),
    rivals: Names | None = None,
    losses: tuple[Path, ...] = (),
    drop_incomplete: bool = False,
) -> None:
    """Treat each target in turn as novel: the best transfer from all other tasks, and how it fares.

    Writes novel.csv (win rates by target and order) and a figure of the highest order (novel.svg, novel.png)
    into the folder OUT; with loss tables also novel_losses.csv, the mean losses behind them. Targets without
    transfers from other tasks are named and left out.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        orders: largest numbers of sources of a transfer
        rivals: single sources to compare with; by default self-supervised, classification and random features
        losses: loss tables or folders of them, to count win rates against rivals; else these are implied by
            the affinities
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
    """
    from lightning_taskonomy.taxonomy.tree import order_of_tasks  # scipy is slow to import

    table = Transfers.read_csv(transfers)
    tables = {found.target: found for found in loss_tables(losses)} if losses else None
    with output_folder(out):
        with progress("targets", len(table.targets)) as step:
            result = NovelTasks.of(table, orders, rivals, tables, drop_incomplete, step)

        from lightning_taskonomy.taxonomy.figures.novel import draw_novel  # matplotlib is slow to import
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        for target, reason in result.left_out.items():
            print(f"left out: {target}: {reason}", file=sys.stderr)
        result.save_tables(out)
        targets = [task for task in order_of_tasks(table) if task in result.targets]
        save_figure(draw_novel(result, targets), out / "novel")
        for row in result.rows:
            transfer = row.transfer
            rates = (("scratch", transfer.gain), ("full", transfer.quality))
            words = "".join(f"  vs {name} {rate:.3f}" for name, rate in rates if rate is not None)
            print(f"{transfer.target}, up to {row.max_order}: {transfer.label}{words}")
        further = ", novel_losses.csv" if result.measured else ""
        print(f"written: {out / 'novel.csv'}{further}, novel.svg, novel.png")


def sensitivity(
    *,
    transfers: tuple[Path, ...],
    out: Path,
    options: ProblemOptions,
    budgets: Numbers | None = None,
    max_order: int | None = TaxonomyProblem.max_order,
) -> None:
    """Compare two or more tables of the same transfers: affinities, chosen sources, objectives.

    Only transfers that all tables have are compared. Writes into the folder OUT: correlations.csv (Spearman
    correlations of affinities: the mean over targets, all targets pooled, and by target), policies.csv
    (overlap of the chosen sources, and each table's policy scored with the other's affinities) and a figure
    (sensitivity.svg, sensitivity.png).

    Args:
        transfers: tables of measured transfers, two CSVs or more
        out: folder to write into
        options: the labelling problem
        budgets: in label units; by default from 1 to the number of tasks
        max_order: largest number of sources of a transfer; null for any number
    """
    from lightning_taskonomy.taxonomy.sensitivity import MEAN, OVERALL, Sensitivity  # scipy is slow to import
    from lightning_taskonomy.taxonomy.tree import order_of_tasks

    names = _names(transfers)
    tables = {name: Transfers.read_csv(path) for name, path in zip(names, transfers, strict=True)}
    first = next(iter(tables.values()))
    chosen = budgets_for(budgets, first)
    with output_folder(out):
        with progress("solving", len(tables)) as step:
            result = Sensitivity.of(tables, chosen, step, max_order=max_order, **options.named())
        for name, count in result.ignored.items():
            if count:
                print(f"{name}: {count} candidates missing from another table are left out", file=sys.stderr)
        for line in result.left_out.values():
            print(f"left out: {line}", file=sys.stderr)

        from lightning_taskonomy.taxonomy.figures.sensitivity import (  # matplotlib is slow to import
            draw_sensitivity,
        )
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        compared = {correlation.target for correlation in result.correlations}
        targets = [task for task in order_of_tasks(first) if task in compared]
        result.save_tables(out)
        save_figure(draw_sensitivity(result, targets), out / "sensitivity")
        for row in result.correlations:
            if row.target == MEAN:
                print(f"{row.first} and {row.second}: Spearman {row.spearman:.3f}, mean over targets")
            elif row.target == OVERALL:
                print(f"  {row.spearman:.3f} over all {row.transfers} transfers pooled")
        print(f"written: {out}: correlations.csv, policies.csv, sensitivity.svg, sensitivity.png")


def _names(paths: tuple[Path, ...]) -> list[str]:
    """The files' names; with their folders where two have the same name."""
    stems = [path.stem for path in paths]
    names = [str(path) if stems.count(path.stem) > 1 else path.stem for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"transfers: {name} is given twice")
    return names


def sanity(*, losses: tuple[Path, ...], out: Path, drop_incomplete: bool = False) -> None:
    """Check the task networks: fraction of images won against a constant guess and a random encoder.

    Needs the contender self in every table; average and random are compared where present. Prints the table
    in percent, and writes sanity.csv into the folder OUT.

    Args:
        losses: loss tables, Parquet, one per target; or folders of them
        out: folder to write into
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
    """
    result = Sanity.of(loss_tables(losses), drop_incomplete)
    with output_folder(out):
        result.save_table(out / "sanity.csv")
    print(result.text())
    print(f"written: {out / 'sanity.csv'}")
