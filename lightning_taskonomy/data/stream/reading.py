"""Reading one sample: only the domains asked for, straight from their places in the shards."""

import io
import json
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.shards.index import LABELS, PICTURE_DOMAINS, SplitIndex, shard_name
from lightning_taskonomy.data.stream.places import Place
from lightning_taskonomy.errors import InputError

RawLabel = Any
"""A stored label, decoded but not converted: a picture's array, a vector, or point_info's dictionary."""

_KEPT_TABLES = 16
_OPEN_FILES = 256


class BrokenSampleError(Exception):
    """A label that is absent or cannot be used; says shard, key, domain and reason."""

    def __init__(self, shard: str, key: str, domain: str, reason: str) -> None:
        super().__init__(f"{shard}, {key}: {domain}: {reason}")
        self.reason = f"{domain}: {reason.split(' (')[0]}"

    def __reduce__(self) -> tuple[Any, ...]:  # worker processes hand it over
        return _restored, (str(self), self.reason)


def _restored(message: str, reason: str) -> BrokenSampleError:
    error = BrokenSampleError.__new__(BrokenSampleError)
    Exception.__init__(error, message)
    error.reason = reason
    return error


class ShardSet:
    """The shards of one split below one root.

    Args:
        root: as `Place` takes it.
        split: `train`, `val` or `test`.
    """

    def __init__(self, root: str, split: str) -> None:
        self.place = Place(root)
        self.split = split
        self._files: OrderedDict[Path, int] = OrderedDict()
        self._tables: OrderedDict[tuple[int, str], list[RawLabel]] = OrderedDict()

    @cached_property
    def index(self) -> SplitIndex:
        """The index of the split.

        Raises:
            InputError: not a packed split.
            FetchError: it cannot be had.
        """
        if self.place.is_local:
            return SplitIndex.read(Path(self.place.root) / self.split)
        head = self.place.file(f"{self.split}/index.json")
        table = self.place.file(f"{self.split}/index.parquet")
        return SplitIndex.read_files(Path(self.split), head, table)

    def __getstate__(self) -> dict[str, Any]:
        """Without open files and fetched copies: every worker process has its own."""
        return {"place": self.place, "split": self.split, "index": self.index}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["place"].root, state["split"])  # type: ignore[misc]
        self.place = state["place"]
        self.__dict__["index"] = state["index"]

    def read(self, sample: int, domains: Sequence[str]) -> dict[str, RawLabel]:
        """The labels of a sample, decoded as they are stored.

        Args:
            sample: its place in the index.
            domains: those to read; no others are touched.

        Raises:
            BrokenSampleError: a label is absent or damaged.
            FetchError: a remote shard cannot be had.
        """
        return {domain: self._read(sample, domain) for domain in domains}

    def _read(self, sample: int, domain: str) -> RawLabel:
        shard = int(self.index.shard[sample])
        suffix = "tar" if domain in PICTURE_DOMAINS else "parquet"
        name = shard_name(self.split, shard, suffix)
        key = self.index.keys[sample]
        if domain not in self.index.present or not self.index.present[domain][sample]:
            raise BrokenSampleError(name, key, domain, "absent")
        folder = domain if domain in PICTURE_DOMAINS else LABELS
        path = self.place.file(f"{self.split}/{folder}/{name}", self.index.sha256[shard].get(folder))
        if domain not in PICTURE_DOMAINS:
            return self._label(path, shard, sample, domain, name, key)
        place = int(self.index.offset[domain][sample]), int(self.index.size[domain][sample])
        # Not seek and read: worker processes made by a fork would move each other's place in the file.
        content = os.pread(self._open(path), place[1], place[0])
        try:
            return decode_picture(content, self.index.suffixes[domain])
        except (OSError, ValueError, SyntaxError) as error:
            raise BrokenSampleError(name, key, domain, f"damaged picture ({error})") from error

    def _open(self, path: Path) -> int:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        while len(self._files) >= _OPEN_FILES:
            os.close(self._files.popitem(last=False)[1])
        try:
            self._files[path] = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise InputError(f"{path}: cannot read this shard ({error.strerror})") from error
        return self._files[path]

    def _label(self, path: Path, shard: int, sample: int, domain: str, name: str, key: str) -> RawLabel:
        if (shard, domain) not in self._tables:
            from pyarrow import parquet

            while len(self._tables) >= _KEPT_TABLES:
                self._tables.popitem(last=False)
            self._tables[shard, domain] = parquet.read_table(path, columns=[domain])[domain].to_numpy(
                zero_copy_only=False
            )
        first = int(np.searchsorted(self.index.shard, shard))
        value = self._tables[shard, domain][sample - first]
        if DOMAINS[domain].suffix == "json":
            return json.loads(value)
        vector = np.asarray(value, np.float32)
        if vector.shape != (DOMAINS[domain].channels,):
            raise BrokenSampleError(name, key, domain, f"wrong shape ({vector.shape})")
        if not np.isfinite(vector).all():
            raise BrokenSampleError(name, key, domain, "not finite")
        return vector


def decode_picture(content: bytes, suffix: str) -> npt.NDArray[np.generic]:
    """A PNG or JPEG as the array it holds: 8 or 16 bits, one channel or three.

    Raises:
        OSError, ValueError: not such a picture, or damaged.
    """
    if suffix == "jpg":
        import simplejpeg

        return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB"))
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)
