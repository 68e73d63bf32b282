"""The index of a representation store: its encoder and samples, and the files that it must consist of.

A store is a folder: `part-000000.safetensors` and so on, each with some rows; `keys.parquet`, the key of each
row; and `index.json`, written last. While rows are still being written, `unfinished.json` takes its place.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError

VERSION = 1
FINISHED = "index.json"
UNFINISHED = "unfinished.json"
KEYS = "keys.parquet"
KEY_COLUMN = "key"
TENSOR = "representations"
"""Name of the tensor in each part, (rows, C, s, s), float16."""


def part_name(number: int) -> str:
    """File name of a part."""
    return f"part-{number:06d}.safetensors"


@dataclass(frozen=True)
class StoredFile:
    """A file as it was written.

    Attributes:
        length: in bytes.
        sha256: of its content.
    """

    length: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The size and digest of a file with this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())

    def check_size(self, path: Path) -> None:
        """Check a file's size.

        Raises:
            InputError: it is missing, truncated or too long.
        """
        try:
            found = path.stat().st_size
        except OSError as error:
            raise InputError(f"{path}: cannot read this part of a store ({error.strerror})") from error
        if found != self.length:
            raise InputError(f"{path}: damaged: expected {self.length} bytes, found {found}")

    def check_content(self, path: Path) -> None:
        """Check a file's size and SHA-256.

        Raises:
            InputError: it is missing or damaged.
        """
        self.check_size(path)
        found = sha256_of(path)
        if found != self.sha256:
            raise InputError(f"{path}: damaged: expected SHA-256 {self.sha256[:12]}…, found {found[:12]}…")


@dataclass(frozen=True)
class Part:
    """Rows that lie in one file.

    Attributes:
        rows: how many.
        file: its size and digest.
    """

    rows: int
    file: StoredFile


@dataclass(frozen=True)
class StoreIndex:
    """What a store holds, and its files.

    Attributes:
        source: name of the encoder.
        shape: of a representation, (C, s, s); empty while there is none.
        size: pixels per side of the images.
        weights: fingerprint of the encoder's weights.
        data: fingerprint of the images.
        first: place of the first sample in the split's index.
        samples: how many there are.
        keys: the file with their keys.
        parts: the files with their representations.
    """

    source: str
    shape: tuple[int, ...]
    size: int
    weights: str
    data: str
    first: int
    samples: int
    keys: StoredFile
    parts: tuple[Part, ...]

    @classmethod
    def read(cls, folder: Path, name: str = FINISHED) -> Self:
        """The index in a store's folder.

        Raises:
            InputError: there is none, or it is of another version or damaged.
        """
        path = folder / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("version") != VERSION:
                raise InputError(f"{path}: expected version {VERSION}, found {content.get('version')}")
            return cls._from(content)
        except FileNotFoundError as error:
            raise InputError(
                f"{folder}: not a representation store, or not yet finished: no {name}"
            ) from error
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not the index of a representation store ({error})") from error

    @classmethod
    def _from(cls, content: dict[str, Any]) -> Self:
        index = cls(
            str(content["source"]),
            tuple(map(int, content["shape"])),
            int(content["size"]),
            str(content["weights"]),
            str(content["data"]),
            int(content["first"]),
            int(content["samples"]),
            _stored_file(content["keys"]),
            tuple(Part(int(part["rows"]), _stored_file(part["file"])) for part in content["parts"]),
        )
        if len(index.shape) != 3 or min(index.shape) < 1:
            raise ValueError(f"shape: expected three numbers, found {list(index.shape)}")
        return index

    def text(self) -> str:
        """The index as JSON."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n"

    @property
    def rows(self) -> int:
        """How many rows the parts have together."""
        return sum(part.rows for part in self.parts)


def _stored_file(content: dict[str, Any]) -> StoredFile:
    return StoredFile(int(content["length"]), str(content["sha256"]))
