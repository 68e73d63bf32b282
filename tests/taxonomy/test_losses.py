from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, Tournament
from lightning_taskonomy.taxonomy.loss_files import notes_of
from lightning_taskonomy.taxonomy.losses import BLOCK_ROWS

KEYS = ["cedar/p0", "cedar/p1", "pine/p0"]
NUMBERS = [1.0, 0.5, 0.25]


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
        ({"image": ["x"], "a": [1.0], "a+a": [1.0]}, "column 'a\\+a': expected different sources"),
        (
            {"image": ["x"], "a": [1.0], "self+b": [1.0]},
            "column 'self\\+b': expected .*; self cannot be joined",
        ),
        ({"image": ["x"], "a": [1.0], " b": [1.0]}, "column ' b': expected different sources"),
        ({"image": ["x"], "group": [0.5], "a": [1.0]}, "column 'group': expected strings or whole numbers"),
        ({"image": ["x"], "a+b": [1.0], "b+a": [1.0]}, "column 'b\\+a': the same contender as 'a\\+b'"),
    ],
)
def test_a_file_that_is_no_loss_table_is_refused(
    tmp_path: Path, columns: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        LossTable.read_parquet(write(tmp_path / "t.parquet", **columns))


def test_a_table_of_one_contender_is_a_table_but_holds_no_tournament(tmp_path: Path) -> None:
    table = LossTable.read_parquet(write(tmp_path / "t.parquet", image=KEYS, a=NUMBERS))
    images, losses = table.whole()
    assert list(images) == KEYS
    np.testing.assert_array_equal(losses, np.transpose([NUMBERS]))
    with pytest.raises(InputError, match=r"t\.parquet: expected at least two contenders, found 1"):
        Tournament.from_losses(table)


def test_a_table_keeps_its_notes(tmp_path: Path) -> None:
    table = LossTable.from_arrays("t", ["x", "y"], ["a"], np.array([[1.0], [np.nan]]))
    path = table.write_to(tmp_path / "other name.parquet", notes={"made by": "a tést"})
    assert notes_of(path)["made by"] == "a tést"
    again = LossTable.read_parquet(path, "t")
    assert (again.target, again.contenders) == ("t", ("a",))
    np.testing.assert_array_equal(again.whole()[1], [[1.0], [np.nan]])


def test_a_table_without_images_or_contenders_is_read_back(tmp_path: Path) -> None:
    for images, contenders in ([], ["a"]), (["x", "y"], []):
        losses = np.zeros((len(images), len(contenders)))
        path = LossTable.from_arrays("t", images, contenders, losses).write_parquet(tmp_path)
        keys, found = LossTable.read_parquet(path).whole()
        assert list(keys) == images
        assert found.shape == losses.shape


def test_sizes_that_disagree_are_refused() -> None:
    with pytest.raises(InputError, match=r"losses of t: expected 2 x 2, found \(2, 3\)"):
        LossTable.from_arrays("t", ["x", "y"], ["a", "b"], np.zeros((2, 3)))


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
)
def test_keys_of_any_writer_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    path = write(tmp_path / "t.parquet", image=pa.array(KEYS).cast(kind), a=NUMBERS, b=NUMBERS)
    ((keys, losses),) = LossTable.read_parquet(path).blocks()
    assert list(keys) == KEYS
    np.testing.assert_array_equal(losses, np.transpose([NUMBERS, NUMBERS]))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(NUMBERS, pa.float16()), NUMBERS),
        (pa.array([Decimal("1"), Decimal("0.5"), Decimal("0.25")], pa.decimal128(9, 2)), NUMBERS),
        (pa.array([Decimal("1"), None, Decimal("0.25")], pa.decimal256(40, 2)), [1.0, np.nan, 0.25]),
        (pa.array([3, None, 2**60], pa.uint64()), [3.0, np.nan, 2.0**60]),
        (pa.array(NUMBERS).dictionary_encode(), NUMBERS),
        (pa.array([None, None, None]), [np.nan] * 3),
    ],
)
def test_numbers_of_any_writer_are_read(tmp_path: Path, column: pa.Array, expected: list[float]) -> None:
    path = write(tmp_path / "t.parquet", image=KEYS, a=column, b=NUMBERS)
    ((_, losses),) = LossTable.read_parquet(path).blocks()
    np.testing.assert_array_equal(losses[:, 0], expected)


