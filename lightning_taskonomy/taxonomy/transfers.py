"""The transfers table: who was transferred to whom, with which affinity, gain and quality.

The file is the CSV `target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full` with one row per
transfer; further columns are kept. Sources are joined by `+`. Special contenders stand in `sources` too:
`self` is the target's fully supervised network; `random`, `pixels` and `average` are baselines.
"""

import csv
import difflib
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import write_csv

SELF = "self"
"""The fully supervised network of the target: it costs the target's own label."""
SCRATCH = "pixels"
"""Training from scratch on the transfers' small set: what gain is measured against."""
BASELINES = frozenset({"random", SCRATCH, "average"})
"""Contenders that take part in a tournament but can never be chosen."""
COLUMNS = ("target", "sources", "order", "affinity", "win_rate_vs_scratch", "win_rate_vs_full")


@dataclass(frozen=True)
class Transfer:
    """One row of the table.

    Attributes:
        target: the task predicted.
        sources: the source tasks in the order written; or one special contender.
        affinity: the transfer's share of the target's principal eigenvector (AHP); None where it took no
            part in the tournament.
        gain: share of test images on which it beats training from scratch; None where not measured.
        quality: share on which it beats the fully supervised network; None where not measured.
        extra: the values of further columns, as written.
    """

    target: str
    sources: tuple[str, ...]
    affinity: float | None
    gain: float | None = None
    quality: float | None = None
    extra: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """How many sources are transferred at once; a special contender counts as one."""
        return len(self.sources)

    @property
    def label(self) -> str:
        """The sources as the table writes them: joined by `+`."""
        return "+".join(self.sources)

    @property
    def is_self(self) -> bool:
        """Whether this is the target's own fully supervised network."""
        return self.sources == (SELF,)

    @property
    def is_baseline(self) -> bool:
        """Whether it is, or is joined with, one that can never be chosen (`random`, `pixels`, `average`)."""
        return not BASELINES.isdisjoint(self.sources)

    @property
    def trained_tasks(self) -> tuple[str, ...]:
        """The tasks whose networks must be trained fully for this transfer."""
        return (self.target,) if self.is_self else self.sources


