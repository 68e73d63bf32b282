"""`taxonomy group`: which tasks should share a network."""

from pathlib import Path

from lightning_taskonomy.cli.option_types import NamedNumbers
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import Grouping, GroupingProblem


def group(
    *,
    losses: Path,
    budget: float,
    out: Path,
    weight: NamedNumbers | None = None,
    relative: bool = False,
    time_limit: float | None = None,
    gap: float = GroupingProblem.gap,
) -> None:
    """Choose networks within a cost budget, each trained on some tasks, to minimise the sum of losses.

    Writes groups.json into the folder OUT: the networks, which tasks each serves, and its losses.

    Args:
        losses: the table of networks, a CSV: network, cost, and the loss of each task (empty where untrained)
        budget: largest total cost of the networks, in the table's units
        out: folder to write into
        weight: weight of a task's loss; 1 where not given
        relative: divide losses by those of single-task networks, so that large losses do not dominate
        time_limit: seconds after which the best answer so far is returned; by default until proven optimal
        gap: relative optimality gap at which to stop
    """
    problem = GroupingProblem(losses, budget, weight or {}, relative, time_limit, gap)
    with output_folder(out):
        grouping = problem.solve()
        grouping.save(out)
        print(summary(grouping))
        print(f"written: {out / 'groups.json'}")


def summary(grouping: Grouping) -> str:
    """An answer in lines for the terminal."""
    s = "" if len(grouping.networks) == 1 else "s"
    width = max(len(serving.network) for serving in grouping.networks)
    return "\n".join(
        [
            f"{grouping.status}: total loss {grouping.objective:.6g} "
            f"with {len(grouping.networks)} network{s} (cost {grouping.cost:g} of {grouping.budget:g})",
            *(
                f"  {serving.network:<{width}}  serves {', '.join(serving.serves)}"
                for serving in grouping.networks
            ),
        ]
    )
