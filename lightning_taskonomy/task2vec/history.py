"""Errors of experts on known tasks: a CSV of task, expert and error."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError

_COLUMNS = ("task", "expert", "error")


@dataclass(frozen=True, eq=False)
class History:
    """Errors of experts on tasks.

    Attributes:
        tasks: Task names.
        experts: Expert names: the task that each was trained on, or any other name, as of a generic network.
        errors: (tasks, experts), NaN where an expert was not tried; lower is better.
    """

    tasks: tuple[str, ...]
    experts: tuple[str, ...]
    errors: npt.NDArray[np.float64]

    @classmethod
    def read_csv(cls, path: Path) -> "History":
        """Read a table with the columns task, expert and error; other columns are ignored.

        Raises:
            InputError: a column is missing or a row is malformed; the message names it.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
                if missing:
                    raise InputError(f"{path}: expected a column {missing[0]!r}")
                found: dict[tuple[str, str], float] = {}
                for number, row in enumerate(reader, start=2):
                    key = (row["task"], row["expert"])
                    if key in found:
                        raise InputError(f"{path}, line {number}: {key[0]} by {key[1]} is already listed")
                    found[key] = _error(row["error"], f"{path}, line {number}")
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot read this table ({error})") from error
        if not found:
            raise InputError(f"{path}: expected rows of task, expert and error; found none")
        tasks = tuple(dict.fromkeys(task for task, _ in found))
        experts = tuple(dict.fromkeys(expert for _, expert in found))
        errors = [[found.get((task, expert), np.nan) for expert in experts] for task in tasks]
        return cls(tasks, experts, np.array(errors))

    def on(self, tasks: Sequence[str]) -> "History":
        """The history restricted to some tasks."""
        return History(tuple(tasks), self.experts, self.errors[[self.tasks.index(task) for task in tasks]])

    def without_own(self) -> "History":
        """Without the errors of experts on the very task that they were trained on.

        Raises:
            InputError: a task has no expert left.
        """
        errors = self.errors.copy()
        for row, task in enumerate(self.tasks):
            errors[row, [expert == task for expert in self.experts]] = np.nan
            if np.isnan(errors[row]).all():
                raise InputError(f"history: task {task}: expected an expert other than its own")
        return History(self.tasks, self.experts, errors)


def _error(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{where}: expected an error of 0 or more, found {text!r}")
    return value
