"""`taxonomy solve`: the best taxonomy within a labelling budget."""

from pathlib import Path

from lightning_taskonomy.cli.problem_options import ProblemOptions
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.core.task_names import is_self_supervised
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfer
from lightning_taskonomy.taxonomy.transfers import SCRATCH


def solve(
    *,
    transfers: Path,
    budget: float,
    out: Path,
    options: ProblemOptions,
    max_order: int | None = TaxonomyProblem.max_order,
) -> None:
    """Find which tasks to train fully and which to transfer, within a labelling budget.

    Writes taxonomy.json and a picture of it (taxonomy.svg, taxonomy.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        budget: largest total label cost of the tasks trained fully, in units of label cost
        out: folder to write into
        options: the labelling problem
        max_order: largest number of sources of a transfer; null for any number
    """
    problem = options.problem(transfers, budget, max_order)
    with output_folder(out):
        taxonomy = problem.solve()
        taxonomy.save(out)
        print(summary(taxonomy))
        for line in remarks(problem, taxonomy):
            print(line)
        print(f"written: {out / 'taxonomy.json'}, taxonomy.svg, taxonomy.png")


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
    """What a reader should know about an answer, in a line each."""
    lines = []
    losers = [transfer.target for transfer in taxonomy.transfers if transfer.loses_to_scratch]
    if losers:
        hint = "" if problem.scratch else "; --scratch admits that as a choice"
        lines.append(
            f"training from scratch on the small set beats the chosen transfer on most images for "
            f"{', '.join(losers)}{hint}"
        )
    costly = [
        task for task in problem.transfers.tasks if is_self_supervised(task) and task not in problem.cost
    ]
    if costly:
        lines.append(
            f"needing no labels, yet counted at 1 label unit each: {', '.join(costly)} "
            "(--free-self-supervised counts them at 0)"
        )
    return lines


def _start(transfer: Transfer) -> str:
    """What a target starts from, for the terminal."""
    if transfer.is_scratch:
        return f"{SCRATCH} (from scratch)"
    return f"{transfer.label} (loses to scratch)" if transfer.loses_to_scratch else transfer.label
