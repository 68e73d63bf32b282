"""Files called .npy: an array, or one of two plain exceptions."""

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.npy import read_npy


def content(array: Any) -> bytes:  # noqa: ANN401 - of any type
    written = io.BytesIO()
    np.save(written, array)
    return written.getvalue()


def archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("a.npy", content(np.arange(3)))
    return written.getvalue()


WHOLE = content(np.arange(12, dtype=np.float32).reshape(3, 4))


@pytest.mark.parametrize("mapped", [False, True])
def test_arrays_are_read(mapped: bool, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(WHOLE)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy", mapped=mapped), np.arange(12).reshape(3, 4))


OTHERS = {
    "empty": b"",
    "the beginning of an archive": b"PK\x03\x04",
    "a whole archive": archive(),
    "a pickle": b"\x80\x04K\x01.",
    "objects": content(np.array([{"a": 1}], dtype=object)),
    "text": b"1 2 3",
    "a cut file": WHOLE[:-1],
    "a cut header": WHOLE[:40],
    "more than there is": WHOLE.replace(b"(3, 4)", b"(3, 9)"),
    "no literal": WHOLE.replace(b"'descr'", b"(descr'"),
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("kind", OTHERS)
def test_all_else_is_a_plain_error(kind: str, mapped: bool, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(OTHERS[kind])
    with pytest.raises(ValueError):  # noqa: PT011 - the text is NumPy's
        read_npy(tmp_path / "a.npy", mapped=mapped)


@given(
    place=st.integers(0, len(WHOLE)),
    removed=st.integers(0, 20),
    put=st.sampled_from([b"", b"PK\x03\x04", b"\0", b"9" * 20, b"(", b"-1", b"\xff\xff\xff\xff", b"nan"]),
    mapped=st.booleans(),
)
def test_damaged_files_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, removed: int, put: bytes, mapped: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npy"
    path.write_bytes(WHOLE[:place] + put + WHOLE[place + removed :])
    with contextlib.suppress(ValueError):
        assert isinstance(read_npy(path, mapped=mapped), np.ndarray)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npy(tmp_path / "a.npy")
