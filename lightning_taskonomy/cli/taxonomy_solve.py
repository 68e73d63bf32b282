"""`taxonomy solve`: the best taxonomy within a labelling budget."""

from pathlib import Path

from lightning_taskonomy.cli.problem_options import ProblemOptions
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem


def solve(
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
        print(f"written: {out / 'taxonomy.json'}, taxonomy.svg, taxonomy.png")


def summary(taxonomy: Taxonomy) -> str:
    """A taxonomy in lines for the terminal."""
    means = [
        f"mean {name} {value:.3f}"
        for name, value in (("gain", taxonomy.mean_gain), ("quality", taxonomy.mean_quality))
        if value is not None
    ]
    width = max(len(transfer.target) for transfer in taxonomy.transfers)
    return "\n".join(
        [
            f"{taxonomy.status}: " + ", ".join([f"objective {taxonomy.objective:.4f}", *means]),
            f"train fully ({taxonomy.spent:g} of {taxonomy.budget:g} label units): "
            + ", ".join(taxonomy.sources),
            *(f"  {transfer.target:<{width}} <- {transfer.label}" for transfer in taxonomy.transfers),
        ]
    )
