"""The transfers table: affinity, gain and quality of each transfer from sources to a target.

The file is the CSV `target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full` with one row per
transfer; further columns are kept. Sources are joined by `+`. Special contenders appear in `sources` too:
`self` is the target's fully supervised network; `random`, `pixels` and `average` are baselines.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.core.task_names import keys_among, name_among, nearest
from lightning_taskonomy.taxonomy.delimited import DelimitedTable, number_of, read_delimited

SELF = "self"
"""The fully supervised network of the target: it costs the target's own label."""
SCRATCH = "pixels"
"""Training from scratch on the transfers' small training set: gain is measured against it."""
BASELINES = frozenset({"random", SCRATCH, "average"})
"""Contenders that take part in a tournament but can never be chosen."""
Objective = Literal["affinity", "gain", "quality"]
"""What a taxonomy maximises: the affinity of the chosen transfers, or one of their two win rates."""
OBJECTIVES: tuple[Objective, ...] = ("affinity", "gain", "quality")
_BY_DEFINITION = {("gain", SCRATCH): 0.5, ("quality", SELF): 0.5}
"""A network against itself ties on every image."""
COLUMNS = ("target", "sources", "order", "affinity", "win_rate_vs_scratch", "win_rate_vs_full")


@dataclass(frozen=True)
class Transfer:
    """One row of the table.

    Attributes:
        target: the task predicted.
        sources: the source tasks as ordered in the file; or one special contender.
        affinity: the transfer's component of the target's principal eigenvector (AHP); None where it took
            no part in the tournament.
        gain: fraction of test images on which it beats training from scratch; None where not measured.
        quality: the same against the fully supervised network; None where not measured.
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
        """Whether a baseline, which can never be chosen, is among the sources."""
        return not BASELINES.isdisjoint(self.sources)

    @property
    def is_scratch(self) -> bool:
        """Whether this is training from scratch on the transfers' small set."""
        return self.sources == (SCRATCH,)

    @property
    def loses_to_scratch(self) -> bool:
        """Whether it has a higher loss than training from scratch on more than half of the images."""
        return self.gain is not None and self.gain < 0.5 and not self.is_scratch

    @property
    def trained_tasks(self) -> tuple[str, ...]:
        """The tasks whose networks must be trained fully for this transfer: none for scratch."""
        if self.is_scratch:
            return ()
        return (self.target,) if self.is_self else self.sources

    def measured(self, objective: Objective) -> float | None:
        """Affinity, gain or quality; None where not measured. Against itself, a network's win rate is 0.5."""
        value = {"affinity": self.affinity, "gain": self.gain, "quality": self.quality}[objective]
        return _BY_DEFINITION.get((objective, self.label)) if value is None else value


