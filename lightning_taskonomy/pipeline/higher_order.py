"""Which higher-order transfers to train: a plan that can be read before hours are spent on it."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.pipeline.settings import TransferSettings

COLUMNS = ("target", "sources", "order", "estimated_seconds")


@dataclass(frozen=True)
class HigherOrderPlan:
    """The transfers of order 2 and above to a target.

    Attributes:
        target: the task.
        transfers: sources joined by +, the most promising first.
        estimated_seconds: of each, on this machine; None where nothing has been measured yet.
    """

    target: str
    transfers: tuple[str, ...]
    estimated_seconds: float | None = None

    @classmethod
    def of(
        cls, target: str, ranked: Sequence[str], settings: TransferSettings, estimated_seconds: float | None
    ) -> "HigherOrderPlan":
        """All combinations of the best sources up to some order; above it, one set of the best per order.

        Args:
            target: the task.
            ranked: sources by their first-order result, the best first; without the target and the random
                encoder.
            settings: how many are combined, and up to which order.
            estimated_seconds: of one transfer.
        """
        transfers: list[str] = []
        for order in range(2, min(settings.max_order, len(ranked)) + 1):
            if order <= settings.combined_up_to:
                best = ranked[: settings.best]
                transfers += ["+".join(chosen) for chosen in itertools.combinations(best, order)]
            else:
                transfers.append("+".join(ranked[:order]))
        return cls(target, tuple(transfers), estimated_seconds)

    def write(self, path: Path) -> None:
        """Write the plan as a CSV."""
        rows = [(self.target, name, name.count("+") + 1, self.estimated_seconds) for name in self.transfers]
        write_csv(path, COLUMNS, rows)

    @classmethod
    def read(cls, path: Path, target: str) -> "HigherOrderPlan":
        """The plan in a CSV.

        Raises:
            InputError: it cannot be read, or is not the target's plan.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            seconds = {float(row["estimated_seconds"]) for row in rows if row["estimated_seconds"]}
            transfers = tuple(row["sources"] for row in rows)
            wrong = next((row["target"] for row in rows if row["target"] != target), None)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: expected a plan of transfers, a CSV ({error})") from error
        if wrong is not None:
            raise InputError(f"{path}: expected transfers to {target}, found one to {wrong}")
        return cls(target, transfers, max(seconds, default=None))
