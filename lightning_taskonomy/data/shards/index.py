"""The index of a split: which samples lie where, so that any of them is read without passing by the others.

`ROOT/<split>/index.json` holds version, domains and, per shard, the number of samples and the SHA-256 of each
file. `ROOT/<split>/index.parquet` holds a row per sample: shard, key, and per domain its offset and size in
the tar, both empty where the label is absent. The JSON is written last: a split that has it is complete.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import whole_file, write_text

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
LABELS = "labels"
"""Folder of the low-dimensional labels: a Parquet file per shard, a column per domain."""
PICTURE_DOMAINS = tuple(name for name, domain in DOMAINS.items() if domain.suffix == "png")
LABEL_DOMAINS = tuple(name for name, domain in DOMAINS.items() if domain.suffix != "png")
Integers = npt.NDArray[np.int64]


def shard_name(split: str, shard: int, suffix: str) -> str:
    """File name of a shard in any of its folders."""
    return f"{split}-{shard:06d}.{suffix}"


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
        places: by picture domain, (offset, size) of each sample's label inside the tar; None where absent.
        present: by low-dimensional domain, whether each sample has that label.
        sha256: by folder, of the shard's file in it.
        left_out: labels that are absent because they were damaged.
    """

    keys: Sequence[str]
    places: Mapping[str, Sequence[tuple[int, int] | None]]
    present: Mapping[str, Sequence[bool]]
    sha256: Mapping[str, str]
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True)
class SplitIndex:
    """The index of a split, as columns.

    Attributes:
        root: the folder of the split.
        split: its name.
        suffixes: by domain, of its members.
        samples: how many samples each shard has, (shards,).
        sha256: by shard, by folder.
        keys: of all samples in order, (N,).
        shard: of each sample, (N,).
        offset: by picture domain, byte offset inside the tar, −1 where absent, (N,).
        size: by picture domain, bytes, 0 where absent, (N,).
        present: by domain, whether each sample has a label, (N,).
    """

    root: Path
    split: str
    suffixes: Mapping[str, str]
    samples: Integers
    sha256: Sequence[Mapping[str, str]]
    keys: Sequence[str]
    shard: Integers
    offset: Mapping[str, Integers]
    size: Mapping[str, Integers]
    present: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def read(cls, root: Path) -> "SplitIndex":
        """Read the index of a packed split.

        Args:
            root: the folder of the split.

        Raises:
            InputError: not a packed split, or of another version.
        """
        return cls.read_files(root, root / "index.json", root / "index.parquet")

    @classmethod
    def read_files(cls, root: Path, path: Path, table_path: Path) -> "SplitIndex":
        """Read the index of a split whose two files have been fetched from elsewhere.

        Args:
            root: the folder of the split, for names and messages.
            path: of `index.json`.
            table_path: of `index.parquet`.

        Raises:
            InputError: not a packed split, or of another version.
        """
        import pyarrow as pa
        from pyarrow import parquet

        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            table = parquet.read_table(table_path)
        except FileNotFoundError as error:
            raise InputError(
                f"{root}: not a packed split, or not packed to its end: no {error.filename}"
            ) from error
        except (OSError, ValueError, pa.ArrowException) as error:
            raise InputError(f"{root}: cannot read the index ({error})") from error
        if head.get("version") != VERSION:
            raise InputError(f"{path}: expected version {VERSION}, found {head.get('version')}; pack again")
        return cls._from_table(root, head, table)

    @classmethod
    def _from_table(cls, root: Path, head: Mapping[str, Any], table: "pa.Table") -> "SplitIndex":
        suffixes: dict[str, str] = head["domains"]
        offset, size, present = {}, {}, {}
        for domain in suffixes:
            if domain in PICTURE_DOMAINS:
                offset[domain] = table[f"{domain}.offset"].fill_null(-1).to_numpy()
                size[domain] = table[f"{domain}.size"].fill_null(0).to_numpy()
                present[domain] = offset[domain] >= 0
            else:
                present[domain] = table[f"{domain}.present"].to_numpy()
        return cls(
            root,
            head["split"],
            suffixes,
            np.array([shard["samples"] for shard in head["shards"]], np.int64),
            [shard["sha256"] for shard in head["shards"]],
            table["key"].to_pylist(),
            table["shard"].to_numpy(),
            offset,
            size,
            present,
        )

    def path(self, shard: int, domain: str) -> Path:
        """The file that holds a domain of a shard."""
        if domain in PICTURE_DOMAINS:
            return self.root / domain / shard_name(self.split, shard, "tar")
        return self.root / LABELS / shard_name(self.split, shard, "parquet")


def write_index(
    root: Path,
    split: str,
    suffixes: Mapping[str, str],
    shards: Sequence[PackedShard],
    settings: Mapping[str, Any],
) -> None:
    """Write the index of a split, `index.json` last.

    Args:
        root: the folder of the split.
        split: its name.
        suffixes: by domain, of its members.
        shards: in order.
        settings: how it was packed, kept for the record.

    Raises:
        InputError: a file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    keys = [key for shard in shards for key in shard.keys]
    columns: dict[str, Any] = {
        "shard": pa.array(
            np.repeat(np.arange(len(shards)), [len(shard.keys) for shard in shards]), pa.int64()
        ),
        "key": pa.array(keys, pa.string()),
    }
    for domain in suffixes:
        if domain in PICTURE_DOMAINS:
            places = [place for shard in shards for place in shard.places[domain]]
            for part, name in enumerate(("offset", "size")):
                values = [None if place is None else place[part] for place in places]
                columns[f"{domain}.{name}"] = pa.array(values, pa.int64())
        else:
            columns[f"{domain}.present"] = pa.array(
                [held for shard in shards for held in shard.present[domain]], pa.bool_()
            )
    with whole_file(root / "index.parquet") as temporary:
        parquet.write_table(pa.table(columns), temporary)
    head = {
        "version": VERSION,
        "split": split,
        "samples": len(keys),
        "domains": dict(suffixes),
        "settings": dict(settings),
        "left_out": [entry._asdict() for shard in shards for entry in shard.left_out],
        "shards": [{"samples": len(shard.keys), "sha256": dict(shard.sha256)} for shard in shards],
    }
    write_text(root / "index.json", json.dumps(head, indent=1) + "\n")
