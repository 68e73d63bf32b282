"""Published files, fetched from the authors' folder or a mirror of it."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from lightning_taskonomy.bank.digest import verify
from lightning_taskonomy.bank.published import BY_NAME, PUBLISHED_AT, parsed
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.core.task_names import names_among

_PIECE = 1 << 20
_PATIENCE_SECONDS = 60


def published_files(tasks: Iterable[str]) -> list[str]:
    """Names of the published files of some tasks; of all of them where none is named.

    Raises:
        InputError: nothing is published of a task.
    """
    names = names_among(tasks, BY_NAME, "task") or list(BY_NAME)
    for name in names:
        if name not in BY_NAME:
            raise InputError(f"task: nothing is published of {name}; expected some of {', '.join(BY_NAME)}")
    return [file for name in names for file in BY_NAME[name].files.values()]


def fetch(
    file: str, folder: Path, mirror: str = PUBLISHED_AT, after_piece: Callable[[], object] = bool
) -> bool:
    """Fetch a published file, unless it is there already and whole.

    Args:
        file: its name.
        folder: where to.
        mirror: address of the published files.
        after_piece: called after every megabyte, to show progress.

    Returns:
        Whether it had to be fetched.

    Raises:
        InputError: it cannot be had, or what comes is not the file.
    """
    path, name = folder / file, parsed(file)
    assert name is not None
    if path.exists():
        verify(path, name)
        return False
    address = f"{mirror.rstrip('/')}/{file}"
    if not address.startswith(("https://", "http://")):
        raise InputError(f"{mirror}: expected an address that begins with https://")
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(address, timeout=_PATIENCE_SECONDS) as answer,
            whole_file(path) as temporary,
            temporary.open("wb") as written,
        ):
            while piece := answer.read(_PIECE):
                digest.update(piece)
                written.write(piece)
                after_piece()
            written.flush()
            if digest.hexdigest() != name.sha256:
                raise InputError(f"{address}: what came is not the file: its SHA-256 is another one")
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{address}: cannot fetch this file ({reason})") from error
    return True
