"""SHA-256 of files, and whether they are those that their names promise."""

import hashlib
from pathlib import Path

from lightning_taskonomy.bank.published import NAME_OF_FILE, FileName
from lightning_taskonomy.errors import InputError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror})") from error


def verify(path: Path, name: FileName) -> None:
    """See that a file is what its name says.

    Args:
        path: of the file.
        name: what its name says.

    Raises:
        InputError: it is damaged, not whole, or a published file of another task or part.
    """
    found = sha256_of(path)
    if found != name.sha256:
        raise InputError(
            f"{path}: damaged or not whole: expected SHA-256 {name.sha256[:12]}… as in its name, "
            f"found {found[:12]}…"
        )
    published = NAME_OF_FILE.get(found, (name.task, name.part))
    if published != (name.task, name.part):
        raise InputError(f"{path}: this is the published {published[1]} of {published[0]}")
