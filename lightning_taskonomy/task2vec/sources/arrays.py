"""Arrays in `.npz` files: pictures once, and any number of labels of them."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.labelled_task import LabelledTask, guessed_kind
from lightning_taskonomy.task2vec.targets import KINDS, Targets


def arrays_tasks(root: Path, size: int) -> list[LabelledTask]:
    """Tasks of `.npz` files.

    A file holds `images`, (N, H, W) or (N, H, W, 3), and one or more arrays of N labels, each a task of its
    own by its name in the file: class numbers (N,), zeros and ones (N, K), numbers (N, K), class numbers per
    pixel (N, h, w), or numbers per pixel (N, K, h, w). A name `rain:values` says the kind where it is not
    plain.

    Args:
        root: A file, or a folder of them.
        size: Of the pictures, for the probe.

    Raises:
        InputError: a file is not of this form; two tasks have one name.
    """
    files = sorted(root.glob("*.npz")) if root.is_dir() else [root]
    if not files:
        raise InputError(f"{root}: no arrays (*.npz) in this folder")
    tasks: dict[str, LabelledTask] = {}
    for file in files:
        arrays = _read(file)
        if "images" not in arrays or len(arrays) < 2:
            raise InputError(
                f"{file}: expected arrays `images` and labels; found {', '.join(arrays) or 'none'}"
            )
        try:
            images = ImageArrays(arrays.pop("images"), size)
            for key, values in arrays.items():
                name, _, kind = key.partition(":")
                if kind and kind not in KINDS:
                    raise InputError(f"{key}: expected a kind of {', '.join(KINDS)}, found {kind}")
                targets = Targets.of(kind or guessed_kind(values), values)  # type: ignore[arg-type]
                if name in tasks:
                    raise InputError(f"there is another task {name}")
                tasks[name] = LabelledTask(name, images, targets, np.arange(len(images)))
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return list(tasks.values())


def _read(file: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(file, allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: expected an .npz file of numbers ({error})") from error
