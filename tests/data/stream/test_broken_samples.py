"""Damaged or malicious samples: named, counted and skipped, whatever is wrong."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.shards.decode import decode_picture
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.data.stream.reading import BrokenSampleError, ShardSet
from lightning_taskonomy.tasks import task_named
from tests.data.small_folder import make_folder

BROKEN = 3
"""Place of the sample that is made so."""


def png(mode: str, size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_says(width: int, height: int) -> bytes:
    """A small file whose header promises a large image."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_that_says(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    source = make_folder(tmp_path / "in", points=4, domains=("rgb", "depth_zbuffer", "point_info"))
    splits = dict.fromkeys(("ash", "birch", "cedar"), "train")
    PackPlan(source, tmp_path / "out", splits, Packing(shard_size=64)).run(1)
    return tmp_path / "out"


def with_member(root: Path, domain: str, content: bytes) -> None:
    """Make the index of the one sample point to other bytes, appended to its shard."""
    shard = root / "train" / domain / "train-000000.tar"
    with shard.open("ab") as file:
        offset = file.tell()
        file.write(content)
    with_row(root, {f"{domain}.offset": offset, f"{domain}.size": len(content)})


def with_row(root: Path, changed: dict[str, int]) -> None:
    path = root / "train" / "index.parquet"
    table = parquet.read_table(path)
    for name, value in changed.items():
        column = table[name].to_pylist()
        column[BROKEN] = value
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(column, table.schema.field(name).type))
    path.unlink()
    parquet.write_table(table, path)


def with_point_info(root: Path, text: str) -> None:
    path = root / "train" / "labels" / "train-000000.parquet"
    table = parquet.read_table(path)
    column = table["point_info"].to_pylist()
    column[BROKEN] = text
    place = table.column_names.index("point_info")
    path.unlink()
    parquet.write_table(table.set_column(place, "point_info", pa.array(column)), path, row_group_size=64)


