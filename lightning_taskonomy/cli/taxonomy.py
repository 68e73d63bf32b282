"""The group `taxonomy`: from measured losses to a taxonomy. Never imports torch itself."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.commands import run_command
from lightning_taskonomy.cli.option_types import Names
from lightning_taskonomy.cli.problem_options import ProblemOptions
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder, write_text
from lightning_taskonomy.core.task_names import is_self_supervised
from lightning_taskonomy.taxonomy import LossTable, Taxonomy, TaxonomyProblem, Tournament, Transfer, Transfers
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF

COMMANDS = {
    **dict.fromkeys(("tournament", "solve"), __name__),
    **dict.fromkeys(
        ("evaluate", "significance", "novel", "sensitivity", "sanity"),
        "lightning_taskonomy.cli.taxonomy_evidence",
    ),
    **dict.fromkeys(("tree", "import"), __name__),
    **dict.fromkeys(("run", "job", "status"), "lightning_taskonomy.cli.pipeline"),
    "group": "lightning_taskonomy.cli.taxonomy_group",
    "measure": "lightning_taskonomy.cli.taxonomy_measure",
    "report": __name__,
}

_WITHOUT = {
    SCRATCH: "gain (win rate against training from scratch) is unknown",
    SELF: "quality is unknown, and the target cannot be served by its own network",
}
_LEAST_RESAMPLINGS = 100


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)


def tournament(
    *, losses: tuple[Path, ...], out: Path, drop_incomplete: bool = False, own_encoders: bool = False
) -> None:
    """Turn loss tables into a table of transfers: win rates, normalised to affinities by AHP.

    Args:
        losses: loss tables, Parquet, one per target; or folders of them
        out: the table of transfers to write, a CSV
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
        own_encoders: take a column with the target's own name for a readout on its own encoder
    """
    tables = loss_tables(losses)
    if not own_encoders:
        for table in tables:
            _refuse_own(table)
    rows: list[Transfer] = []
    for table in tables:
        result = Tournament.from_losses(table, drop_incomplete)
        rows.extend(result.transfers())
        print(f"{result.target}: {len(result.contenders)} contenders on {_counted(result.images, 'image')}")
        missing = [name for name in (SCRATCH, SELF) if name not in result.contenders]
        if missing:
            print(
                f"{result.target}: no column {' or '.join(missing)}: "
                + " and ".join(_WITHOUT[name] for name in missing),
                file=sys.stderr,
            )
        if result.dropped:
            print(f"{result.target}: dropped {_counted(result.dropped, 'incomplete image')}", file=sys.stderr)
    Transfers(tuple(rows), origin=str(out)).write_csv(out)
    print(f"written: {out}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _refuse_own(table: LossTable) -> None:
    """Refuse a target's own name as a source, which may be meant for `self`, unless requested."""
    for contender in table.contenders:
        if table.target in contender.split("+"):
            raise InputError(
                f"{table.origin}, column {contender!r}: the target cannot be its own source; its fully "
                f"supervised network is called {SELF} (--own-encoders takes such columns for readouts on its "
                "own encoder)"
            )


def loss_tables(given: Iterable[Path]) -> list[LossTable]:
    """The loss tables among `given` and those in its folders, by target.

    Raises:
        InputError: not a loss table, a folder without any, or two tables of one target.
    """
    from lightning_taskonomy.taxonomy.loss_files import parts_of  # pyarrow is slow to import

    files: dict[str, Path] = {}
    for path in given:
        found = parts_of(path) if path.is_dir() and path.suffix != ".parquet" else [path]
        if not found:
            raise InputError(f"{path}: no loss tables (*.parquet) in this folder")
        for file in found:
            if file.stem in files:
                raise InputError(f"{file}: target {file.stem} already has the loss table {files[file.stem]}")
            files[file.stem] = file
    return [LossTable.read_parquet(files[target]) for target in sorted(files)]


def solve(
    *,
    transfers: Path,
    budget: float,
    out: Path,
    options: ProblemOptions,
    max_order: int | None = TaxonomyProblem.max_order,
    losses: tuple[Path, ...] = (),
    drop_incomplete: bool = False,
    resamplings: int = 1000,
    seed: int = 0,
) -> None:
    """Find which tasks to train fully and which to transfer, within a labelling budget.

    Writes taxonomy.json and a figure of it (taxonomy.svg, taxonomy.png) into the folder OUT. With the losses
    behind the table, whole groups of images (such as buildings) are resampled and the problem is solved again
    on each resampling: taxonomy.json then has 95 % intervals that account for the choice, and how often each
    source and transfer is chosen; intervals.csv has the interval of every transfer.

    Args:
        transfers: the table of measured transfers, a CSV
        budget: largest total label cost of the tasks trained fully, in label units
        out: folder to write into
        options: the labelling problem
        max_order: largest number of sources of a transfer; null for any number
        losses: the loss tables behind the transfers table, or folders of them, for intervals
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
        resamplings: number of resamplings of the groups of images
        seed: of the resamplings
    """
    problem = options.problem(transfers, budget, max_order)
    if resamplings < _LEAST_RESAMPLINGS:
        raise InputError(f"resamplings: expected at least {_LEAST_RESAMPLINGS}, found {resamplings}")
    if seed < 0:
        raise InputError(f"seed: expected a whole number of at least 0, found {seed}")
    with output_folder(out):
        taxonomy = problem.solve()
        if losses:
            from lightning_taskonomy.taxonomy.resampling import (
                resampled,
            )  # slow to import
            from lightning_taskonomy.taxonomy.stability import Stability, save_intervals

            tables = [table for table in loss_tables(losses) if table.target in problem.wanted_targets]
            tournaments = resampled(tables, resamplings, seed, drop_incomplete)
            stability = Stability.of(problem, taxonomy, tournaments)
            save_intervals(tournaments, out / "intervals.csv")
            taxonomy.save(out, stability.as_json())
            sure = stability.lines(taxonomy)
        else:
            taxonomy.save(out)
            sure = ["no intervals: they need the losses behind the table (--losses)"]
        print(summary(taxonomy))
        for line in [*sure, *remarks(problem, taxonomy)]:
            print(line)
        further = ", intervals.csv" if losses else ""
        print(f"written: {out / 'taxonomy.json'}, taxonomy.svg, taxonomy.png{further}")


