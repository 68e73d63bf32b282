"""`taxonomy sanity` as a user calls it."""

from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.taxonomy import LossTable
from tests.taxonomy.tables import read_rows


def write(folder: Path, target: str, **columns: list[float]) -> None:
    images = [f"i{number}" for number in range(len(next(iter(columns.values()))))]
    losses = np.array(list(columns.values())).T
    LossTable.from_arrays(target, images, tuple(columns), losses).write_parquet(folder)


def test_folders_of_tables_become_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a", "depth", self=[1, 1, 3, 2], average=[2, 2, 2, 2], random=[9, 9, 9, 9])
    write(tmp_path / "b", "scene", self=[1, 1], random=[0, 2])
    words = ["taxonomy", "sanity", "--losses", f"{tmp_path / 'a'}", f"{tmp_path / 'b'}"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "depth       4        62.5      100.0" in printed
    assert f"written: {tmp_path / 'out' / 'sanity.csv'}" in printed
    rows = read_rows(tmp_path / "out" / "sanity.csv")
    assert [row["task"] for row in rows] == ["depth", "scene", "mean"]
    assert [row["wins_vs_random"] for row in rows] == ["1.0", "0.5", "0.75"]


def test_a_table_without_self_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "depth", average=[1], random=[2])
    out = tmp_path / "out"
    assert main(["taxonomy", "sanity", "--losses", str(tmp_path), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "depth.parquet: expected a column 'self'" in error
    assert error.count("\n") == 1
    assert not out.exists()
