"""SHA-256 of files."""

import hashlib
from pathlib import Path

from lightning_taskonomy.core.errors import InputError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror})") from error
