from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.losses import BLOCK_ROWS


def write(path: Path, **columns: object) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_a_written_table_reads_back_in_blocks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count = 2 * BLOCK_ROWS + 17
    losses = rng.random((count, 3))
    keys = [f"image{index}" for index in range(count)]
    LossTable.from_arrays("depth", keys, ["self", "a", "a+b"], losses).write_parquet(tmp_path)
    table = LossTable.read_parquet(tmp_path / "depth.parquet")
    blocks = list(table.blocks())
    assert table.target == "depth"
    assert table.contenders == ("self", "a", "a+b")
    assert max(len(block) for block, _ in blocks) <= BLOCK_ROWS
    assert [key for block, _ in blocks for key in block] == keys
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), losses)


def test_integer_and_single_precision_columns_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.parquet",
        image=["x", "y"],
        a=pa.array([1, 2], pa.int32()),
        b=pa.array([0.5, 0.25], pa.float32()),
    )
    ((_, losses),) = LossTable.read_parquet(path).blocks()
    np.testing.assert_array_equal(losses, [[1, 0.5], [2, 0.25]])


@given(st.binary(max_size=64))
def test_bytes_that_are_no_parquet_file_are_refused(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "depth.parquet"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"depth\.parquet: not a Parquet file"):
            LossTable.read_parquet(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.parquet: cannot read the loss table \(No such file"):
        LossTable.read_parquet(tmp_path / "nothing.parquet")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", image=["x", "y"], a=[1.0, 2.0], b=[1.0, 2.0])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"t\.parquet: not a Parquet file"):
        LossTable.read_parquet(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"key": ["x"], "a": [1.0], "b": [1.0]}, "column 'image' is missing; found key, a, b"),
        ({"image": [1], "a": [1.0], "b": [1.0]}, "column 'image': expected strings, found int64"),
        ({"image": ["x"], "a": ["1"], "b": [1.0]}, "column 'a': expected numbers, found string"),
        ({"image": ["x"], "a": [1.0]}, "expected at least two contenders, found 1"),
        ({"image": ["x"], "a": [1.0], "a+a": [1.0]}, "column 'a\\+a': expected different sources"),
        ({"image": ["x"], "a+b": [1.0], "b+a": [1.0]}, "column 'b\\+a': the same contender as 'a\\+b'"),
    ],
)
def test_a_file_that_is_no_loss_table_is_refused(
    tmp_path: Path, columns: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        LossTable.read_parquet(write(tmp_path / "t.parquet", **columns))


def test_sizes_that_disagree_are_refused() -> None:
    with pytest.raises(InputError, match=r"losses of t: expected 2 x 2, found \(2, 3\)"):
        LossTable.from_arrays("t", ["x", "y"], ["a", "b"], np.zeros((2, 3)))