@dataclass(frozen=True)
class Transfers:
    """A table of transfers, unique by target and set of sources.

    Attributes:
        rows: the transfers in file order.
        extra_columns: names of the columns beyond the fixed six.
        origin: the table's source, for messages.
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

    def candidates(self, objective: Objective = "affinity", scratch: bool = False) -> tuple[Transfer, ...]:
        """The transfers that a taxonomy may choose: measured ones, without baselines.

        Args:
            objective: the measure that must be known.
            scratch: training from scratch may be chosen too. Gain needs no row: it is 0.5 by definition.
        """
        found = [row for row in self.rows if row.measured(objective) is not None and not row.is_baseline]
        if scratch:
            rows = {row.target: row for row in self.rows if row.is_scratch}
            from_scratch = (rows.get(target, Transfer(target, (SCRATCH,), None)) for target in self.targets)
            found += [row for row in from_scratch if row.measured(objective) is not None]
        return tuple(found)

    def tasks_named(self, names: Iterable[str], option: str) -> tuple[str, ...]:
        """The table's names of tasks, each given by that name or by another name of the same task.

        Raises:
            InputError: an unknown task (names the option and the nearest known names), or an ambiguous name.
        """
        return tuple(self._task_named(name, option) for name in names)

    def numbers_of_tasks(self, numbers: Mapping[str, float], option: str) -> dict[str, float]:
        """As `tasks_named`, for the keys of a mapping.

        Raises:
            InputError: as for `tasks_named`, or two names of the same task.
        """
        self.tasks_named(numbers, option)
        return keys_among(numbers, self.tasks, option)

    def _task_named(self, name: str, option: str) -> str:
        found = name_among(name, self.tasks, option)
        if found is None:
            near = nearest(name, self.tasks)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(self.tasks)}"
            raise InputError(f"{option}: unknown task {name!r} in {self.origin}; {hint}")
        return found

    def with_names_of(self, names: Iterable[str]) -> "Transfers":
        """The same table with its tasks renamed to other names of the same tasks.

        Args:
            names: the names to use; a task that already has one of them keeps it.

        Raises:
            InputError: a task's name is ambiguous among them.
        """
        names = set(names)
        present = sorted({name for row in self.rows for name in (row.target, *row.sources)})
        taken = names & set(present)
        other: dict[str, str] = {}
        for task in present:
            found = name_among(task, sorted(names - taken), self.origin) if task not in names else None
            if found is not None:
                other[task] = found
                taken.add(found)
        rows = (
            replace(
                row,
                target=other.get(row.target, row.target),
                sources=tuple(other.get(source, source) for source in row.sources),
            )
            for row in self.rows
        )
        return replace(self, rows=tuple(rows)) if other else self

    @classmethod
    def read_csv(cls, path: str | Path) -> "Transfers":
        """Read a transfers table, written by this project or by a spreadsheet (see `delimited`).

        Raises:
            InputError: the file is missing, empty or not such a table; names file, row and column.
        """
        return _read(read_delimited(Path(path), "transfers table", COLUMNS))

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


def _read(table: DelimitedTable) -> Transfers:
    header, origin = table.columns, table.origin
    place = [header.index(column) for column in COLUMNS]
    further = [index for index in range(len(header)) if index not in place]
    rows: list[Transfer] = []
    first_seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for number, cells in table.rows:
        where = f"{origin}, row {number}"
        row = _read_row(
            [cells[index].strip() for index in place], tuple(cells[index] for index in further), where
        )
        key = (row.target, tuple(sorted(row.sources)))
        if key in first_seen:
            raise InputError(
                f"{where}: the transfer {row.label} -> {row.target} is already in row {first_seen[key]}"
            )
        first_seen[key] = number
        rows.append(row)
    if not rows:
        raise InputError(f"{origin}: the table has no rows")
    return Transfers(tuple(rows), tuple(header[index] for index in further), origin)


def _read_row(cells: list[str], extra: tuple[str, ...], where: str) -> Transfer:
    target, joined, order, *numbers = cells
    sources = tuple(part.strip() for part in joined.split("+"))
    if problem := target_problem(target):
        raise InputError(f"{where}, column target: {problem}")
    if problem := sources_problem(sources):
        raise InputError(f"{where}, column sources: {problem}")
    if not _is_number(order, len(sources)):
        raise InputError(f"{where}, column order: expected {len(sources)} for {joined!r}, found {order!r}")
    affinity = _number(numbers[0], where, "affinity", 0.0, math.inf)
    gain = _number(numbers[1], where, "win_rate_vs_scratch", 0.0, 1.0)
    quality = _number(numbers[2], where, "win_rate_vs_full", 0.0, 1.0)
    return Transfer(target, sources, affinity, gain, quality, extra)


def target_problem(target: str) -> str:
    """Why a name cannot be a target's; empty if it can."""
    if not target or target != target.strip() or target in BASELINES or target == SELF or "+" in target:
        return f"expected a task name, found {target!r}"
    return ""


def sources_problem(sources: tuple[str, ...]) -> str:
    """Why names cannot be the sources of a transfer; empty if they can."""
    joined = "+".join(sources)
    if not all(source and source == source.strip() for source in sources):
        return f"expected task names joined by +, found {joined!r}"
    if len(set(sources)) < len(sources):
        twice = next(source for source in sources if sources.count(source) > 1)
        return f"{twice} is joined twice in {joined!r}"
    if SELF in sources and len(sources) > 1:
        return f"{SELF} cannot be joined with others, found {joined!r}"
    return ""


def _is_number(cell: str, count: int) -> bool:
    """Whether a cell holds a count: as 2, or as 2.0 where a program wrote a column with gaps as floats."""
    try:
        return number_of(cell) == count
    except ValueError:
        return False


def _number(cell: str, where: str, column: str, least: float, most: float) -> float | None:
    if not cell:
        return None
    span = f"from {least:g} to {most:g}" if math.isfinite(most) else f"of at least {least:g}"
    expected = f"{where}, column {column}: expected a finite number {span} or an empty cell, found {cell!r}"
    try:
        number = number_of(cell)
    except ValueError:
        raise InputError(expected) from None
    if not math.isfinite(number) or not least <= number <= most:
        raise InputError(expected)
    return number
