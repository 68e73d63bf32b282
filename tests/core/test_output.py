import os
import stat
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, whole_file, write_csv, write_text


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "file.txt", "text")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "file.txt").stat().st_mode) == 0o644


def test_the_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    with whole_file(tmp_path / "picture.svg") as temporary:
        assert temporary.suffix == ".svg"
        temporary.touch()


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=r"taken: cannot write this file \(Is a directory\)"):
        write_text(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match="taken: cannot create this output folder"):
        make_folder(tmp_path / "taken")


def test_csv_numbers_read_back_exactly(tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", ["a", "b", "c"], [[1 / 3, None, "x,y"]])
    assert (tmp_path / "table.csv").read_text() == f'a,b,c\n{1 / 3!r},,"x,y"\n'
