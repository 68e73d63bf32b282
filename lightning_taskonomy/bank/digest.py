"""Checking files against the SHA-256 in their names."""

from pathlib import Path

from lightning_taskonomy.bank.published import NAME_OF_FILE, FileName
from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError


def verify(path: Path, name: FileName) -> None:
    """Check that a file is what its name says.

    Args:
        path: of the file.
        name: what its name says.

    Raises:
        InputError: it is damaged, incomplete, or a published file of another task or part.
    """
    found = sha256_of(path)
    if found != name.sha256:
        raise InputError(
            f"{path}: damaged or incomplete: expected SHA-256 {name.sha256[:12]}… as in its name, "
            f"found {found[:12]}…"
        )
    published = NAME_OF_FILE.get(found, (name.task, name.part))
    if published != (name.task, name.part):
        raise InputError(f"{path}: this is the published {published[1]} of {published[0]}")
