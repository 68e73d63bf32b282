"""Reading one sample: only the requested domains, straight from their places in the shards."""

import json
import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PictureError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.label_check import wrong_vector
from lightning_taskonomy.data.shards.decode import decode_picture
from lightning_taskonomy.data.shards.index import (
    LABEL_GROUP,
    LABELS,
    PICTURE_DOMAINS,
    SplitIndex,
    shard_name,
)
from lightning_taskonomy.data.stream.places import FetchError, Place

RawLabel = Any
"""A stored label, decoded but not converted: an image's array, a vector, or point_info's dictionary."""

_KEPT_TABLES = 256
_OPEN_TABLES = 64
_OPEN_FILES = 256


class BrokenSampleError(Exception):
    """A label that is absent or cannot be used; names shard, key, domain and reason."""

    def __init__(self, shard: str, key: str, domain: str, reason: str) -> None:
        super().__init__(f"{shard}, {key}: {domain}: {reason}")
        self.reason = f"{domain}: {reason.split(' (')[0]}"

    def __reduce__(self) -> tuple[Any, ...]:  # sent by worker processes
        return _restored, (str(self), self.reason)


def _restored(message: str, reason: str) -> BrokenSampleError:
    error = BrokenSampleError.__new__(BrokenSampleError)
    Exception.__init__(error, message)
    error.reason = reason
    return error


class _OpenFile:
    """An open file, closed with its last user.

    Args:
        path: of the file.

    Attributes:
        number: its descriptor.
        length: in bytes.
    """

    number = -1

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.length = os.fstat(self.number).st_size

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


def require_packed(root: str, split: str) -> None:
    """Check that the split of a local shard set exists; remote ones are not checked.

    Raises:
        InputError: it does not exist.
    """
    for place in (Place(one) for one in expanded(root)):
        folder = Path(place.root) / split
        if place.is_local and not (folder / "index.json").is_file():
            raise InputError(f"{folder}: not a packed split, or not packed to its end: no index.json")


