"""Reading stores: the rows asked for against a plain array, and every kind of damage."""

import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import save_file

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import RepresentationStore
from lightning_taskonomy.data.stream.partners import Span
from tests.data.representations.written import SHAPE, numbers, some_keys, write

COUNT = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "store", numbers(COUNT))


def test_a_store_says_what_it_is(folder: Path) -> None:
    store = RepresentationStore(str(folder))
    assert (store.shape, store.size, store.source) == (SHAPE, 32, "depth_zbuffer")
    assert (store.weights, store.data) == ("aa" * 32, "bb" * 32)
    assert store.span == Span(100, 110)
    assert len(store) == COUNT
    assert list(store.keys) == some_keys(COUNT)[:]
    store.require("aa" * 32, "bb" * 32)
    store.verify()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_are_those_of_a_plain_array(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40), "samples")
    first = data.draw(st.integers(0, 1000), "first")
    part_rows = data.draw(st.integers(1, 45), "part_rows")
    batch = data.draw(st.integers(1, 45), "batch")
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6), "shape")
    places = data.draw(arrays.arrays(np.int64, shape, elements=st.integers(first, first + count - 1)))
    values = numbers(count, (2, 1, 3))
    with tempfile.TemporaryDirectory() as root:
        folder = write(Path(root) / "store", values, batch, first=first, part_rows=part_rows)
        assert len(list(folder.glob("part-*"))) == -(-count // part_rows)
        store = RepresentationStore(folder)
        expected = values.numpy()[places - first]
        kinds: tuple[Any, ...] = (places, torch.from_numpy(places), places.astype(np.int32))
        for asked in kinds:
            found = store.rows(asked)
            assert found.dtype == torch.float16
            assert found.shape == (*shape, 2, 1, 3)
            np.testing.assert_array_equal(found.numpy(), expected)


def test_rows_may_be_changed_without_changing_the_store(folder: Path) -> None:
    store = RepresentationStore(folder)
    store.rows(np.arange(100, 104)).zero_()
    torch.testing.assert_close(store.rows(np.arange(100, 104)), numbers(COUNT)[:4], rtol=0, atol=0)


@pytest.mark.parametrize("place", [99, 110, -1, 0])
def test_places_outside_are_refused(folder: Path, place: int) -> None:
    store = RepresentationStore(folder)
    with pytest.raises(InputError, match=rf"store: expected places from 100 to 109, found {place}$"):
        store.rows(np.array([[103, place]]))


def test_places_that_are_no_whole_numbers_are_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="Cannot cast"):
        RepresentationStore(folder).rows(torch.tensor([100.0]))


def test_a_store_travels_as_its_path(folder: Path) -> None:
    store = RepresentationStore(folder)
    sent = pickle.dumps(store)
    assert len(sent) < 500
    there = pickle.loads(sent)
    assert torch.equal(there.rows(np.arange(100, 110)), numbers(COUNT))


def test_what_is_open_stays_as_it_was_when_the_store_is_made_anew(folder: Path) -> None:
    store = RepresentationStore(folder)
    write(folder, numbers(COUNT, seed=1), weights="cc" * 32)
    assert torch.equal(store.rows(np.arange(100, 110)), numbers(COUNT))
    assert torch.equal(RepresentationStore(folder).rows(np.arange(100, 110)), numbers(COUNT, seed=1))


