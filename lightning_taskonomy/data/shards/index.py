"""The index of a split: which samples lie where, so that any of them can be read directly.

`ROOT/<split>/index.json` holds version, label conventions, domains and, per shard, the number of samples and
the SHA-256 of each file. `ROOT/<split>/index.parquet` holds a row per sample: shard, key, views of other
points that overlap with it (places in the index), and per domain its offset and size in the tar, both empty
where the label is absent.
The JSON is written last: a split that has it is complete.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.names import LEADS_OUT, leads_out
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.tasks.conventions import require_conventions

if TYPE_CHECKING:
    from pyarrow import parquet

VERSION = 3
LABELS = "labels"
"""Folder of the low-dimensional labels: a Parquet file per shard, a column per domain."""
LABEL_GROUP = 64
"""Samples whose low-dimensional labels are read together."""
PICTURE_DOMAINS = tuple(name for name, domain in DOMAINS.items() if domain.suffix == "png")
LABEL_DOMAINS = tuple(name for name, domain in DOMAINS.items() if domain.suffix != "png")
Integers = npt.NDArray[np.int64]


def shard_name(split: str, shard: int, suffix: str) -> str:
    """File name of a shard in any of its folders."""
    return f"{split}-{shard:06d}.{suffix}"


class Keys(Sequence[str]):
    """Keys of samples, held as one Arrow array: millions of Python strings would fill the memory.

    Args:
        text: an Arrow array of strings.
    """

    def __init__(self, text: Any) -> None:  # noqa: ANN401 - Arrow has no types
        self.text = text

    @classmethod
    def joined(cls, parts: Sequence["Keys"]) -> "Keys":
        """The keys of several sets, one after another."""
        import pyarrow as pa

        return cls(pa.chunked_array([chunk for part in parts for chunk in part.text.chunks]))

    def __len__(self) -> int:
        return len(self.text)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return self.text[place].to_pylist()  # type: ignore[no-any-return]
        return str(self.text[place])

    def starts(self, pattern: str) -> npt.NDArray[np.bool_]:
        """Which keys differ from the previous one in the part before a pattern; the first key does."""
        import pyarrow as pa
        from pyarrow import compute

        parts = compute.replace_substring_regex(self.text, f"{pattern}.*$", "")
        if isinstance(parts, pa.ChunkedArray):
            parts = parts.combine_chunks()
        changed = np.ones(len(parts), np.bool_)
        changed[1:] = compute.not_equal(parts[1:], parts[:-1]).to_numpy(zero_copy_only=False)
        return changed

    def buildings(self) -> npt.NDArray[np.int32]:
        """A number for each key's building, (N,)."""
        from pyarrow import compute

        names = compute.replace_substring_regex(self.text, "/.*$", "")
        return np.asarray(names.combine_chunks().dictionary_encode().indices, np.int32)


class Lists(NamedTuple):
    """A list of places for each sample.

    Attributes:
        bounds: the list of sample n is `values[bounds[n]:bounds[n + 1]]`, (N + 1,).
        values: all lists one after another.
    """

    bounds: npt.NDArray[np.int64]
    values: npt.NDArray[np.int64]

    @classmethod
    def of(cls, column: Any) -> "Lists":  # noqa: ANN401 - Arrow has no types
        """The lists of an Arrow column."""
        from pyarrow import compute

        lengths = compute.list_value_length(column).to_numpy()
        values = compute.list_flatten(column).to_numpy()
        return cls(np.concatenate([[0], np.cumsum(lengths)]), values.astype(np.int64))

    @classmethod
    def joined(cls, parts: Sequence["Lists | None"], firsts: Sequence[int]) -> "Lists | None":
        """The lists of several sets whose first samples are at these places."""
        held = [part for part in parts if part is not None]
        if len(held) < len(parts):
            return None
        counts = [np.diff(part.bounds) for part in held]
        values = [part.values + first for part, first in zip(held, firsts, strict=False)]
        return cls(np.concatenate([[0], np.cumsum(np.concatenate(counts))]), np.concatenate(values))


