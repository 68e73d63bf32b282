"""`taxonomy solve`: the best taxonomy within a labelling budget."""

from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.option_types import NO_NAMES, NO_NUMBERS, NamedNumbers, Names
from lightning_taskonomy.output import make_folder
from lightning_taskonomy.taxonomy import Taxonomy, TaxonomyProblem, Transfers


def solve(
    transfers: Path,
    budget: float,
    out: Path,
    max_order: int | None = TaxonomyProblem.max_order,
    targets: Names | None = None,
    importance: NamedNumbers = NO_NUMBERS,
    cost: NamedNumbers = NO_NUMBERS,
    target_only: Names = NO_NAMES,
    source_only: Names = NO_NAMES,
    trained: Names = NO_NAMES,
    excluded: Names = NO_NAMES,
    solver: Literal["auto", "highs"] = TaxonomyProblem.solver,
    time_limit: float | None = None,
    gap: float = TaxonomyProblem.gap,
) -> None:
    """Find which tasks to train fully and which to transfer, within a labelling budget.

    Writes taxonomy.json and a picture of it (taxonomy.svg, taxonomy.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        budget: largest total label cost of the tasks trained fully, in units of label cost
        out: folder to write into
        max_order: largest number of sources of a transfer; null for any number
        targets: tasks to be solved; by default every target of the table
        importance: weight of a target in the objective; 1 where not given
        cost: label cost of a task, in units of label cost; 1 where not given, 0 for free labels
        target_only: tasks that must not be trained fully
        source_only: tasks that need not be solved
        trained: tasks that are trained fully in any case; their cost counts
        excluded: tasks that must not be trained fully, for another reason than their role
        solver: auto (relaxation, then HiGHS or branch and bound for what it leaves) or highs (HiGHS alone)
        time_limit: seconds for what the relaxation leaves open; by default until proven optimal
        gap: share of the objective within which the answer need not be improved
    """
    problem = TaxonomyProblem(
        Transfers.read_csv(transfers),
        budget=budget,
        max_order=max_order,
        importance=importance,
        cost=cost,
        targets=targets,
        target_only=target_only,
        source_only=source_only,
        trained=trained,
        excluded=excluded,
        solver=solver,
        time_limit=time_limit,
        gap=gap,
    )
    make_folder(out)
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
