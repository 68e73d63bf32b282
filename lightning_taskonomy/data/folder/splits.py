"""The buildings for training, validation and testing: `id,train,val,test`, one building per line."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text

SPLITS = ("train", "val", "test")
_COLUMNS = ("id", *SPLITS)


def read_splits(path: Path) -> Mapping[str, str]:
    """The split of each building; all line endings are allowed, as in the official lists, even bare CR.

    Buildings that are in no split (all zero) are left out.

    Raises:
        InputError: not a list of splits, or a building in two splits; names the row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot read the splits ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a CSV in UTF-8") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    rows = csv.reader(io.StringIO(lines))
    header = [name.strip() for name in next(rows, [])]
    if header != list(_COLUMNS):
        raise InputError(
            f"{path}: expected the columns {','.join(_COLUMNS)}, found {','.join(header) or 'none'}"
        )
    splits: dict[str, str | None] = {}
    for number, row in enumerate(rows, start=2):
        if not "".join(row).strip():
            continue
        building, split = _read_row(row, f"{path}, row {number}")
        if building in splits:
            raise InputError(f"{path}, row {number}: building {building} is listed twice")
        splits[building] = split
    chosen = {building: split for building, split in splits.items() if split is not None}
    if not chosen:
        raise InputError(f"{path}: no building is in any split")
    return chosen


def _read_row(row: Sequence[str], where: str) -> tuple[str, str | None]:
    building, *marks = (cell.strip() for cell in row)
    if len(marks) != len(SPLITS) or not set(marks) <= {"0", "1"} or not building:
        raise InputError(f"{where}: expected a building and three times 0 or 1, found {','.join(row)}")
    if marks.count("1") > 1:
        raise InputError(f"{where}: building {building} is in more than one split")
    return building, SPLITS[marks.index("1")] if "1" in marks else None


def write_splits(path: Path, buildings: Sequence[str]) -> None:
    """Write `id,train,val,test`: a fifth of the buildings for validation, a fifth for testing.

    Three or four buildings give one to each; one or two are all for training.

    Raises:
        InputError: the file cannot be written.
    """
    held_out = len(buildings) // 5 if len(buildings) >= 5 else int(len(buildings) >= 3)
    train = len(buildings) - 2 * held_out
    lines = [",".join(_COLUMNS)]
    for number, building in enumerate(sorted(buildings)):
        part = 0 if number < train else 1 if number < train + held_out else 2
        lines.append(f"{building},{int(part == 0)},{int(part == 1)},{int(part == 2)}")
    write_text(path, "\n".join(lines) + "\n")
