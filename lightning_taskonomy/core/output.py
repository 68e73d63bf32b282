"""Atomic writes: a file is written under a temporary name, then renamed."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lightning_taskonomy.core.errors import InputError


def make_folder(folder: Path) -> Path:
    """Create `folder` and its parents and return it.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot create this output folder ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write to this output folder (permission denied)")
    return folder


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Yield `folder`, created if need be before long work begins; an error leaves no empty folder behind.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):  # not empty: finished files stay
            for path in missing:
                path.rmdir()
        raise


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on leaving, rename it to `path`, or remove it after an error.

    The temporary name keeps the suffix of `path`, because plotting libraries choose the format by it.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise InputError(f"{path}: cannot write this file ({error.strerror})") from error
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp gives 0600, which colleagues could not read
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot write this file ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV, whole or not at all: None is an empty cell, and numbers survive a round trip.

    Raises:
        InputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
