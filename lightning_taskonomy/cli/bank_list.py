"""`bank list`: which trained networks there are, and whether their files are whole."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lightning_taskonomy.bank.folder import FOLDER_VARIABLE, BankFolder
from lightning_taskonomy.bank.listing import ListedFile, listed, tasks_listed
from lightning_taskonomy.bank.published import PUBLISHED_AT
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError

_HASH = re.compile(r"-[0-9a-f]{64}\.pth$")
_COLUMNS = ("name", "title", "part", "channels", "state", "place")


def list(weights: Path | None = None, mirror: str = PUBLISHED_AT, hashes: bool = False) -> None:
    """List the published networks and those of a folder.

    Every file of the folder is read, and its SHA-256 compared with that in its name.

    Args:
        weights: folder of weights; by default LIGHTNING_TASKONOMY_BANK, if that is set
        mirror: address of the published files, as `bank fetch` takes it
        hashes: whole names of the files, with the SHA-256 of their content
    """
    folder = None
    if weights is not None or os.environ.get(FOLDER_VARIABLE):
        folder = BankFolder.open(weights)
    with progress("checking", len(tasks_listed(folder))) as step:
        rows = listed(folder, mirror.rstrip("/"), step)
    print("\n".join(_table(rows, hashes)))
    if not hashes and any(row.state == "absent" for row in rows):
        print(f"what is absent, bank fetch gets from {mirror}")
    damaged = [row for row in rows if row.is_damaged]
    if damaged:
        raise InputError(f"{len(damaged)} damaged files; the first is {damaged[0].place}: {damaged[0].state}")


def _table(rows: Sequence[ListedFile], hashes: bool) -> Sequence[str]:
    cells = [
        _COLUMNS,
        *((r.name, r.title, r.part, _number(r.channels), r.state, _place(r, hashes)) for r in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _place(row: ListedFile, hashes: bool) -> str:
    """Where a file is or can be had; without hashes, names of absent files are of no use."""
    if hashes:
        return row.place
    return "" if row.state == "absent" else _HASH.sub("-….pth", row.place)


def _number(channels: int | None) -> str:
    return "" if channels is None else str(channels)