@dataclass(frozen=True)
class SplitIndex:
    """The index of a split, as columns.

    Attributes:
        root: the folder of the split.
        split: its name.
        suffixes: by domain, of its members.
        samples: how many samples each shard has, (shards,).
        sha256: by shard, by folder.
        keys: of all samples in order.
        shard: of each sample, (N,).
        offset: by image domain, byte offset inside the tar, −1 where absent, (N,).
        size: by image domain, bytes, 0 where absent, (N,).
        present: by domain, whether each sample has a label, (N,).
        overlapping: places of views of other points that each sample sees too; None where not read.
    """

    root: Path
    split: str
    suffixes: Mapping[str, str]
    samples: Integers
    sha256: Sequence[Mapping[str, str]]
    keys: "Keys"
    shard: npt.NDArray[np.int32]
    offset: Mapping[str, Integers]
    size: Mapping[str, npt.NDArray[np.int32]]
    present: Mapping[str, npt.NDArray[np.bool_]]
    overlapping: Lists | None = None

    @classmethod
    def read(
        cls, root: Path, domains: Sequence[str] | None = None, overlapping: bool = False
    ) -> "SplitIndex":
        """Read the index of a packed split.

        Args:
            root: the folder of the split.
            domains: those whose places to read: fewer take less memory; by default all.
            overlapping: whether to read the overlapping views.

        Raises:
            InputError: not a packed split, or of another version or other label conventions.
        """
        return cls.read_files(root, root / "index.json", root / "index.parquet", domains, overlapping)

    @classmethod
    def read_files(
        cls,
        root: Path,
        path: Path,
        table_path: Path,
        domains: Sequence[str] | None = None,
        overlapping: bool = False,
    ) -> "SplitIndex":
        """Read the index of a split whose two files have been fetched from elsewhere.

        Args:
            root: the folder of the split, for names and messages.
            path: of `index.json`.
            table_path: of `index.parquet`.
            domains: as `read` takes them.
            overlapping: as `read` takes it.

        Raises:
            InputError: not a packed split, or of another version or other label conventions.
        """
        import pyarrow as pa
        from pyarrow import parquet

        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            require_conventions(head.get("conventions"), str(path), "render rooms again, and pack again")
            if head.get("version") != VERSION:
                raise InputError(
                    f"{path}: expected version {VERSION}, found {head.get('version')}; pack again"
                )
            wanted = [name for name in head["domains"] if domains is None or name in domains]
            with parquet.ParquetFile(table_path) as table:
                return cls._from_table(root, head, table, wanted, overlapping)
        except InputError:
            raise
        except FileNotFoundError as error:
            raise InputError(
                f"{root}: not a packed split, or not packed to its end: no {error.filename}"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            raise InputError(f"{root}: cannot read the index ({error})") from error

    @classmethod
    def _from_table(
        cls,
        root: Path,
        head: Mapping[str, Any],
        table: "parquet.ParquetFile",
        domains: Sequence[str],
        overlapping: bool,
    ) -> "SplitIndex":
        from pyarrow import types

        column = partial(_column, table)
        offset, size, present = {}, {}, {}
        for domain in domains:
            if domain in PICTURE_DOMAINS:
                offset[domain] = column(f"{domain}.offset", types.is_integer).fill_null(-1).to_numpy()
                size[domain] = column(f"{domain}.size", types.is_integer).fill_null(0).to_numpy()
                present[domain] = offset[domain] >= 0
            else:
                present[domain] = column(f"{domain}.present", types.is_boolean).fill_null(False).to_numpy()
        keys = Keys(column("key", types.is_string))
        samples = [int(shard["samples"]) for shard in head["shards"]]
        _require_names(root, head["split"], keys)
        shard = column("shard", types.is_integer).to_numpy()
        # Checked before bincount, which would fill the memory for a number far beyond the shards.
        fits = _all_below(shard, len(samples))
        if not fits or not np.array_equal(np.bincount(shard, minlength=len(samples)), samples):
            raise ValueError("its JSON and its table disagree about the samples of each shard")
        overlaps = Lists.of(column("overlapping", _is_list_of_places)) if overlapping else None
        if overlaps is not None and not _all_below(overlaps.values, len(keys)):
            raise ValueError("column overlapping: it names samples that do not exist")
        return cls(
            root,
            head["split"],
            head["domains"],
            np.array(samples, np.int64),
            [entry["sha256"] for entry in head["shards"]],
            keys,
            shard,
            offset,
            size,
            present,
            overlaps,
        )

    @classmethod
    def joined(cls, parts: Sequence["SplitIndex"]) -> "SplitIndex":
        """The samples of several sets, one after another; shards are renumbered.

        Raises:
            InputError: a domain is only in some of them.
        """
        first = parts[0]
        for part in parts[1:]:
            if set(part.present) != set(first.present):
                other = sorted(set(part.present) ^ set(first.present))
                raise InputError(
                    f"{part.root}: expected the domains of {first.root}; not in both: {other[0]}"
                )
        shards = np.cumsum([0, *(len(part.samples) for part in parts)])
        samples = np.cumsum([0, *(len(part.keys) for part in parts)])
        return cls(
            first.root,
            first.split,
            first.suffixes,
            np.concatenate([part.samples for part in parts]),
            [sums for part in parts for sums in part.sha256],
            Keys.joined([part.keys for part in parts]),
            np.concatenate([part.shard + shards[n] for n, part in enumerate(parts)]).astype(np.int32),
            {name: np.concatenate([part.offset[name] for part in parts]) for name in first.offset},
            {name: np.concatenate([part.size[name] for part in parts]) for name in first.size},
            {name: np.concatenate([part.present[name] for part in parts]) for name in first.present},
            Lists.joined([part.overlapping for part in parts], samples.tolist()),
        )

    def path(self, shard: int, domain: str) -> Path:
        """The file that holds a domain of a shard."""
        if domain in PICTURE_DOMAINS:
            return self.root / domain / shard_name(self.split, shard, "tar")
        return self.root / LABELS / shard_name(self.split, shard, "parquet")


def _is_list_of_places(kind: Any) -> bool:  # noqa: ANN401 - Arrow has no types
    from pyarrow import types

    return bool(types.is_list(kind) and types.is_integer(kind.value_type))


def _all_below(places: Integers, count: int) -> bool:
    return not places.size or (places.min() >= 0 and places.max() < count)


def _column(table: "parquet.ParquetFile", name: str, holds: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - Arrow has no types
    """One column: reading all columns of millions of samples at once would take twice the memory.

    Raises:
        ValueError: it has another type, or lacks values.
    """
    found = table.read(columns=[name])[name]
    if not holds(found.type):
        raise ValueError(f"column {name}: unexpected type {found.type}")
    if found.null_count and "." not in name:
        raise ValueError(f"column {name}: {found.null_count} rows without a value")
    return found


def _require_names(root: Path, split: str, keys: Keys) -> None:
    """Refuse names that would lead to reading files outside the set, or writing outputs elsewhere.

    Raises:
        InputError: names the first one.
    """
    from pyarrow import compute

    if leads_out(split) or "/" in split:
        raise InputError(f"{root}: index: expected the split's name, found {split[:80]!r}")
    wrong = compute.match_substring_regex(keys.text, LEADS_OUT)
    place = compute.index(wrong, True).as_py()
    if place >= 0:
        raise InputError(
            f"{root}: index: expected keys such as <building>/point_<P>_view_<V>, found {keys[place][:80]!r} "
            f"in row {place}"
        )
