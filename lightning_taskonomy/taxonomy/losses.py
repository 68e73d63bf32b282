"""Loss tables: the loss of every contender for a target on every held-out image, read in blocks.

The file is Parquet, one per target, named `<target>.parquet`: a column `image` of string keys and one column
of numbers per contender, named like the `sources` of a transfers table.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Block = tuple[Sequence[str], Floats]
"""Image keys, (rows,), and their losses, (rows, contenders)."""

IMAGE = "image"
BLOCK_ROWS = 16_384
"""Images read at a time; few enough that counts over them fit into two bytes."""


@dataclass(frozen=True)
class LossTable:
    """The losses of one target, wherever they are kept.

    Attributes:
        target: the task predicted.
        contenders: what competes for it, named like the `sources` of a transfers table.
        blocks: opens the table and yields it in blocks of at most `BLOCK_ROWS` images.
        origin: where the table is kept, for messages.
    """

    target: str
    contenders: tuple[str, ...]
    blocks: Callable[[], Iterator[Block]]
    origin: str

    def __post_init__(self) -> None:
        if len(self.contenders) < 2:
            raise InputError(f"{self.origin}: expected at least two contenders, found {len(self.contenders)}")
        seen: dict[tuple[str, ...], str] = {}
        for contender in self.contenders:
            sources = contender.split("+")
            if not all(sources) or len(set(sources)) < len(sources):
                raise InputError(
                    f"{self.origin}, column {contender!r}: expected different sources joined by +"
                )
            key = tuple(sorted(sources))
            if key in seen:
                raise InputError(f"{self.origin}, column {contender!r}: the same contender as {seen[key]!r}")
            seen[key] = contender

    @classmethod
    def from_arrays(
        cls, target: str, images: Sequence[str], contenders: Sequence[str], losses: Floats
    ) -> "LossTable":
        """A table in memory; `losses` is (images, contenders).

        Raises:
            InputError: sizes that do not agree, or contenders that are not a table's.
        """
        losses = np.asarray(losses, np.float64)
        if losses.shape != (len(images), len(contenders)):
            raise InputError(
                f"losses of {target}: expected {len(images)} x {len(contenders)}, found {losses.shape}"
            )

        def blocks() -> Iterator[Block]:
            for start in range(0, len(images), BLOCK_ROWS):
                yield images[start : start + BLOCK_ROWS], losses[start : start + BLOCK_ROWS]

        return cls(target, tuple(contenders), blocks, f"losses of {target}")

    @classmethod
    def read_parquet(cls, path: str | Path) -> "LossTable":
        """Open a Parquet file; its rows are read only when the blocks are asked for.

        Raises:
            InputError: no such file, not Parquet, or not a loss table; names the file and the column.
        """
        import pyarrow as pa  # takes its time
        from pyarrow import parquet

        path = Path(path)
        try:
            schema = parquet.read_schema(path)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise InputError(f"{path}: cannot read the loss table ({reason})") from error
        except pa.ArrowInvalid as error:
            raise InputError(f"{path}: not a Parquet file ({error})") from error
        _check_schema(path, schema)
        contenders = tuple(name for name in schema.names if name != IMAGE)

        def blocks() -> Iterator[Block]:
            try:
                with parquet.ParquetFile(path) as file:
                    for batch in file.iter_batches(BLOCK_ROWS):
                        losses = np.empty((len(contenders), batch.num_rows))
                        for row, name in enumerate(contenders):
                            losses[row] = batch.column(name).to_numpy(zero_copy_only=False)
                        yield batch.column(IMAGE).to_pylist(), losses.T
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{path}: damaged Parquet file ({error})") from error

        return cls(path.stem, contenders, blocks, str(path))

    def write_parquet(self, folder: str | Path) -> Path:
        """Write `<target>.parquet` into a folder, whole or not at all, and return its path.

        Raises:
            InputError: the file cannot be written.
        """
        import pyarrow as pa
        from pyarrow import parquet

        path = Path(folder) / f"{self.target}.parquet"
        fields = [(IMAGE, pa.string()), *((name, pa.float64()) for name in self.contenders)]
        schema = pa.schema(fields)
        with whole_file(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
            for images, losses in self.blocks():
                columns = [pa.array(images, pa.string()), *(pa.array(column) for column in losses.T)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
        return path


def _check_schema(path: Path, schema: "pa.Schema") -> None:
    """Refuse a Parquet file whose columns are not those of a loss table."""
    from pyarrow import types

    if IMAGE not in schema.names:
        raise InputError(f"{path}: column {IMAGE!r} is missing; found {', '.join(schema.names) or 'none'}")
    for field in schema:
        if schema.names.count(field.name) > 1:
            raise InputError(f"{path}, column {field.name!r}: stands twice")
        if field.name == IMAGE:
            expected, fits = "strings", types.is_string(field.type) or types.is_large_string(field.type)
        else:
            expected, fits = "numbers", types.is_floating(field.type) or types.is_integer(field.type)
        if not fits:
            raise InputError(f"{path}, column {field.name!r}: expected {expected}, found {field.type}")
