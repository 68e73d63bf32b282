"""A solved taxonomy: which tasks to train fully, and from which of them each target is transferred."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.taxonomy.transfers import Objective, Transfer


@dataclass(frozen=True)
class Taxonomy:
    """The answer of the boolean program (step IV).

    Attributes:
        objective: importance times the maximised measure, summed over the chosen transfers.
        upper_bound: an upper bound on the objective of every taxonomy within the budget.
        budget: the labelling budget it was solved for.
        max_order: the largest order allowed; None for any.
        spent: label cost of `sources`; at most the budget.
        sources: the tasks to train fully, by name: those that a chosen transfer uses, and forced ones.
        transfers: the chosen transfer of each target, by target.
        tasks: every task of the program, by name, used or not.
        maximises: what `objective` sums: affinities, gains or qualities.
    """

    objective: float
    upper_bound: float
    budget: float
    max_order: int | None
    spent: float
    sources: tuple[str, ...]
    transfers: tuple[Transfer, ...]
    tasks: tuple[str, ...]
    maximises: Objective = "affinity"

    @property
    def gap(self) -> float:
        """The relative optimality gap: how far the objective may lie below the bound; 0 if optimal."""
        above = max(self.upper_bound - self.objective, 0.0)
        return above / abs(self.upper_bound) if above > 0 and self.upper_bound else above

    @property
    def status(self) -> str:
        """`optimal`, or the optimality gap in words."""
        return "optimal" if self.gap == 0 else f"feasible, at most {100 * self.gap:.3g}% below the optimum"

    @property
    def mean_gain(self) -> float | None:
        """Mean win rate against training from scratch over the targets where it was measured."""
        return mean([transfer.gain for transfer in self.transfers])

    @property
    def mean_quality(self) -> float | None:
        """Mean win rate against full supervision over the targets where it was measured."""
        return mean([transfer.quality for transfer in self.transfers])

    def as_json(self) -> dict[str, Any]:
        """The content of `taxonomy.json`."""
        return {
            "status": self.status,
            "maximises": self.maximises,
            "objective": self.objective,
            "upper_bound": self.upper_bound,
            "budget": self.budget,
            "max_order": self.max_order,
            "spent": self.spent,
            "sources": list(self.sources),
            "loses_to_scratch": [transfer.target for transfer in self.transfers if transfer.loses_to_scratch],
            "transfers": [
                {
                    "target": transfer.target,
                    "sources": list(transfer.sources),
                    "order": transfer.order,
                    "affinity": transfer.affinity,
                    "gain": transfer.gain,
                    "quality": transfer.quality,
                }
                for transfer in self.transfers
            ],
        }

    def save(
        self,
        folder: str | Path,
        further: Mapping[str, Any] = MappingProxyType({}),
        doubtful: Collection[str] = (),
    ) -> None:
        """Write `taxonomy.json`, `taxonomy.svg` and `taxonomy.png` into a folder.

        Args:
            folder: to write into.
            further: additional keys for `taxonomy.json`.
            doubtful: tasks whose networks have learned nothing: marked in the figure.

        Raises:
            InputError: the folder cannot be written to.
        """
        from lightning_taskonomy.taxonomy.figures.graph import draw_taxonomy  # matplotlib is slow to import
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        folder = make_folder(Path(folder))
        write_text(folder / "taxonomy.json", json.dumps({**self.as_json(), **further}, indent=2) + "\n")
        save_figure(draw_taxonomy(self, doubtful), folder / "taxonomy")


def mean(values: list[float | None]) -> float | None:
    """The mean of the values that are not None; None without any."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
