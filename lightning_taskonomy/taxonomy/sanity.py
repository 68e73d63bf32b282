"""Have the task networks learned anything? Their win rates against uninformed baselines (paper, Table 1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament
from lightning_taskonomy.taxonomy.transfers import SELF

AVERAGE = "average"
"""The best constant guess."""
RANDOM = "random"
"""A readout on a random, untrained encoder."""
COLUMNS = ("task", "images", "wins_vs_average", "wins_vs_random")
_MEAN = "mean"


@dataclass(frozen=True)
class SanityRow:
    """One row of the table.

    Attributes:
        task: the target.
        images: the number on which its network was compared.
        wins_vs_average: fraction of images on which it has a lower loss than the best constant guess; a tie
            counts half; None if that guess did not take part.
        wins_vs_random: the same against a readout on a random encoder.
    """

    task: str
    images: int
    wins_vs_average: float | None
    wins_vs_random: float | None


@dataclass(frozen=True)
class Sanity:
    """The table.

    Attributes:
        rows: one per target.
    """

    rows: tuple[SanityRow, ...]

    @classmethod
    def of(cls, tables: Iterable[LossTable], drop_incomplete: bool = False) -> "Sanity":
        """Count the wins.

        Args:
            tables: the losses, one table per target.
            drop_incomplete: leave out images with a missing or non-finite loss.

        Raises:
            InputError: a table without `self`, or unfit for a tournament, see `Tournament.from_losses`.
        """
        rows = []
        for table in tables:
            if SELF not in table.contenders:
                raise InputError(
                    f"{table.origin}: expected a column {SELF!r}, the task's own network; "
                    f"found {', '.join(table.contenders)}"
                )
            result = Tournament.from_losses(table, drop_incomplete)
            average, random = (_win_rate(result, rival) for rival in (AVERAGE, RANDOM))
            rows.append(SanityRow(result.target, result.images, average, random))
        return cls(tuple(rows))

    @property
    def mean(self) -> tuple[float | None, float | None]:
        """Means over the targets that have the contender: against average, and against random."""
        return _mean(row.wins_vs_average for row in self.rows), _mean(row.wins_vs_random for row in self.rows)

    def save_table(self, path: Path) -> None:
        """Write a CSV: a row per target, and a row `mean`; cells of absent contenders are empty.

        Raises:
            InputError: the file cannot be written.
        """
        rows = [(row.task, row.images, row.wins_vs_average, row.wins_vs_random) for row in self.rows]
        write_csv(path, COLUMNS, [*rows, (_MEAN, None, *self.mean)])

    def text(self) -> str:
        """The table for a terminal, in percent."""
        lines: list[tuple[str, ...]] = [("task", "images", "vs average", "vs random")]
        for row in self.rows:
            rates = map(_percent, (row.wins_vs_average, row.wins_vs_random))
            lines.append((row.task, str(row.images), *rates))
        lines.append((_MEAN, "", *map(_percent, self.mean)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        )


def _win_rate(result: Tournament, rival: str) -> float | None:
    if rival not in result.contenders:
        return None
    return float(result.win_rates[result.contenders.index(SELF), result.contenders.index(rival)])


def _mean(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) / len(known) if known else None


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.1f}"
