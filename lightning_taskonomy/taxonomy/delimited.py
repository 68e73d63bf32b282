"""CSV tables as written by pandas, polars, R and Excel.

Commas, semicolons or tabs; UTF-8 or UTF-16; any line endings; decimal commas; rows of nothing but separators.
"""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError

_SEPARATORS = (",", ";", "\t")
# UTF-32's byte-order mark begins with that of UTF-16, so the longer ones come first.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_REMEMBERED = re.compile(r'"?sep=(.?)"?[,;\t]*', re.IGNORECASE)
"""The line above a table that tells Excel the separator."""


@dataclass(frozen=True)
class DelimitedTable:
    """The cells of a file.

    Attributes:
        columns: the names in the header, stripped of surrounding space.
        rows: for each non-blank row, its number in the file, from 1, and a cell for every column.
        origin: the file, for messages.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    origin: str


def read_delimited(path: Path, what: str, expected: Collection[str]) -> DelimitedTable:
    """Read a file whose header has certain columns; the separator is the one that yields most of them.

    Columns without a name, such as a saved index, are kept only if some cell is filled.

    Args:
        path: the file.
        what: the kind of table, for messages, such as `transfers table`.
        expected: names of required columns, each exactly once; further columns are allowed.

    Raises:
        InputError: no such file, not UTF-8 or UTF-16, an empty file, a missing column, a malformed row, or
            one with more or fewer cells than the header; names file and row or column.
    """
    text = _text(path, what)
    separator = _separator(text, expected)
    records = _records(text, separator, str(path))
    first = next(records, None)
    if first is None:
        raise InputError(f"{path}: the file is empty; expected the columns {','.join(expected)}")
    header = [name.strip() for name in first[1]]
    _check_header(header, expected, str(path))
    rows = [(number, _fitted(cells, header, f"{path}, row {number}")) for number, cells in records]
    kept = [
        place for place, name in enumerate(header) if name or any(cells[place].strip() for _, cells in rows)
    ]
    return DelimitedTable(
        tuple(header[place] for place in kept),
        tuple((number, tuple(cells[place] for place in kept)) for number, cells in rows),
        str(path),
    )


def number_of(cell: str) -> float:
    """The number in a cell, with a decimal point or a decimal comma.

    Raises:
        ValueError: the cell does not hold a number.
    """
    return float(cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell)


def _text(path: Path, what: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the {what} ({error.strerror})") from error
    if content.startswith(_WORKBOOKS):
        raise InputError(f"{path}: expected a CSV, found a workbook or an archive; save the sheet as CSV")
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        found = f"found byte {error.start} invalid"
        raise InputError(f"{path}: expected a CSV in UTF-8 or UTF-16, {found}") from error
    if "\0" in text:
        raise InputError(f"{path}: expected a CSV in UTF-8, or in UTF-16 with its byte-order mark")
    return text


def _separator(text: str, expected: Collection[str]) -> str:
    """The separator: from a `sep=` line, else the one that yields most of the expected columns."""
    lines = (line for line in re.split(r"\r\n|\r|\n", text) if line.strip(" ,;\t"))
    header = next(lines, "")
    if remembered := _REMEMBERED.fullmatch(header.strip()):
        return remembered[1] or "\t"  # some editors strip a trailing tab

    def columns_found(separator: str) -> int:
        cells = next(csv.reader([header], delimiter=separator), [])
        return len({cell.strip() for cell in cells} & set(expected))

    return max(_SEPARATORS, key=columns_found)  # ties go to the comma


def _records(text: str, separator: str, origin: str) -> Iterator[tuple[int, list[str]]]:
    """The non-blank rows with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begun = False
    try:
        for number, cells in enumerate(reader, start=1):
            if not any(cell.strip() for cell in cells):
                continue
            if not begun and _REMEMBERED.fullmatch(separator.join(cells).strip()):
                begun = True
                continue
            begun = True
            yield number, cells
    except csv.Error as error:
        raise InputError(f"{origin}, row {reader.line_num}: not a CSV row ({error})") from error


def _check_header(header: list[str], expected: Collection[str], origin: str) -> None:
    for column in expected:
        if header.count(column) > 1:
            raise InputError(f"{origin}: column {column!r} appears twice")
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1) if len(header) > 1 else []
            hint = f" (found {near[0]!r})" if near else ""
            if len(header) == 1:
                hint = f" (found one column, {header[0][:60]!r}; columns are separated by , or ; or tabs)"
            raise InputError(f"{origin}: column {column!r} is missing{hint}; expected {','.join(expected)}")


def _fitted(cells: list[str], header: list[str], where: str) -> tuple[str, ...]:
    """A cell for every column; Excel may leave out the empty ones of columns without a name."""
    if len(cells) > len(header) or any(header[len(cells) :]):
        raise InputError(f"{where}: expected {len(header)} cells, found {len(cells)}")
    return (*cells, *[""] * (len(header) - len(cells)))
