"""The transfers that the authors of Taskonomy measured, from the folder `results/` of their repository.

Three files for each amount of readout training data, each a pickled flat dictionary of
numbers: affinities, win rates against training from scratch, win rates against full supervision. A key is
`source__source__…__target`; `self__target`, `random__target` and `pixels__target` are the special contenders.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.number_pickle import read_numbers, shown
from lightning_taskonomy.taxonomy.transfers import Transfer, Transfers, sources_problem, target_problem

AMOUNTS = {"16k": "_16k", "1k": "_1k", "default": ""}
"""The number of images the readouts were trained on, and the matching ending of the file names."""
FILES = {
    "affinity": "affinities/all_affinities{}.pkl",
    "win_rate_vs_scratch": "winrates/wins_vs_pixels{}.pkl",
    "win_rate_vs_full": "winrates/wins_vs_task{}.pkl",
}
"""The file that each column of a transfers table comes from."""
_EXPECTED = "expected the folder results/ of a git clone of https://github.com/StanfordVL/taskonomy"
_MOST = {"affinity": math.inf, "win_rate_vs_scratch": 1.0, "win_rate_vs_full": 1.0}
_NAME = re.compile(r"\w[\w.@-]{,99}")


@dataclass(frozen=True)
class PublishedResults:
    """The measurements of one amount of data.

    Attributes:
        transfers: one row for every key of the three files, by target, order and sources; a value is None
            where its file lacks the key or holds no finite number for it.
        gaps: irregularities, each with the transfers that it concerns.
    """

    transfers: Transfers
    gaps: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, folder: str | Path, amount: str = "16k") -> "PublishedResults":
        """Read the three files of one amount of data.

        Args:
            folder: the authors' folder `results/`, or the repository that holds it.
            amount: a key of `AMOUNTS`.

        Raises:
            InputError: no such amount or folder, or a file that is not such a dictionary; names the file and
                the key.
        """
        if amount not in AMOUNTS:
            raise InputError(f"amount: expected one of {', '.join(AMOUNTS)}, found {amount!r}")
        paths = _paths(Path(folder), amount)
        numbers = {column: _checked(path, column) for column, path in paths.items()}
        gaps: dict[str, list[str]] = {}
        seen: dict[tuple[str, frozenset[str]], Transfer] = {}
        for key in sorted(set().union(*numbers.values()), key=_order):
            row = _row(key, numbers, gaps)
            if seen.setdefault((row.target, frozenset(row.sources)), row) is not row:
                gaps.setdefault("in a second order of its sources, left out", []).append(_name(row))
        return cls(
            Transfers(tuple(seen.values()), origin=str(folder)),
            {what: tuple(names) for what, names in gaps.items()},
        )


def _paths(folder: Path, amount: str) -> dict[str, Path]:
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {found}; {_EXPECTED}")
    holding = next((root for root in (folder, folder / "results") if (root / "affinities").is_dir()), folder)
    paths = {column: holding / name.format(AMOUNTS[amount]) for column, name in FILES.items()}
    for path in paths.values():
        if not path.exists():
            raise InputError(f"{path}: no such file; {_hint(holding)}")
    return paths


def _hint(folder: Path) -> str:
    whole = [
        amount
        for amount, ending in AMOUNTS.items()
        if all((folder / name.format(ending)).exists() for name in FILES.values())
    ]
    if whole:
        return f"the folder has what amount {' or '.join(whole)} needs"
    return _EXPECTED


def _checked(path: Path, column: str) -> dict[str, float]:
    """The numbers of a file, every key and every range checked.

    Raises:
        InputError: names the file and the key.
    """
    numbers = read_numbers(path)
    if not numbers:
        raise InputError(f"{path}: the dictionary is empty")
    for key, number in numbers.items():
        *sources, target = key.split("__")
        if not sources or not all(map(_NAME.fullmatch, (*sources, target))):
            raise InputError(f"{path}: expected keys such as source__target, found {shown(key)}")
        if problem := target_problem(target) or sources_problem(tuple(sources)):
            raise InputError(f"{path}, {shown(key)}: {problem}")
        if math.isfinite(number) and not 0 <= number <= _MOST[column]:
            span = "of at least 0" if column == "affinity" else "from 0 to 1"
            raise InputError(f"{path}: expected a number {span} for {shown(key)}, found {number}")
    return numbers


def _order(key: str) -> tuple[str, int, str]:
    *sources, target = key.split("__")
    return target, len(sources), "+".join(sources)


def _row(key: str, numbers: Mapping[str, Mapping[str, float]], gaps: dict[str, list[str]]) -> Transfer:
    *sources, target = key.split("__")
    row = Transfer(target, tuple(sources), None)

    def cell(column: str) -> float | None:
        number = numbers[column].get(key)
        if number is None:
            gaps.setdefault(f"without {column}", []).append(_name(row))
        elif not math.isfinite(number):
            gaps.setdefault(f"whose {column} is not a finite number", []).append(_name(row))
            return None
        return number

    return replace(
        row,
        affinity=cell("affinity"),
        gain=cell("win_rate_vs_scratch"),
        quality=cell("win_rate_vs_full"),
    )


def _name(row: Transfer) -> str:
    return f"{row.label} -> {row.target}"


def gap_line(what: str, names: Iterable[str], most: int = 8) -> str:
    """One of the gaps as a line: the number of transfers and the names of the first `most`."""
    names = tuple(names)
    further = f" and {len(names) - most} more" if len(names) > most else ""
    count = "1 transfer" if len(names) == 1 else f"{len(names)} transfers"
    return f"{count} {what}: {', '.join(names[:most])}{further}"
