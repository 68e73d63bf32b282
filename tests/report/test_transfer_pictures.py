from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.report.transfer_pictures import COLUMNS, TransferPictures

ROW = ["a+b", "win", "ash/point_0_view_1", "0.1", "0.5", "0.2", "strip.jpg"]


def drawn(run: Path, *rows: list[str], columns: tuple[str, ...] = COLUMNS) -> Path:
    folder = run / "pictures" / "normal"
    folder.mkdir(parents=True)
    (folder / "strip.jpg").write_bytes(b"a strip")
    (folder / "index.csv").write_text("\n".join(",".join(row) for row in (columns, *rows)) + "\n")
    return folder / "index.csv"


def test_rows_are_read_as_they_are(tmp_path: Path) -> None:
    drawn(tmp_path, ROW)
    pictures = TransferPictures(tmp_path)
    assert pictures.targets == ["normal"]
    (shown,) = pictures.of("normal")
    assert (shown.transfer, shown.extreme, shown.image) == ("a+b", "win", "ash/point_0_view_1")
    assert (shown.loss, shown.loss_from_scratch, shown.loss_of_full) == (0.1, 0.5, 0.2)
    assert shown.picture == b"a strip"


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    pictures = TransferPictures(tmp_path)
    assert pictures.targets == []
    assert pictures.of("normal") == []


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (1, "draw", "row 2: expected win or loss, found 'draw'"),
        (3, "much", "row 2: expected 7 values, three of them losses"),
        (4, "nan", "row 2: expected finite losses"),
        (6, "../../../../etc/passwd", "row 2: expected a .jpg file beside this one"),
        (6, "../other.jpg", "row 2: expected a .jpg file beside this one"),
        (6, "strip.jpg,more", "row 2: expected 7 values, three of them losses"),
    ],
)
def test_what_is_damaged_is_named(tmp_path: Path, place: int, value: str, expected: str) -> None:
    path = drawn(tmp_path, [*ROW[:place], value, *ROW[place + 1 :]])
    with pytest.raises(InputError, match=expected) as error:
        TransferPictures(tmp_path).of("normal")
    assert str(error.value).startswith(str(path))


def test_another_table_is_refused(tmp_path: Path) -> None:
    drawn(tmp_path, ROW, columns=("target", *COLUMNS[1:]))
    with pytest.raises(InputError, match="expected the columns transfer, extreme, image"):
        TransferPictures(tmp_path).of("normal")


def test_targets_that_are_no_folder_of_the_run_have_no_pictures(tmp_path: Path) -> None:
    drawn(tmp_path / "other", ROW)
    assert TransferPictures(tmp_path / "run").of("../../other/pictures/normal") == []


def test_a_strip_that_is_gone_is_named(tmp_path: Path) -> None:
    path = drawn(tmp_path, ROW)
    path.with_name("strip.jpg").unlink()
    (shown,) = TransferPictures(tmp_path).of("normal")
    with pytest.raises(InputError, match=r"strip\.jpg: cannot be read"):
        _ = shown.picture