def test_the_index_of_a_pandas_table_is_no_contender(tmp_path: Path) -> None:
    table = pa.table({"image": KEYS, "a": NUMBERS, "b": NUMBERS, "__index_level_0__": [5, 6, 7]})
    note = b'{"index_columns": ["__index_level_0__"], "columns": []}'
    parquet.write_table(table.replace_schema_metadata({b"pandas": note}), tmp_path / "t.parquet")
    assert LossTable.read_parquet(tmp_path / "t.parquet").contenders == ("a", "b")
    # A saved index called `image` holds the keys.
    note = b'{"index_columns": ["image"], "columns": []}'
    table = table.drop_columns("__index_level_0__").replace_schema_metadata({b"pandas": note})
    parquet.write_table(table, tmp_path / "t.parquet")
    ((keys, _),) = LossTable.read_parquet(tmp_path / "t.parquet").blocks()
    assert list(keys) == KEYS


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "depth.parquet"
    folder.mkdir()
    write(folder / "part-0.parquet", image=KEYS[:2], a=NUMBERS[:2], b=[1, 2])
    write(folder / "part-1.parquet", image=KEYS[2:], b=[3], a=NUMBERS[2:])
    (folder / "_SUCCESS").touch()
    (folder / "._part-0.parquet").write_bytes(b"of another system")
    table = LossTable.read_parquet(folder)
    assert table.target == "depth"
    assert [key for keys, _ in table.blocks() for key in keys] == KEYS
    losses = np.concatenate([own for _, own in table.blocks()])
    np.testing.assert_array_equal(losses, np.transpose([NUMBERS, [1, 2, 3]]))
    write(folder / "part-2.parquet", image=["x"], a=[1.0], c=[1.0])
    with pytest.raises(InputError, match=r"part-2\.parquet, column 'b': expected the columns of part-0"):
        LossTable.read_parquet(folder)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["x", "x", "y"], ["x", "x", "y"]),
        (pa.array([7, 7, 12]), ["7", "7", "12"]),
        (pa.array(["x", "y", "y"]).dictionary_encode(), ["x", "y", "y"]),
        (None, ["cedar", "cedar", "pine"]),
    ],
)
def test_groups_are_a_column_or_begin_the_keys(
    tmp_path: Path, column: pa.Array | list[str] | None, expected: list[str]
) -> None:
    own = {} if column is None else {"group": column}
    table = LossTable.read_parquet(write(tmp_path / "t.parquet", image=KEYS, **own, a=NUMBERS, b=NUMBERS))
    assert table.contenders == ("a", "b")
    assert [group for block in table.groups() for group in block] == expected
    written = LossTable.read_parquet(table.write_parquet(tmp_path / "again", grouped=True))
    assert [group for block in written.groups() for group in block] == expected


def test_an_image_without_a_slash_is_a_group_of_its_own() -> None:
    table = LossTable.from_arrays("t", ["x", "y", "z/1"], ["a", "b"], np.zeros((3, 2)))
    assert [list(block) for block in table.groups()] == [["x", "y", "z"]]


def test_groups_stand_in_the_blocks_of_the_losses(tmp_path: Path) -> None:
    count = BLOCK_ROWS + 5
    groups = [f"g{index % 7}" for index in range(count)]
    keys = [f"i{index}" for index in range(count)]
    table = LossTable.from_arrays("t", keys, ["a", "b"], np.zeros((count, 2)), groups)
    table = LossTable.read_parquet(table.write_parquet(tmp_path, grouped=True))
    sizes = [len(keys) for keys, _ in table.blocks()]
    assert [len(block) for block in table.groups()] == sizes
    assert [group for block in table.groups() for group in block] == groups


@pytest.mark.parametrize("column", ["image", "group"])
def test_a_row_without_key_or_group_is_refused(tmp_path: Path, column: str) -> None:
    columns = {"image": ["x", "y"], "group": ["g", "g"], "a": [1.0, 2.0], "b": [1.0, 2.0]}
    columns[column] = ["x", None]
    table = LossTable.read_parquet(write(tmp_path / "t.parquet", **columns))
    with pytest.raises(InputError, match=f"t.parquet, column '{column}': expected a value in every row"):
        list(table.groups() if column == "group" else table.blocks())


@pytest.mark.parametrize("name", ["self", "pixels", "average", "a+b", " a"])
def test_a_table_that_is_named_after_no_target_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / f"{name}.parquet", image=["x"], c=[1.0], d=[1.0])
    with pytest.raises(InputError, match="is named after its target; expected a task name"):
        LossTable.read_parquet(path)
