"""Small stores of made-up numbers, and what a folder contains."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from lightning_taskonomy.data.representations.writing import StoreWriter
from lightning_taskonomy.data.shards.index import Keys

OPTIONS: dict[str, Any] = {
    "source": "depth_zbuffer",
    "weights": "aa" * 32,
    "data": "bb" * 32,
    "size": 32,
    "first": 100,
    "part_rows": 4,
}
SHAPE = (2, 3, 3)


def some_keys(count: int) -> Keys:
    text = [f"building{n // 40}/point_{n // 4}_view_{n % 4}" for n in range(count)]
    return Keys(pa.chunked_array([text], pa.string()))


def numbers(count: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)).half()


def writer(folder: Path, count: int, **options: Any) -> StoreWriter:  # noqa: ANN401 - passed on
    return StoreWriter(folder, keys=some_keys(count), **{**OPTIONS, **options})


def write(folder: Path, values: Tensor, batch: int = 3, **options: Any) -> Path:  # noqa: ANN401 - passed on
    """A finished store, made batch after batch from where an earlier one stopped."""
    writing = writer(folder, len(values), **options)
    for rows in values[writing.written :].split(batch):
        writing.append(rows)
    writing.finish()
    return folder


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def marks(folder: Path, *names: str) -> list[tuple[int, int]]:
    """What changes when a file is written again."""
    return [((folder / name).stat().st_ino, (folder / name).stat().st_mtime_ns) for name in names]