@pytest.mark.parametrize(
    ("weights", "data", "message"),
    [
        (
            "cc" * 32,
            "bb" * 32,
            r"made with other weights of depth_zbuffer: expected .* cccccccccccc…, found aaaaaaaaaaaa…$",
        ),
        (
            "aa" * 32,
            "dd" * 32,
            r"stale: made with other data: expected .* dddddddddddd…, found bbbbbbbbbbbb…$",
        ),
    ],
)
def test_stale_stores_are_refused(folder: Path, weights: str, data: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RepresentationStore(folder).require(weights, data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _blank(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _flip_last(path: Path) -> None:
    held = bytearray(path.read_bytes())
    held[-1] ^= 1
    path.write_bytes(held)


def _turned(path: Path) -> None:
    """Other numbers in each row, in a file of the same length."""
    length = path.stat().st_size
    save_file({"representations": numbers(4, (3, 2, 3))}, path)
    assert path.stat().st_size == length


def _other_type(path: Path) -> None:
    length = path.stat().st_size
    held = path.read_bytes().replace(b'"F16"', b'"I16"')
    path.write_bytes(held)
    assert path.stat().st_size == length


def _index(**changed: Any) -> Callable[[Path], None]:  # noqa: ANN401 - of JSON
    def damage(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return damage


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (
            "part-000001.safetensors",
            Path.unlink,
            r"part-000001.safetensors: cannot read this part of a store",
        ),
        ("part-000001.safetensors", _cut, r"part-000001.*: damaged: expected \d+ bytes, found \d+$"),
        ("part-000002.safetensors", _lengthen, r"part-000002.*: damaged: expected \d+ bytes, found \d+$"),
        ("part-000000.safetensors", _blank, r"part-000000.*: damaged: cannot read it \("),
        (
            "part-000000.safetensors",
            _turned,
            r"damaged: expected float16 \(4, 2, 3, 3\), found float16 \(4, 3, 2",
        ),
        ("part-000000.safetensors", _other_type, r"damaged: expected float16 \(4, 2, 3, 3\), found int16"),
        ("keys.parquet", Path.unlink, r"keys.parquet: cannot read this part of a store"),
        ("keys.parquet", _cut, r"keys.parquet: damaged: expected \d+ bytes"),
        (
            "index.json",
            Path.unlink,
            r"store: not a representation store, or not yet finished: no index.json$",
        ),
        ("index.json", _cut, r"index.json: not the index of a representation store \("),
        ("index.json", _blank, r"index.json: not the index of a representation store \("),
        ("index.json", _index(version=7), r"index.json: expected version 1, found 7$"),
        ("index.json", _index(samples=11), r"store: damaged: expected parts with 11 rows, found 10$"),
        ("index.json", _index(parts=[]), r"store: damaged: expected parts with 10 rows, found 0$"),
        ("index.json", _index(shape=[2, 3]), r"shape: expected three numbers, found \[2, 3\]"),
        ("index.json", _index(keys=None), r"index.json: not the index of a representation store \("),
    ],
)
def test_damage_is_noticed_when_opened(
    folder: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder / name)
    with pytest.raises(InputError, match=message) as raised:
        RepresentationStore(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["part-000000.safetensors", "part-000001.safetensors", "part-000002.safetensors", "keys.parquet"]
)
def test_a_bit_that_has_changed_is_noticed_by_verify(folder: Path, name: str) -> None:
    _flip_last(folder / name)
    store = RepresentationStore(folder)
    with pytest.raises(InputError, match=rf"{name}: damaged: expected SHA-256 .{{12}}…, found .{{12}}…$"):
        store.verify()


def test_keys_that_cannot_be_read_are_one_line(folder: Path) -> None:
    _blank(folder / "keys.parquet")
    with pytest.raises(InputError, match=r"keys.parquet: cannot read the keys of a store"):
        _ = RepresentationStore(folder).keys


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not the index of a representation store"):
        RepresentationStore(tmp_path / "file")
    with pytest.raises(InputError, match="not a representation store"):
        RepresentationStore(tmp_path / "nowhere")


def test_a_store_is_little_larger_than_its_numbers(tmp_path: Path) -> None:
    count = 1000
    values = numbers(count, (8, 16, 16))
    folder = write(tmp_path / "store", values, 32, part_rows=512, size=256)
    taken = sum(path.stat().st_size for path in folder.iterdir())
    assert count * 2048 * 2 < taken < 1.1 * count * 2048 * 2