@dataclass(frozen=True)
class Transfers:
    """A table of transfers, unique by target and set of sources.

    Attributes:
        rows: the transfers in file order.
        extra_columns: names of the columns beyond the fixed six.
        origin: where the table came from, for messages.
    """

    rows: tuple[Transfer, ...]
    extra_columns: tuple[str, ...] = ()
    origin: str = "transfers"
    targets: tuple[str, ...] = field(init=False)
    """The targets, by name."""
    tasks: tuple[str, ...] = field(init=False)
    """Every task that is a target or a source, by name."""

    def __post_init__(self) -> None:
        targets = {row.target for row in self.rows}
        sources = {task for row in self.rows if not row.is_baseline for task in row.trained_tasks}
        object.__setattr__(self, "targets", tuple(sorted(targets)))
        object.__setattr__(self, "tasks", tuple(sorted(targets | sources)))

    def __iter__(self) -> Iterator[Transfer]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def candidates(self) -> tuple[Transfer, ...]:
        """The transfers that a taxonomy may choose: measured in the tournament and no baseline."""
        return tuple(row for row in self.rows if row.affinity is not None and not row.is_baseline)

    def require_tasks(self, names: Iterable[str], option: str) -> None:
        """Check that every name is a task of this table.

        Raises:
            InputError: names the unknown task, the option it came from and the nearest known names.
        """
        for name in names:
            if name not in self.tasks:
                near = difflib.get_close_matches(name, self.tasks, n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(self.tasks)}"
                raise InputError(f"{option}: unknown task {name!r} in {self.origin}; {hint}")

    @classmethod
    def read_csv(cls, path: str | Path) -> "Transfers":
        """Read a transfers table; Windows line ends and a byte-order mark are accepted.

        Raises:
            InputError: the file is missing, empty or not such a table; the line names file, row and column.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise InputError(f"{path}: cannot read the transfers table ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: expected a CSV in UTF-8, found byte {error.start} not to be"
            ) from error
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            return _read(lines, str(path))
        except csv.Error as error:
            raise InputError(f"{path}, row {lines.line_num}: not a CSV row ({error})") from error

    def write_csv(self, path: str | Path) -> None:
        """Write the table, extra columns included, whole or not at all.

        Raises:
            InputError: the file cannot be written.
        """
        columns = (*COLUMNS, *self.extra_columns)
        rows = (
            (row.target, row.label, row.order, row.affinity, row.gain, row.quality, *row.extra)
            for row in self.rows
        )
        write_csv(Path(path), columns, rows)


def _read(lines: Iterator[list[str]], origin: str) -> Transfers:
    header = [name.strip() for name in next(lines, [])]
    if not header:
        raise InputError(f"{origin}: the file is empty; expected the columns {','.join(COLUMNS)}")
    for column in COLUMNS:
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1)
            hint = f" (found {near[0]!r})" if near else ""
            raise InputError(f"{origin}: column {column!r} is missing{hint}; expected {','.join(COLUMNS)}")
        if header.count(column) > 1:
            raise InputError(f"{origin}: column {column!r} stands twice")
    place = [header.index(column) for column in COLUMNS]
    further = [index for index in range(len(header)) if index not in place]
    rows: list[Transfer] = []
    first_seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        where = f"{origin}, row {number}"
        if len(cells) != len(header):
            raise InputError(f"{where}: expected {len(header)} cells, found {len(cells)}")
        row = _read_row(
            [cells[index].strip() for index in place], tuple(cells[index] for index in further), where
        )
        key = (row.target, tuple(sorted(row.sources)))
        if key in first_seen:
            raise InputError(
                f"{where}: the transfer {row.label} -> {row.target} stands in row {first_seen[key]} already"
            )
        first_seen[key] = number
        rows.append(row)
    if not rows:
        raise InputError(f"{origin}: the table has no rows")
    return Transfers(tuple(rows), tuple(header[index] for index in further), origin)


def _read_row(cells: list[str], extra: tuple[str, ...], where: str) -> Transfer:
    target, joined, order, *numbers = cells
    if not target or target in BASELINES or target == SELF or "+" in target:
        raise InputError(f"{where}, column target: expected a task name, found {target!r}")
    sources = tuple(part.strip() for part in joined.split("+"))
    if not all(sources):
        raise InputError(f"{where}, column sources: expected task names joined by +, found {joined!r}")
    if len(set(sources)) < len(sources):
        twice = next(source for source in sources if sources.count(source) > 1)
        raise InputError(f"{where}, column sources: {twice} is joined twice in {joined!r}")
    if SELF in sources and len(sources) > 1:
        raise InputError(f"{where}, column sources: {SELF} cannot be joined with others, found {joined!r}")
    if order != str(len(sources)):
        raise InputError(f"{where}, column order: expected {len(sources)} for {joined!r}, found {order!r}")
    affinity = _number(numbers[0], where, "affinity", 0.0, math.inf)
    gain = _number(numbers[1], where, "win_rate_vs_scratch", 0.0, 1.0)
    quality = _number(numbers[2], where, "win_rate_vs_full", 0.0, 1.0)
    return Transfer(target, sources, affinity, gain, quality, extra)


def _number(cell: str, where: str, column: str, least: float, most: float) -> float | None:
    if not cell:
        return None
    span = f"from {least:g} to {most:g}" if math.isfinite(most) else f"of at least {least:g}"
    expected = f"{where}, column {column}: expected a finite number {span} or an empty cell, found {cell!r}"
    try:
        number = float(cell)
    except ValueError:
        raise InputError(expected) from None
    if not math.isfinite(number) or not least <= number <= most:
        raise InputError(expected)
    return number
