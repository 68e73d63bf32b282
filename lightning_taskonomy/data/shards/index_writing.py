"""Writing the index of a split from the records of its shards, a few at a time."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lightning_taskonomy.core.output import whole_file, write_text
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.index import PICTURE_DOMAINS, VERSION
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS

if TYPE_CHECKING:
    import pyarrow as pa

_PARTNERS = 4
"""Largest number of overlapping views listed for a view."""
_ROWS_AT_A_TIME = 1 << 16


class LeftOut(NamedTuple):
    """A label that was damaged in the data folder and is therefore absent."""

    key: str
    domain: str
    reason: str


@dataclass(frozen=True)
class PackedShard:
    """What was written for one shard.

    Attributes:
        keys: of its samples, in order.
        places: by image domain, (offset, size) of each sample's label inside the tar; None where absent.
        present: by low-dimensional domain, whether each sample has that label.
        others_in_view: of each sample, the other points that it sees, by number.
        sha256: by folder, of the shard's file in it.
        left_out: labels that are absent because they were damaged.
    """

    keys: Sequence[str]
    places: Mapping[str, Sequence[tuple[int, int] | None]]
    present: Mapping[str, Sequence[bool]]
    others_in_view: Sequence[Sequence[int]]
    sha256: Mapping[str, str]
    left_out: Sequence[LeftOut] = ()


def write_index(
    root: Path,
    split: str,
    suffixes: Mapping[str, str],
    shards: Callable[[], Iterable[PackedShard]],
    settings: Mapping[str, Any],
) -> None:
    """Write the index of a split, `index.json` last.

    Args:
        root: the folder of the split.
        split: its name.
        suffixes: by domain, of its members.
        shards: yields them in order; called twice, as millions of views would fill the memory.
        settings: how it was packed, kept for the record.

    Raises:
        InputError: a file cannot be written.
    """
    import pyarrow as pa

    points = _Points()
    left_out: list[LeftOut] = []
    heads = []
    for shard in shards():
        points.add(shard.keys)
        left_out += shard.left_out
        heads.append({"samples": len(shard.keys), "sha256": dict(shard.sha256)})
    with whole_file(root / "index.parquet") as temporary, _Rows(temporary) as rows:
        first = 0
        for number, shard in enumerate(shards()):
            columns: dict[str, pa.Array] = {
                "shard": pa.array(np.full(len(shard.keys), number, np.int32)),
                "key": pa.array(shard.keys, pa.string()),
                "overlapping": pa.array(points.overlapping(shard, first), pa.list_(pa.int32())),
            }
            for domain in suffixes:
                columns |= _places(shard, domain)
            rows.write(pa.table(columns))
            first += len(shard.keys)
    head = {
        "version": VERSION,
        "conventions": LABEL_CONVENTIONS,
        "split": split,
        "samples": first,
        "domains": dict(suffixes),
        "settings": dict(settings),
        "left_out": [entry._asdict() for entry in left_out],
        "shards": heads,
    }
    write_text(root / "index.json", json.dumps(head, indent=1) + "\n")


def _places(shard: PackedShard, domain: str) -> "dict[str, pa.Array]":
    """The columns of a domain: its places in the shard, or whether it is present."""
    import pyarrow as pa

    if domain not in PICTURE_DOMAINS:
        return {f"{domain}.present": pa.array(shard.present[domain], pa.bool_())}
    places = shard.places[domain]
    return {
        f"{domain}.offset": pa.array([None if place is None else place[0] for place in places], pa.int64()),
        f"{domain}.size": pa.array([None if place is None else place[1] for place in places], pa.int32()),
    }


class _Points:
    """Where the views of each point lie in the split."""

    def __init__(self) -> None:
        self._span: dict[tuple[str, int], tuple[int, int]] = {}
        self._samples = 0

    def add(self, keys: Sequence[str]) -> None:
        """Add the next shard's samples, in which the views of a point are adjacent."""
        names = (ViewName.from_key(key) for key in keys)
        for point, views in itertools.groupby(names, lambda name: (name.building, name.point)):
            count = sum(1 for _ in views)
            self._span[point] = self._samples, count
            self._samples += count

    def overlapping(self, shard: PackedShard, first: int) -> Iterator[list[int]]:
        """For each sample, views of other points that overlap with it: those in its own shard first."""
        end = first + len(shard.keys)
        for place, (key, seen) in enumerate(zip(shard.keys, shard.others_in_view, strict=True), first):
            name = ViewName.from_key(key)
            spans = [
                self._span[name.building, point]
                for point in seen
                if point != name.point and (name.building, point) in self._span
            ]
            turn = place % len(spans) if spans else 0  # vary the choice where there are many
            spans = sorted(spans[turn:] + spans[:turn], key=lambda span: not first <= span[0] < end)
            yield [start + place % count for start, count in spans[:_PARTNERS]]


class _Rows:
    """Writes tables of rows one after another, in groups of many rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[pa.Table] = []
        self._writer: Any = None

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def write(self, table: "pa.Table") -> None:
        """Write a table, buffered."""
        self._waiting.append(table)
        if sum(waiting.num_rows for waiting in self._waiting) >= _ROWS_AT_A_TIME:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
