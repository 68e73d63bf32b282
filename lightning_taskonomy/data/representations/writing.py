"""Writing representations in parts, so that a killed run repeats at most one of them."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, whole_file, write_text
from lightning_taskonomy.data.representations.index import (
    FINISHED,
    KEY_COLUMN,
    KEYS,
    TENSOR,
    UNFINISHED,
    Part,
    StoredFile,
    StoreIndex,
    part_name,
)
from lightning_taskonomy.data.shards.index import Keys

PART_ROWS = 4096


class StoreWriter:
    """Writes one store, or resumes writing it.

    Intact parts of the same encoder and images are kept, up to the first that is missing; everything else of
    a store that is in the folder is removed before the first row is written.

    Args:
        folder: of the store; one process writes to it at a time.
        source: name of the encoder.
        weights: fingerprint of its weights.
        data: fingerprint of the images.
        size: pixels per side of the images.
        keys: of the samples.
        first: place of the first sample in the split's index.
        part_rows: rows in each part but the last.

    Raises:
        InputError: the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        weights: str,
        data: str,
        size: int,
        keys: Keys,
        first: int,
        part_rows: int = PART_ROWS,
    ) -> None:
        if part_rows < 1:
            raise InputError(f"part_rows: expected at least 1, found {part_rows}")
        self.folder, self.part_rows, self._keys = make_folder(folder), part_rows, keys
        self._waiting: list[Tensor] = []
        content = _encoded(keys)
        self._index = self._found(
            StoreIndex(source, (), size, weights, data, first, len(keys), StoredFile.of(content), ())
        )
        self._clear()
        with whole_file(folder / KEYS) as temporary:
            temporary.write_bytes(content)

    @property
    def written(self) -> int:
        """Rows in complete parts: how many samples need not be computed again."""
        return self._index.rows

    def append(self, rows: Tensor) -> None:
        """Add the representations of the next samples.

        Args:
            rows: (B, C, s, s), float16.

        Raises:
            InputError: another shape, more rows than samples, or a value that is not finite, for example by
                overflow of float16.
        """
        done = self.written + sum(map(len, self._waiting))
        shape = tuple(rows.shape[1:])
        if rows.dtype != torch.float16 or rows.ndim != 4 or shape != (self._index.shape or shape):
            expected = ", ".join(map(str, self._index.shape or ("C", "s", "s")))
            raise InputError(
                f"{self._index.source}: expected representations (B, {expected}) in float16, "
                f"found {tuple(rows.shape)} in {str(rows.dtype).removeprefix('torch.')}"
            )
        if done + len(rows) > self._index.samples:
            raise InputError(
                f"{self.folder}: expected {self._index.samples} rows, found {done + len(rows)} or more"
            )
        rows = rows.cpu().contiguous()
        bad = ~torch.isfinite(rows).flatten(1).all(dim=1)
        if bad.any():
            number = int(bad.nonzero()[0])
            raise InputError(
                f"image {self._keys[done + number]}: the representation by {self._index.source} "
                f"is not finite in half precision"
            )
        self._index = replace(self._index, shape=shape)
        self._waiting.append(rows)
        self._write_parts()

    def finish(self) -> None:
        """Write the index, which completes the store.

        Raises:
            InputError: there are samples without rows.
        """
        if self.written != self._index.samples:
            raise InputError(
                f"{self.folder}: expected {self._index.samples} rows, found {self.written} in whole parts"
            )
        write_text(self.folder / FINISHED, self._index.text())
        (self.folder / UNFINISHED).unlink(missing_ok=True)

    def _write_parts(self) -> None:
        """Write the parts for which enough rows are waiting."""
        waiting = sum(map(len, self._waiting))
        while waiting and waiting >= (rows := self._rows_of_next()):
            joined = torch.cat(self._waiting)
            content = save({TENSOR: joined[:rows].contiguous()})
            with whole_file(self.folder / part_name(len(self._index.parts))) as temporary:
                temporary.write_bytes(content)
            part = Part(rows, StoredFile.of(content))
            self._index = replace(self._index, parts=(*self._index.parts, part))
            write_text(self.folder / UNFINISHED, self._index.text())
            self._waiting = [joined[rows:]]
            waiting -= rows

    def _rows_of_next(self) -> int:
        return min(self.part_rows, self._index.samples - self.written)

    def _found(self, fresh: StoreIndex) -> StoreIndex:
        """The index with the intact parts of an earlier run of the same encoder and images."""
        for name in (UNFINISHED, FINISHED):
            try:
                found = StoreIndex.read(self.folder, name)
            except InputError:
                continue
            if replace(found, shape=(), keys=fresh.keys, parts=()) == fresh:
                return replace(fresh, shape=found.shape, parts=self._whole(found))
        return fresh

    def _whole(self, found: StoreIndex) -> tuple[Part, ...]:
        kept: list[Part] = []
        left = found.samples
        for number, part in enumerate(found.parts):
            if part.rows != min(self.part_rows, left):
                break
            try:
                part.file.check_content(self.folder / part_name(number))
            except InputError:
                break
            kept.append(part)
            left -= part.rows
        return tuple(kept)

    def _clear(self) -> None:
        """Remove what is not kept, the index first, so that the rest is not taken for a store."""
        if self._index.parts:
            write_text(self.folder / UNFINISHED, self._index.text())
        else:
            self._index = replace(self._index, shape=())
            (self.folder / UNFINISHED).unlink(missing_ok=True)
        (self.folder / FINISHED).unlink(missing_ok=True)
        kept = {part_name(number) for number in range(len(self._index.parts))}
        # Names with a dot are what a killed run was writing.
        for pattern in ("part-*.safetensors", ".part-*", ".keys-*", ".index-*", ".unfinished-*"):
            for path in self.folder.glob(pattern):
                if path.name not in kept:
                    path.unlink(missing_ok=True)


def _encoded(keys: Keys) -> bytes:
    """The content of the file of keys."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    # Neighbouring keys share prefixes.
    encoding = {KEY_COLUMN: "DELTA_BYTE_ARRAY"}
    table = pa.table({KEY_COLUMN: keys.text})
    parquet.write_table(table, sink, compression="zstd", use_dictionary=False, column_encoding=encoding)
    content: bytes = sink.getvalue().to_pybytes()
    return content
