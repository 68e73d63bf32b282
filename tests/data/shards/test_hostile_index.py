"""Indexes whose names lead out of the set: nothing outside is read, and nothing is run or written."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.index import SplitIndex
from tests.data.shards.test_pack import packed
from tests.data.small_folder import make_folder

OUTSIDE = (
    "../../../outside", "/etc/passwd", "https://host/x", "s3://bucket/x", "pipe:touch RAN; {path}",
    "..", "a\\b",
)  # fmt: skip


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    packed(make_folder(tmp_path / "in", domains=("rgb", "class_scene")), tmp_path / "shards")
    return tmp_path / "shards"


def changed(root: Path, column: str, row: int, value: Any) -> None:  # noqa: ANN401 - any cell
    path = root / "train" / "index.parquet"
    table = parquet.read_table(path)
    cells = table[column].to_pylist()
    cells[row] = value
    place = table.column_names.index(column)
    parquet.write_table(table.set_column(place, column, pa.array(cells, table[column].type)), path)


@pytest.mark.parametrize("name", OUTSIDE)
def test_keys_that_lead_out_are_refused(name: str, shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(shards, "key", 3, name)
    with pytest.raises(InputError, match=r"train: index: expected keys such as <building>/.* in row 3"):
        SplitIndex.read(shards / "train")
    with pytest.raises(InputError, match="index: expected keys"):
        next(
            iter(
                TaskonomyDataModule(str(shards), ["autoencoding"], 16, 2, num_workers=0).loader(
                    "train", shuffled=False
                )
            )
        )
    assert main(["data", "check", str(shards)]) == 2
    error = capsys.readouterr().err
    assert "index: expected keys" in error
    assert error.count("\n") == 1
    assert not Path("RAN").exists()


@pytest.mark.parametrize("name", [*OUTSIDE, "train/../train", ""])
def test_a_splits_name_that_leads_out_is_refused(name: str, shards: Path) -> None:
    path = shards / "train" / "index.json"
    head = json.loads(path.read_text())
    path.write_text(json.dumps({**head, "split": name}))
    with pytest.raises(InputError, match="index: expected the split's name, found"):
        SplitIndex.read(shards / "train")


@pytest.mark.parametrize("shard", [-1, 99])
def test_shards_that_do_not_exist_are_refused(shard: int, shards: Path) -> None:
    changed(shards, "shard", 0, shard)
    with pytest.raises(InputError, match="train: cannot read the index"):
        SplitIndex.read(shards / "train")


def test_the_users_own_command_still_is_one(shards: Path) -> None:
    """`pipe:` as the user's own `shards=`: it is the user's word."""
    data = TaskonomyDataModule(f"pipe:cat {shards}/{{path}}", ["autoencoding"], 16, 2, num_workers=0)
    assert len(next(iter(data.loader("train", shuffled=False)))["key"]) == 2