HOSTILE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "huge png": (
        lambda root: with_member(root, "rgb", png_that_says(20_000, 20_000)),
        "autoencoding",
        "at most 64,000,000 pixels, found",
    ),
    "large png": (
        lambda root: with_member(root, "rgb", png_that_says(9_000, 9_000)),
        "autoencoding",
        "at most 64,000,000 pixels, found 9000 x 9000",
    ),
    "huge jpeg": (
        lambda root: with_member(root, "rgb", jpeg_that_says(65_000, 65_000)),
        "autoencoding",
        "at most 64,000,000 pixels, found 65000 x 65000",
    ),
    "grey rgb": (
        lambda root: with_member(root, "rgb", png("L", (24, 24))),
        "autoencoding",
        "expected 3 x 8 bits, found mode L",
    ),
    "alpha": (
        lambda root: with_member(root, "rgb", png("RGBA", (24, 24))),
        "autoencoding",
        "expected 3 x 8 bits, found mode RGBA",
    ),
    "palette": (
        lambda root: with_member(root, "rgb", png("P", (24, 24))),
        "autoencoding",
        "expected 3 x 8 bits, found mode P",
    ),
    "depth in colours": (
        lambda root: with_member(root, "depth_zbuffer", png("RGB", (24, 24))),
        "depth_zbuffer",
        "expected 1 x 16 bits, found mode RGB",
    ),
    "depth as jpeg": (
        lambda root: with_member(root, "depth_zbuffer", jpeg_that_says(24, 24)),
        "depth_zbuffer",
        "expected 1 x 16 bits, found a JPEG",
    ),
    "cut short": (
        lambda root: with_member(root, "rgb", png("RGB", (24, 24))[:40]),
        "autoencoding",
        "damaged picture",
    ),
    "negative size": (
        lambda root: with_row(root, {"rgb.size": -5}),
        "autoencoding",
        "the index says -5 bytes",
    ),
    "no bytes": (lambda root: with_row(root, {"rgb.size": 0}), "autoencoding", "the index says 0 bytes"),
    "beyond the end": (
        lambda root: with_row(root, {"rgb.offset": 10**12}),
        "autoencoding",
        "from byte 1000000000000 of",
    ),
    "larger than the shard": (
        lambda root: with_row(root, {"rgb.size": 2**31 - 1}),
        "autoencoding",
        "the index says 2147483647 bytes",
    ),
    "no JSON": (lambda root: with_point_info(root, "{"), "room_layout", "damaged label"),
    "deep JSON": (lambda root: with_point_info(root, "[" * 100_000), "room_layout", "damaged label"),
    "no record": (lambda root: with_point_info(root, "[]"), "room_layout", "expected an object"),
    "no numbers": (
        lambda root: with_point_info(root, json.dumps({"camera_location": "here"})),
        "room_layout",
        "cannot be decoded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_any_failure_of_one_sample_is_a_broken_sample(name: str, packed: Path) -> None:
    spoil, task, reason = HOSTILE[name]
    spoil(packed)
    examples = Examples.of(str(packed), "train", [task_named(task)], 24, 0, True)
    batch, broken = examples.batch(0, np.arange(8))
    assert batch is not None
    keys = examples.shards.index.keys
    assert list(batch.keys) == [keys[place] for place in range(8) if place != BROKEN]
    (error,) = broken
    assert keys[BROKEN] in str(error)
    assert reason in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("size", [(48, 48), (7, 90), (1, 1)])
def test_a_picture_of_another_size_than_its_neighbours_is_read(size: tuple[int, int], packed: Path) -> None:
    with_member(packed, "rgb", png("RGB", size))
    tasks = [task_named("autoencoding"), task_named("depth_zbuffer"), task_named("jigsaw")]
    batch, broken = Examples.of(str(packed), "train", tasks, 24, 0, True).batch(0, np.arange(8))
    assert batch is not None
    assert len(batch.keys) + len(broken) == 8
    for error in broken:
        assert "png" not in str(error)


@pytest.mark.parametrize("workers", [0, 1])
def test_training_goes_on_up_to_the_share(workers: int, packed: Path) -> None:
    with_member(packed, "rgb", png_that_says(20_000, 20_000))
    with_row(packed, {"depth_zbuffer.size": -1})
    options: dict[str, Any] = {"shards": str(packed), "tasks": ["depth_zbuffer"], "size": 24, "batch_size": 4}
    module = TaskonomyDataModule(**options, num_workers=workers, broken_share=0.5)
    loader = module.loader("train", shuffled=False)
    batches = list(loader)
    assert sum(len(batch["key"]) for batch in batches) == 23
    assert loader.broken.reasons.total() == 1
    loader.close()


def test_a_batch_of_one_broken_sample_is_passed_over(packed: Path) -> None:
    with_row(packed, {"rgb.size": -1})
    options: dict[str, Any] = {"shards": str(packed), "tasks": ["autoencoding"], "size": 24, "batch_size": 1}
    loader = TaskonomyDataModule(**options, num_workers=0, broken_share=0.5).loader("train", shuffled=False)
    for epoch in (1, 2):
        assert len(list(loader)) == 23
        assert loader.broken.reasons.total() == epoch


def test_a_set_of_broken_samples_alone_is_refused(packed: Path) -> None:
    (packed / "train" / "rgb" / "train-000000.tar").write_bytes(b"")
    options: dict[str, Any] = {"shards": str(packed), "tasks": ["autoencoding"], "size": 24, "batch_size": 4}
    loader = TaskonomyDataModule(**options, num_workers=0, broken_share=1.0).loader("train", shuffled=False)
    with pytest.raises(InputError, match="a whole batch of 4 samples is broken; the last: train-000000"):
        list(loader)


def test_more_than_the_share_ends_in_one_line(packed: Path) -> None:
    root = packed / "train" / "rgb" / "train-000000.tar"
    root.chmod(0o644)
    root.write_bytes(bytes(root.stat().st_size))
    options: dict[str, Any] = {"shards": str(packed), "tasks": ["autoencoding"], "size": 24, "batch_size": 4}
    loader = TaskonomyDataModule(**options, num_workers=0, broken_share=0.1).loader("train", shuffled=False)
    with pytest.raises(
        InputError, match=r"broken; the last: train-000000\.tar, .*rgb: damaged picture"
    ) as error:
        list(loader)
    assert "\n" not in str(error.value)


def test_a_missing_shard_is_no_broken_sample(packed: Path) -> None:
    (packed / "train" / "rgb" / "train-000000.tar").unlink()
    with pytest.raises(InputError, match="cannot read this shard"):
        ShardSet(str(packed), "train").read(0, ["rgb"])


PIECES = {"PNG": png("RGB", (40, 30)), "JPEG": jpeg_that_says(16, 16)}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PIECES)), st.data())
def test_damaged_bytes_raise_what_reading_takes_for_a_broken_sample(kind: str, data: st.DataObject) -> None:
    broken = bytearray(PIECES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_picture(bytes(broken), DOMAINS["rgb"])
    except (OSError, SyntaxError, ValueError, BrokenSampleError):
        return
    assert found.ndim == 3
    assert found.dtype == np.uint8
