"""Which list of splits a data folder uses, and the official ones: tiny, medium, full and full+."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.splits import SPLITS

OFFICIAL_COUNTS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"tiny": (25, 5, 5), "medium": (98, 20, 20), "full": (344, 67, 71), "fullplus": (381, 75, 81)}
)
"""How many buildings each official list has in train, val and test."""

_FOLDERS = (".", "splits_taskonomy", "splits")


def find_splits(root: Path, given: Path | None = None) -> Path | None:
    """The list of splits of a data folder.

    Args:
        root: the data folder.
        given: a file; or `tiny`, `medium`, `full` or `fullplus` for the official list of that name in the
            data folder; or None for `splits.csv` or, where there is just one, the official list found there.

    Returns:
        A file, or None where none is given and the data folder has none.

    Raises:
        InputError: no such file, or several official lists to choose from.
    """
    official = _official_lists(root)
    if given is not None:
        return _given_list(root, given, official)
    if (root / "splits.csv").is_file():
        return root / "splits.csv"
    if len(official) > 1:
        names = ", ".join(path.name for path in official.values())
        raise InputError(f"{root}: has several lists of splits ({names}); say which one to use")
    return next(iter(official.values()), None)


def wrong_official_count(path: Path, splits: Mapping[str, str]) -> str | None:
    """What is wrong with the length of a list that is named like an official one; None if nothing is.

    Args:
        path: the file.
        splits: what was read from it, the split of each building.
    """
    name = re.fullmatch(r"train_val_test_(\w+)", path.stem)
    expected = OFFICIAL_COUNTS.get(name[1]) if name else None
    counts = Counter(splits.values())
    found = tuple(counts[split] for split in SPLITS)
    if expected is None or found == expected:
        return None
    return f"expected {'/'.join(map(str, expected))} buildings, found {'/'.join(map(str, found))}"


def _official_lists(root: Path) -> dict[str, Path]:
    places = {
        name: [root / folder / f"train_val_test_{name}.csv" for folder in _FOLDERS]
        for name in OFFICIAL_COUNTS
    }
    return {name: path for name, paths in places.items() for path in reversed(paths) if path.is_file()}


def _given_list(root: Path, given: Path, official: Mapping[str, Path]) -> Path:
    if given.is_file():
        return given
    name = str(given).replace("+", "plus")
    if name in official:
        return official[name]
    if name in OFFICIAL_COUNTS:
        raise InputError(f"{root}: expected the official list train_val_test_{name}.csv in this folder")
    names = ", ".join(OFFICIAL_COUNTS)
    raise InputError(f"{given}: no such list of splits; expected a CSV, or one of {names}")
