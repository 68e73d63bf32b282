"""Fetching published files from the authors' folder or a mirror of it."""

from collections.abc import Iterable
from pathlib import Path

from lightning_taskonomy.bank.digest import verify
from lightning_taskonomy.bank.published import BY_NAME, PUBLISHED_AT, parsed
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.core.task_names import names_among
from lightning_taskonomy.data.stream.places import FetchError, Place


def published_files(tasks: Iterable[str]) -> list[str]:
    """Names of the published files of some tasks, by default of all.

    Raises:
        InputError: nothing is published for a task.
    """
    names = names_among(tasks, BY_NAME, "task") or list(BY_NAME)
    for name in names:
        if name not in BY_NAME:
            raise InputError(f"task: nothing is published for {name}; expected some of {', '.join(BY_NAME)}")
    return [file for name in names for file in BY_NAME[name].files.values()]


def fetch(file: str, folder: Path, mirror: str = PUBLISHED_AT) -> bool:
    """Fetch a published file, unless it is already there and intact.

    Args:
        file: its name.
        folder: to write to.
        mirror: address of the published files.

    Returns:
        Whether it had to be fetched.

    Raises:
        InputError: it cannot be fetched, or its content does not match its name.
    """
    path, name = folder / file, parsed(file)
    assert name is not None
    if path.exists():
        verify(path, name)
        return False
    if not mirror.startswith(("https://", "http://")):
        raise InputError(f"{mirror}: expected an address that begins with https://")
    with whole_file(path) as temporary:
        try:
            Place(mirror).fetch(file, temporary, name.sha256)
        except FetchError as error:
            raise InputError(str(error)) from error
    return True
