"""Checkpoints that are written whole or not at all, and finding the one to resume from."""

import io
import logging
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file

log = logging.getLogger(__name__)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name in the same folder, and renames it once it is on disk.

    Lightning instead copies it from another file system, so that a full disk leaves half a checkpoint in the
    place of the previous one.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,  # noqa: ANN401 - Lightning's signature
    ) -> None:
        """Write a checkpoint.

        Raises:
            InputError: it cannot be written; the previous file is kept.
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint after verifying its checksums; its tensors stay on disk.

    Raises:
        InputError: it is damaged or truncated.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch does not verify the checksums that it writes
            damaged = archive.testzip()
        if damaged is not None:
            raise InputError(f"{path}: damaged checkpoint (wrong checksum of {damaged})")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: damaged checkpoint ({str(error).splitlines()[0]})") from error
    return state


def first_whole(paths: list[Path]) -> tuple[Path, dict[str, Any]] | None:
    """The first checkpoint that exists and is undamaged, with its content; warnings name damaged ones."""
    for path in paths:
        if not path.exists():
            continue
        try:
            return path, read_checkpoint(path)
        except InputError as error:
            log.warning("%s; looking for the previous one", error)
    return None
