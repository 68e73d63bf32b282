"""Parquet files of losses: read from any common writer, and written whole or not at all."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet, types

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.taxonomy.loss_columns import BLOCK_ROWS, GROUP, IMAGE, Block


@dataclass(frozen=True)
class LossFiles:
    """The parts of one table, opened block by block.

    Attributes:
        parts: the files; one, or those of a folder, sorted by name.
        contenders: names of the loss columns.
        grouped: whether there is a column `group`.
    """

    parts: tuple[Path, ...]
    contenders: tuple[str, ...]
    grouped: bool

    @classmethod
    def open(cls, path: Path) -> "LossFiles":
        """Read the schema of a file, or of all files of a folder.

        Raises:
            InputError: no such file, not Parquet, columns that are not those of a loss table, or parts whose
                columns differ; names file and column.
        """
        parts = tuple(parts_of(path)) if path.is_dir() else (path,)
        if not parts:
            raise InputError(f"{path}: no parts of a loss table (*.parquet) in this folder")
        schemas = [_schema(part) for part in parts]
        names = [_columns(part, schema) for part, schema in zip(parts, schemas, strict=True)]
        for part, part_names in zip(parts, names, strict=True):
            if set(part_names) != set(names[0]):
                odd = sorted(set(part_names) ^ set(names[0]))[0]
                raise InputError(f"{part}, column {odd!r}: expected the columns of {parts[0].name}")
        contenders = tuple(name for name in names[0] if name not in (IMAGE, GROUP))
        return cls(parts, contenders, GROUP in names[0])

    def blocks(self) -> Iterator[Block]:
        """Image keys and losses, NaN where a loss is missing.

        Raises:
            InputError: a damaged file, or an image without a key.
        """
        for part, batch in self._batches([IMAGE, *self.contenders]):
            losses = np.empty((len(self.contenders), batch.num_rows))
            for row, name in enumerate(self.contenders):
                losses[row] = _numbers(batch.column(name))
            yield _words(part, IMAGE, batch.column(IMAGE)), losses.T

    def images(self) -> Iterator[Sequence[str]]:
        """Image keys alone, in the same blocks."""
        return (_words(part, IMAGE, batch.column(IMAGE)) for part, batch in self._batches([IMAGE]))

    def groups(self) -> Iterator[Sequence[str]]:
        """The column `group`, in the same blocks."""
        return (_words(part, GROUP, batch.column(GROUP)) for part, batch in self._batches([GROUP]))

    def _batches(self, columns: Sequence[str]) -> Iterator[tuple[Path, pa.RecordBatch]]:
        for part in self.parts:
            try:
                with parquet.ParquetFile(part) as file:
                    for batch in file.iter_batches(BLOCK_ROWS, columns=list(columns)):
                        yield part, batch
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{part}: damaged Parquet file ({error})") from error


def write_file(
    path: Path,
    contenders: Sequence[str],
    blocks: Iterable[Block],
    groups: Iterable[Sequence[str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a table block by block, whole or not at all.

    Args:
        path: of the file.
        contenders: names of the loss columns.
        blocks: image keys and losses.
        groups: of the images, in the same blocks; None to leave the column out.
        notes: stored in the file's metadata.

    Raises:
        InputError: the file cannot be written.
    """
    names = [IMAGE, *([] if groups is None else [GROUP])]
    schema = pa.schema(
        [*((name, pa.string()) for name in names), *((name, pa.float64()) for name in contenders)], notes
    )
    with whole_file(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        group_blocks: Iterable[Sequence[str] | None] = itertools.repeat(None) if groups is None else groups
        for (images, losses), group in zip(blocks, group_blocks, strict=False):
            words = [images, *([] if group is None else [group])]
            columns = [*(pa.array(w, pa.string()) for w in words), *(pa.array(c) for c in losses.T)]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def notes_of(path: Path) -> Mapping[str, str]:
    """The notes in a file's metadata.

    Raises:
        InputError: no such file, or not Parquet.
    """
    metadata: Mapping[bytes, bytes] = _schema(path).metadata or {}
    return {name.decode(errors="replace"): note.decode(errors="replace") for name, note in metadata.items()}


def parts_of(folder: Path) -> list[Path]:
    """The Parquet files of a folder, sorted by name, without hidden ones: partial files and metadata."""
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))


def _schema(path: Path) -> pa.Schema:
    try:
        return parquet.read_schema(path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"{path}: cannot read the loss table ({reason})") from error
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file ({error})") from error


def _columns(path: Path, schema: pa.Schema) -> list[str]:
    """The names of a loss table's columns, after checking their types."""
    index = _saved_index(schema)
    names = [name for name in schema.names if name not in index]
    if IMAGE not in names:
        raise InputError(f"{path}: column {IMAGE!r} is missing; found {', '.join(names) or 'none'}")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}, column {name!r}: appears twice")
        kind = schema.field(name).type
        value_kind = kind.value_type if types.is_dictionary(kind) else kind
        if name == IMAGE:
            expected, fits = "strings", _is_text(value_kind)
        elif name == GROUP:
            expected, fits = "strings or whole numbers", _is_text(value_kind) or types.is_integer(value_kind)
        else:
            expected, fits = "numbers", _is_number(value_kind)
        if not fits:
            raise InputError(f"{path}, column {name!r}: expected {expected}, found {kind}")
    return names


def _saved_index(schema: pa.Schema) -> set[str]:
    """The columns that hold a pandas index, except one called `image` or `group`."""
    try:
        metadata = cast("dict[str, Any]", schema.pandas_metadata or {})
        index = {name for name in metadata.get("index_columns", ()) if isinstance(name, str)}
    except (AttributeError, TypeError, ValueError):  # another program's metadata
        return set()
    return index - {IMAGE, GROUP}


def _is_text(kind: pa.DataType) -> bool:
    return any(fits(kind) for fits in (types.is_string, types.is_large_string, types.is_string_view))


def _is_number(kind: pa.DataType) -> bool:
    """Whether a column may hold losses; an all-null column holds missing ones."""
    known = (types.is_floating, types.is_integer, types.is_decimal, types.is_null)
    return any(fits(kind) for fits in known)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _numbers(column: pa.Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    whole = compute.cast(_plain(column), pa.float64(), safe=False)
    return np.asarray(whole.to_numpy(zero_copy_only=False), np.float64)


def _words(path: Path, name: str, column: pa.Array) -> list[str]:
    words = compute.cast(_plain(column), pa.large_string()).to_pylist()
    if column.null_count:
        raise InputError(f"{path}, column {name!r}: expected a value in every row, found none")
    return cast("list[str]", words)
