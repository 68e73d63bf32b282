"""Writing one shard: a tar per image domain, one file of low-dimensional labels, and a record of both."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.core.output import whole_file, write_text
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.label_check import wrong_vector
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.data.shards.index import (
    LABEL_DOMAINS,
    LABEL_GROUP,
    LABELS,
    PICTURE_DOMAINS,
    shard_name,
)
from lightning_taskonomy.data.shards.index_writing import LeftOut, PackedShard

RECORDS = ".packed"
"""Folder of a split with a record per finished shard; removed when the index is written."""


@dataclass(frozen=True)
class ShardJob:
    """One shard to write.

    Attributes:
        source: the data folder.
        root: folder of the split.
        split: its name.
        number: of the shard.
        domains: those to pack.
        encoding: of the images.
        views: in order.
        skip_damaged: leave damaged labels out, and note them in the record, instead of stopping at the first.
    """

    source: DataFolder
    root: Path
    split: str
    number: int
    domains: tuple[str, ...]
    encoding: Encoding
    views: tuple[ViewName, ...]
    skip_damaged: bool = False

    @property
    def record(self) -> Path:
        """The file that is written last: without it, the shard counts as not written."""
        return self.root / RECORDS / f"{self.number:06d}.json"


def write_shard(job: ShardJob) -> None:
    """Write every file of a shard, then its record; the same bytes for the same labels.

    Raises:
        InputError: a label is damaged and is not to be skipped, or a file cannot be written.
    """
    left_out: list[LeftOut] = []
    places: dict[str, list[tuple[int, int] | None]] = {}
    sha256: dict[str, str] = {}
    for domain in (domain for domain in job.domains if domain in PICTURE_DOMAINS):
        with whole_file(job.root / domain / shard_name(job.split, job.number, "tar")) as temporary:
            places[domain] = _write_tar(temporary, job, domain, left_out)
            sha256[domain] = sha256_of(temporary)
    columns = {domain: _column(job, domain, left_out) for domain in job.domains if domain in LABEL_DOMAINS}
    if columns:
        with whole_file(job.root / LABELS / shard_name(job.split, job.number, "parquet")) as temporary:
            _write_columns(temporary, job, columns)
            sha256[LABELS] = sha256_of(temporary)
    record = {
        "keys": [view.key for view in job.views],
        "places": places,
        "present": {domain: [value is not None for value in values] for domain, values in columns.items()},
        "others_in_view": [
            _others_in_view(text) for text in columns.get("point_info", [None] * len(job.views))
        ],
        "sha256": sha256,
        "left_out": left_out,
    }
    write_text(job.record, json.dumps(record))


def read_record(job: ShardJob) -> PackedShard:
    """What was written for a finished shard.

    Raises:
        InputError: the record is missing or damaged.
    """
    try:
        found = json.loads(job.record.read_text(encoding="utf-8"))
        places = {
            domain: [None if place is None else (place[0], place[1]) for place in shard_places]
            for domain, shard_places in found["places"].items()
        }
        left_out = [LeftOut(*entry) for entry in found["left_out"]]
        return PackedShard(
            found["keys"], places, found["present"], found["others_in_view"], found["sha256"], left_out
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{job.record}: not a record of a shard ({error}); remove it and pack again"
        ) from error


def _write_tar(
    path: Path, job: ShardJob, domain: str, left_out: list[LeftOut]
) -> list[tuple[int, int] | None]:
    """Write one domain of a shard and return where each member lies, (offset, size), None where absent."""
    import webdataset  # slow to import

    suffix = job.encoding.suffix(domain)
    with webdataset.TarWriter(str(path), user="", group="", mtime=0.0, encoder=False) as writer:
        for view in job.views:
            label = job.source.label(view, domain)
            if label is None:
                continue
            try:
                content = job.encoding.encode(label, domain)
            except InputError as error:
                _leave_out(job, view, domain, error, left_out)
            else:
                writer.write({"__key__": view.key, suffix: content})
    with tarfile.open(path) as tar:
        found = {member.name: (member.offset_data, member.size) for member in tar}
    return [found.get(f"{view.key}.{suffix}") for view in job.views]


def _column(job: ShardJob, domain: str, left_out: list[LeftOut]) -> list[Any]:
    """The labels of a low-dimensional domain, None where absent."""
    values: list[Any] = []
    for view in job.views:
        values.append(None)
        label = job.source.label(view, domain)
        if label is not None:
            try:
                values[-1] = _text(label) if DOMAINS[domain].suffix == "json" else _vector(label, domain)
            except InputError as error:
                _leave_out(job, view, domain, error, left_out)
    return values


def _leave_out(
    job: ShardJob, view: ViewName, domain: str, error: InputError, left_out: list[LeftOut]
) -> None:
    if not job.skip_damaged:
        raise InputError(
            f"{error}; `data check` lists all such files, --skip-damaged packs without them"
        ) from error
    left_out.append(LeftOut(view.key, domain, str(error)))


def _write_columns(path: Path, job: ShardJob, columns: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    arrays: dict[str, Any] = {"key": pa.array([view.key for view in job.views], pa.string())}
    for domain, values in columns.items():
        kind = pa.string() if DOMAINS[domain].suffix == "json" else pa.list_(pa.float32())
        arrays[domain] = pa.array(values, kind)
    # Small row groups: reading a single partner should not require reading all labels of its shard.
    parquet.write_table(pa.table(arrays), path, row_group_size=LABEL_GROUP)


def _others_in_view(point_info: str | None) -> list[int]:
    """The other points that a view sees, by number."""
    found = json.loads(point_info).get("nonfixated_points_in_view") if point_info else None
    numbers = found if isinstance(found, list) else []
    return [int(number) for number in numbers if str(number).isdecimal()]


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        if not isinstance(json.loads(text), dict):
            raise ValueError("expected an object")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot read this label ({error})") from error
    return text


def _vector(path: Path, domain: str) -> Any:  # noqa: ANN401 - an array of 32-bit floating-point numbers
    try:
        values = read_npy(path, mapped=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read this label ({error})") from error
    wrong = wrong_vector(values, DOMAINS[domain])
    if wrong is not None:
        raise InputError(f"{path}: {wrong}")
    return np.array(values, np.float32)