class ShardSet:
    """The shards of one split below one root, or below several.

    Args:
        root: as `Place` takes it; braces name several, `sets/{a,b}` or `sets/part-{00..12}`.
        split: `train`, `val` or `test`.
        domains: those that will be read; by default all.
        overlapping: whether to read the overlapping views.
    """

    def __init__(
        self, root: str, split: str, domains: Sequence[str] | None = None, overlapping: bool = False
    ) -> None:
        self.places = [Place(one) for one in expanded(root)]
        self.split = split
        self._wanted = domains, overlapping
        self._forget()

    def _forget(self) -> None:
        self._files: OrderedDict[Path, _OpenFile] = OrderedDict()
        self._open_tables: OrderedDict[Path, Any] = OrderedDict()
        self._tables: OrderedDict[tuple[int, int, str], list[RawLabel]] = OrderedDict()

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that will be read."""
        return tuple(self.index.present if self._wanted[0] is None else self._wanted[0])

    @cached_property
    def index(self) -> SplitIndex:
        """The index of the split.

        Raises:
            InputError: not a packed split.
            FetchError: it cannot be fetched.
        """
        parts = [self._index(place) for place in self.places]
        return parts[0] if len(parts) == 1 else SplitIndex.joined(parts)

    def _index(self, place: Place) -> SplitIndex:
        if place.is_local:
            return SplitIndex.read(Path(place.root) / self.split, *self._wanted)
        head = place.file(f"{self.split}/index.json")
        table = place.file(f"{self.split}/index.parquet")
        return SplitIndex.read_files(Path(place.root) / self.split, head, table, *self._wanted)

    @cached_property
    def _first_shard(self) -> list[int]:
        """Of each place: how many shards there are before its own."""
        if len(self.places) == 1:
            return [0]
        counts = [len(self._index(place).samples) for place in self.places[:-1]]
        return [0, *np.cumsum(counts).tolist()]

    def close(self) -> None:
        """Close what is open, and forget what was read; it is reopened when needed."""
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        """Without open files and fetched copies: every worker process has its own."""
        kept = {"places": self.places, "split": self.split, "_wanted": self._wanted}
        return {**kept, "index": self.index, "_first_shard": self._first_shard}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def read(self, sample: int, domains: Sequence[str], alone: bool = False) -> dict[str, RawLabel]:
        """The labels of a sample, decoded as they are stored.

        Args:
            sample: its place in the index.
            domains: those to read; no others are touched.
            alone: whether no others of its shard will be read soon: then only a part of a remote shard is
                fetched.

        Raises:
            BrokenSampleError: a label is absent or cannot be read, whatever the reason.
            InputError: a shard is missing.
            FetchError: a remote shard cannot be fetched.
        """
        return {domain: self._read(sample, domain, alone) for domain in domains}

    def _read(self, sample: int, domain: str, alone: bool) -> RawLabel:
        shard = int(self.index.shard[sample])
        number = bisect_right(self._first_shard, shard) - 1
        place = self.places[number]
        suffix = "tar" if domain in PICTURE_DOMAINS else "parquet"
        name = shard_name(self.split, shard - self._first_shard[number], suffix)
        key = self.index.keys[sample]
        if domain not in self.index.present or not self.index.present[domain][sample]:
            raise BrokenSampleError(name, key, domain, "absent")
        folder = domain if domain in PICTURE_DOMAINS else LABELS
        path = f"{self.split}/{folder}/{name}"
        sha256 = self.index.sha256[shard].get(folder)
        try:
            if domain not in PICTURE_DOMAINS:
                return self._label(place.file(path, sha256), shard, sample, domain)
            return decode_picture(self._member(place, path, sha256, sample, domain, alone), DOMAINS[domain])
        except (InputError, FetchError) as error:
            if isinstance(error, PictureError):
                raise BrokenSampleError(name, key, domain, f"damaged picture ({error})") from error
            raise
        except Exception as error:  # malicious files raise nearly anything
            kind = "damaged picture" if domain in PICTURE_DOMAINS else "damaged label"
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BrokenSampleError(name, key, domain, f"{kind} ({reason})") from error

    def _member(
        self, place: Place, path: str, sha256: str | None, sample: int, domain: str, alone: bool
    ) -> bytes:
        """The bytes of an image.

        Raises:
            ValueError: the index names bytes that the shard cannot hold.
        """
        offset, size = int(self.index.offset[domain][sample]), int(self.index.size[domain][sample])
        if offset < 0 or size <= 0:
            raise ValueError(f"the index says {size} bytes from byte {offset}")
        content = place.part(path, offset, size) if alone else None
        if content is not None:
            return content
        file = self._open(place.file(path, sha256))
        if offset + size > file.length:
            raise ValueError(f"the index says {size} bytes from byte {offset} of {file.length}")
        # Not seek and read: forked worker processes share the position in the file.
        return os.pread(file.number, size, offset)

    def _open(self, path: Path) -> "_OpenFile":
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        while len(self._files) >= _OPEN_FILES:
            self._files.popitem(last=False)
        try:
            self._files[path] = _OpenFile(path)
        except OSError as error:
            raise InputError(f"{path}: cannot read this shard ({error.strerror})") from error
        return self._files[path]

    def _open_table(self, path: Path) -> Any:  # noqa: ANN401 - Arrow has no types
        if path not in self._open_tables:
            import pyarrow as pa
            from pyarrow import parquet

            while len(self._open_tables) >= _OPEN_TABLES:
                self._open_tables.popitem(last=False)[1].close()
            try:
                self._open_tables[path] = parquet.ParquetFile(path)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{path}: cannot read this shard ({error})") from error
        return self._open_tables[path]

    def _label(self, path: Path, shard: int, sample: int, domain: str) -> RawLabel:
        first = int(np.searchsorted(self.index.shard, shard))
        group, row = divmod(sample - first, LABEL_GROUP)
        if (shard, group, domain) not in self._tables:
            while len(self._tables) >= _KEPT_TABLES:
                self._tables.popitem(last=False)
            table = self._open_table(path).read_row_group(group, columns=[domain])
            self._tables[shard, group, domain] = table[domain].to_numpy(zero_copy_only=False)
        value = self._tables[shard, group, domain][row]
        if DOMAINS[domain].suffix == "json":
            record = json.loads(value)
            if not isinstance(record, dict):
                raise ValueError("expected an object")
            return record
        vector = np.asarray(value, np.float32)
        wrong = wrong_vector(vector, DOMAINS[domain])
        if wrong is not None:
            raise ValueError(wrong)
        if not np.isfinite(vector).all():
            raise ValueError("not finite")
        return vector


def expanded(root: str) -> list[str]:
    """The roots that a pattern with braces names; `pipe:` commands have braces of their own.

    Raises:
        InputError: unbalanced braces.
    """
    if root.startswith("pipe:") or "{" not in root:
        return [root]
    import braceexpand

    try:
        return list(braceexpand.braceexpand(root))
    except ValueError as error:
        raise InputError(f"shards: {root}: expected a closing brace for each opening one") from error
