from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.split_lists import OFFICIAL_COUNTS, find_splits, wrong_official_count
from lightning_taskonomy.data.folder.splits import read_splits, write_splits

HEAD = "id,train,val,test"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_end_in_any_way(tmp_path: Path, end: str, mark: str) -> None:
    rows = [HEAD, "hanson,1,0,0", "ihlen,0,0,1", "corozal,0,1,0", "merom,1,0,0", "woodbine,0,0,0"]
    path = tmp_path / "list.csv"
    path.write_bytes((mark + end.join(rows)).encode())
    expected = {"hanson": "train", "ihlen": "test", "corozal": "val", "merom": "train"}
    assert read_splits(path) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns id,train,val,test, found none"),
        ("id,train,val\nash,1,0\n", "found id,train,val"),
        (f"{HEAD}\nash,1,0\n", "row 2: expected a building and three times 0 or 1"),
        (f"{HEAD}\r\rash,yes,0,0", "row 3: expected a building"),
        (f"{HEAD}\nash,1,0,1\n", "row 2: building ash is in more than one split"),
        (f"{HEAD}\nash,1,0,0\nash,1,0,0\n", "row 3: building ash is listed twice"),
        (f"{HEAD}\n,1,0,0\n", "row 2: expected a building"),
        (f"{HEAD}\nash,0,0,0\n", "no building is in any split"),
        (b"id,train,val,test\n\xff\xfe,1,0,0\n", "expected a CSV in UTF-8"),
    ],
)
def test_a_bad_list_is_refused_by_row(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=r"list\.csv") as caught:
        read_splits(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("buildings", "counts"), [(1, (1, 0, 0)), (2, (2, 0, 0)), (4, (2, 1, 1)), (10, (6, 2, 2))]
)
def test_written_lists_read_back(tmp_path: Path, buildings: int, counts: tuple[int, int, int]) -> None:
    write_splits(tmp_path / "splits.csv", [f"house{number}" for number in range(buildings)])
    splits = list(read_splits(tmp_path / "splits.csv").values())
    assert tuple(splits.count(split) for split in ("train", "val", "test")) == counts


def test_the_list_is_found_by_name_or_by_being_the_only_one(tmp_path: Path) -> None:
    assert find_splits(tmp_path) is None
    tiny = tmp_path / "splits_taskonomy" / "train_val_test_tiny.csv"
    tiny.parent.mkdir()
    tiny.touch()
    assert find_splits(tmp_path) == tiny
    large = tmp_path / "train_val_test_fullplus.csv"
    large.touch()
    with pytest.raises(InputError, match="several lists of splits"):
        find_splits(tmp_path)
    assert find_splits(tmp_path, Path("tiny")) == tiny
    assert find_splits(tmp_path, Path("full+")) == large
    with pytest.raises(InputError, match=r"train_val_test_medium\.csv"):
        find_splits(tmp_path, Path("medium"))
    with pytest.raises(InputError, match=r"mine\.csv: no such list of splits"):
        find_splits(tmp_path, Path("mine.csv"))
    own = tmp_path / "splits.csv"
    own.touch()
    assert find_splits(tmp_path) == own


@pytest.mark.parametrize("name", OFFICIAL_COUNTS)
def test_an_official_list_that_is_cut_short_is_told(name: str) -> None:
    train, val, test = OFFICIAL_COUNTS[name]
    splits = [*["train"] * train, *["val"] * val, *["test"] * test]
    whole = {f"b{number}": split for number, split in enumerate(splits)}
    path = Path(f"train_val_test_{name}.csv")
    assert wrong_official_count(path, whole) is None
    assert wrong_official_count(Path("mine.csv"), {"a": "train"}) is None
    del whole["b0"]
    assert (
        wrong_official_count(path, whole)
        == f"expected {train}/{val}/{test} buildings, found {train - 1}/{val}/{test}"
    )
