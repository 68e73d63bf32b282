"""Writing stores: the files against other readers, and resuming after a killed run."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from safetensors.numpy import load_file

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import RepresentationStore
from tests.data.representations.written import content, marks, numbers, some_keys, write, writer

PARTS = [f"part-00000{number}.safetensors" for number in range(3)]


def test_files_are_what_the_index_says(tmp_path: Path) -> None:
    folder = write(tmp_path / "deep" / "store", numbers(10))
    assert sorted(content(folder)) == ["index.json", "keys.parquet", *PARTS]
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 1
    assert (index["source"], index["shape"], index["size"]) == ("depth_zbuffer", [2, 3, 3], 32)
    assert (index["weights"], index["data"]) == ("aa" * 32, "bb" * 32)
    assert (index["first"], index["samples"]) == (100, 10)
    assert [part["rows"] for part in index["parts"]] == [4, 4, 2]
    for name, part, expected in zip(PARTS, index["parts"], numbers(10).split(4), strict=True):
        held = (folder / name).read_bytes()
        assert part["file"] == {"length": len(held), "sha256": hashlib.sha256(held).hexdigest()}
        (tensor,) = load_file(folder / name).items()
        assert tensor[0] == "representations"
        assert (tensor[1] == expected.numpy()).all()
    assert parquet.read_table(folder / "keys.parquet")["key"].to_pylist() == some_keys(10)[:]


def test_batches_do_not_matter(tmp_path: Path) -> None:
    whole = content(write(tmp_path / "whole", numbers(10), 10))
    for batch in (1, 3, 4, 7, 99):
        assert content(write(tmp_path / str(batch), numbers(10), batch)) == whole


@pytest.mark.parametrize("before", range(11))
def test_a_run_that_died_is_gone_on_with(tmp_path: Path, before: int) -> None:
    values = numbers(10)
    whole = content(write(tmp_path / "whole", values))
    folder = tmp_path / "died"
    died = writer(folder, 10)
    assert died.written == 0
    for row in values[:before].split(1):
        died.append(row)
    (folder / ".part-000007-abc.safetensors").touch()  # what kill -9 leaves
    kept = PARTS[: before // 4 + (before == 10)]
    with pytest.raises(InputError, match="not yet finished"):
        RepresentationStore(folder)
    before_marks = marks(folder, *kept)
    second = writer(folder, 10)
    assert second.written == min(10, 4 * len(kept))
    second.append(values[second.written :])
    second.finish()
    assert marks(folder, *kept) == before_marks
    assert content(folder) == whole
    RepresentationStore(folder).verify()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=4), st.integers(1, 6), st.integers(1, 9))
def test_any_number_of_deaths_leaves_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], part_rows: int, batch: int
) -> None:
    root = tmp_path_factory.mktemp("deaths")
    values = numbers(10)
    whole = content(write(root / "whole", values, part_rows=part_rows))
    for appended in deaths:
        died = writer(root / "died", 10, part_rows=part_rows)
        for rows in values[died.written : died.written + appended].split(batch):
            died.append(rows)
    assert content(write(root / "died", values, batch, part_rows=part_rows)) == whole


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_parts_before_a_damaged_one_are_kept(tmp_path: Path, damaged: int) -> None:
    folder = write(tmp_path / "store", numbers(10))
    whole, before = content(folder), marks(folder, *PARTS)
    held = bytearray((folder / PARTS[damaged]).read_bytes())
    held[-1] ^= 1
    (folder / PARTS[damaged]).write_bytes(held)
    assert writer(folder, 10).written == 4 * damaged
    assert content(write(folder, numbers(10))) == whole
    assert marks(folder, *PARTS)[:damaged] == before[:damaged]


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    "changed",
    [
        {"weights": "cc" * 32},
        {"data": "cc" * 32},
        {"source": "reshading"},
        {"size": 64},
        {"first": 0},
        {"part_rows": 3},
    ],
)
def test_other_rows_are_never_mixed_in(tmp_path: Path, changed: dict[str, Any], finished: bool) -> None:
    folder = tmp_path / "store"
    if finished:
        write(folder, numbers(10, seed=1))
    else:
        writer(folder, 10).append(numbers(9, seed=1))
    other = writer(folder, 10, **changed)
    assert other.written == 0
    assert sorted(content(folder)) == ["keys.parquet"]
    other.append(numbers(10))
    other.finish()
    assert content(folder) == content(write(tmp_path / "fresh", numbers(10), **changed))


def test_a_store_that_is_written_again_is_none_meanwhile(tmp_path: Path) -> None:
    folder = write(tmp_path / "store", numbers(10))
    again = writer(folder, 10)
    assert again.written == 10
    with pytest.raises(InputError, match="not yet finished"):
        RepresentationStore(folder)
    again.finish()
    assert len(RepresentationStore(folder)) == 10


def test_what_cannot_be_rows_is_refused(tmp_path: Path) -> None:
    writing = writer(tmp_path / "store", 10)
    with pytest.raises(
        InputError, match=r"depth_zbuffer: expected .* \(B, C, s, s\) in float16, found \(4, 7\) in"
    ):
        writing.append(numbers(4, (7,)))
    with pytest.raises(InputError, match=r"in float16, found \(4, 2, 3, 3\) in float32"):
        writing.append(numbers(4).float())
    writing.append(numbers(4))
    with pytest.raises(
        InputError, match=r"expected representations \(B, 2, 3, 3\) in float16, found \(1, 2, 3, 2\)"
    ):
        writing.append(numbers(1, (2, 3, 2)))
    for value in (torch.inf, -torch.inf, torch.nan):
        rows = numbers(3)
        rows[1, 1, 2, 0] = value
        with pytest.raises(
            InputError,
            match="image building0/point_1_view_1: the representation by depth_zbuffer is not finite",
        ):
            writing.append(rows)
    with pytest.raises(InputError, match="store: expected 10 rows, found 4 in whole parts"):
        writing.finish()
    with pytest.raises(InputError, match="store: expected 10 rows, found 11 or more"):
        writing.append(numbers(7))


def test_bad_settings_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="part_rows: expected at least 1, found 0"):
        writer(tmp_path / "store", 10, part_rows=0)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot create this output folder"):
        writer(tmp_path / "file", 10)
