from pathlib import Path

import pytest

from lightning_taskonomy.data.folder import find_split_file, read_splits
from lightning_taskonomy.errors import InputError


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_end_in_any_way(tmp_path: Path, end: str, mark: str) -> None:
    rows = [
        "id,train,val,test",
        "hanson,1,0,0",
        "ihlen,0,0,1",
        "corozal,0,1,0",
        "merom,1,0,0",
        "woodbine,0,0,0",
    ]
    path = tmp_path / "list.csv"
    path.write_bytes((mark + end.join(rows)).encode())
    splits = read_splits(path)
    assert splits.split_of == {"hanson": "train", "ihlen": "test", "corozal": "val", "merom": "train"}
    assert splits.unused == {"woodbine"}
    assert splits.counts == (2, 1, 1)
    assert splits.official_counts is None


def test_columns_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "train_val_test_tiny.csv"
    path.write_text("test,id,extra,train,val\n1,ihlen,x,0,0\n")
    assert read_splits(path).split_of == {"ihlen": "test"}
    assert read_splits(path).official_counts == (25, 5, 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("id,train,val\nash,1,0\n", "column 'test' is missing"),
        ("id,train,val,test\nash,1,0\n", "row 2: expected 4 columns, found 3"),
        ("id,train,val,test\r\rash,yes,0,0", "row 3, column train: expected 0 or 1, found 'yes'"),
        ("id,train,val,test\nash,1,0,1\n", "row 2: building ash is in train and test"),
        ("id,train,val,test\nash,1,0,0\nash,1,0,0\n", "row 3: building ash is listed twice"),
        ("id,train,val,test\n,1,0,0\n", "row 2, column id"),
        (b"id,train,val,test\n\xff\xfe,1,0,0\n", "not a text file in UTF-8"),
    ],
)
def test_a_bad_list_is_refused_by_row(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match="list.csv") as caught:
        read_splits(path)
    assert message in str(caught.value)


def test_the_list_is_found_by_name_or_by_being_the_only_one(tmp_path: Path) -> None:
    assert find_split_file(tmp_path) is None
    tiny = tmp_path / "splits_taskonomy" / "train_val_test_tiny.csv"
    tiny.parent.mkdir()
    tiny.touch()
    assert find_split_file(tmp_path) == tiny
    large = tmp_path / "train_val_test_fullplus.csv"
    large.touch()
    with pytest.raises(InputError, match="several split lists"):
        find_split_file(tmp_path)
    assert find_split_file(tmp_path, Path("tiny")) == tiny
    assert find_split_file(tmp_path, Path("full+")) == large
    with pytest.raises(InputError, match=r"train_val_test_medium\.csv"):
        find_split_file(tmp_path, Path("medium"))
    with pytest.raises(InputError, match="mine.csv: no such split list"):
        find_split_file(tmp_path, Path("mine.csv"))
    own = tmp_path / "splits.csv"
    own.touch()
    assert find_split_file(tmp_path) == own