def summary(taxonomy: Taxonomy) -> str:
    """A taxonomy in lines for the terminal."""
    means = [
        f"mean {name} {value:.3f}"
        for name, value in (("gain", taxonomy.mean_gain), ("quality", taxonomy.mean_quality))
        if value is not None
    ]
    maximised = "" if taxonomy.maximises == "affinity" else f" (sum of {taxonomy.maximises})"
    width = max(len(transfer.target) for transfer in taxonomy.transfers)
    return "\n".join(
        [
            f"{taxonomy.status}: " + ", ".join([f"objective {taxonomy.objective:.4f}{maximised}", *means]),
            f"train fully ({taxonomy.spent:g} of {taxonomy.budget:g} label units): "
            + ", ".join(taxonomy.sources),
            *(f"  {transfer.target:<{width}} <- {_start(transfer)}" for transfer in taxonomy.transfers),
        ]
    )


def remarks(problem: TaxonomyProblem, taxonomy: Taxonomy) -> list[str]:
    """Remarks that a reader of an answer should know, a line each."""
    lines = []
    losers = [transfer.target for transfer in taxonomy.transfers if transfer.loses_to_scratch]
    if losers:
        hint = "" if problem.scratch else "; --scratch admits that as a choice"
        lines.append(
            f"training from scratch on the small set beats the chosen transfer on most images for "
            f"{', '.join(losers)}{hint}"
        )
    costly = [task for task in problem.graph.sources if is_self_supervised(task) and task not in problem.cost]
    if costly:
        lines.append(
            f"needing no labels, yet counted at 1 label unit each: {', '.join(costly)} "
            "(--free-self-supervised counts them at 0)"
        )
    return lines


def _start(transfer: Transfer) -> str:
    """The sources of a transfer, for the terminal."""
    if transfer.is_scratch:
        return f"{SCRATCH} (from scratch)"
    return f"{transfer.label} (loses to scratch)" if transfer.loses_to_scratch else transfer.label


def tree(*, transfers: Path, out: Path, clusters: int = 4, left_out: Names | None = None) -> None:
    """Cluster the source tasks by how they transfer out to the targets.

    Writes tree.json (Newick and clusters) and a figure (tree.svg, tree.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        clusters: how many groups to cut the tree into
        left_out: sources to leave out; by default class_selected, a variant of class_object
    """
    from lightning_taskonomy.taxonomy.tree import VARIANTS, SimilarityTree  # scipy is slow to import

    table = Transfers.read_csv(transfers)
    without = VARIANTS if left_out is None else table.tasks_named(left_out, "left-out")
    result = SimilarityTree.from_transfers(table, without)
    result.save(out, clusters)
    for number, group in enumerate(result.clusters(clusters), start=1):
        print(f"cluster {number}: {', '.join(group)}")
    print(f"written: {out / 'tree.json'}, tree.svg, tree.png")


def import_(*, published: Path, out: Path, amount: Literal["16k", "1k", "default"] = "16k") -> None:
    """Turn the measurements that the authors of Taskonomy published into a table of transfers.

    No code in the folder is run: its pickles may hold only plain numbers. Missing or non-finite values become
    empty cells, which are counted and named.

    Args:
        published: the folder results/ of github.com/StanfordVL/taskonomy, or the repository itself
        out: the table of transfers to write, a CSV
        amount: images that the readouts were trained on: 16k, 1k, or default (the files without a suffix)
    """
    from lightning_taskonomy.taxonomy.published_results import PublishedResults, gap_line

    results = PublishedResults.read(published, amount)
    results.transfers.write_csv(out)
    for what, names in results.gaps.items():
        print(gap_line(what, names), file=sys.stderr)
    table = results.transfers
    print(f"{len(table)} transfers to {len(table.targets)} targets, between {len(table.tasks)} tasks")
    print(f"written: {out}")


def report(*, run: Path, out: Path) -> None:
    """Write a self-contained HTML page about a finished run: figures, tables, and how they were made.

    Args:
        run: folder of the run
        out: the page, such as report.html
    """
    from lightning_taskonomy.report.page import page_of

    write_text(out, page_of(run))
    print(f"written: {out}")
