"""Tasks in `.npz` files: one array of images, and any number of label arrays."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.sources.fields import buildable, require_known


def arrays_tasks(root: Path, size: int, names: Sequence[str] = ()) -> list[LabelledTask]:
    """Tasks of `.npz` files.

    A file holds `images`, (N, H, W) or (N, H, W, 3), and one or more arrays of N labels. Each label array is
    a task named for it: class indices or names (N,) or (N, 1), zeros and ones (N, K), values (N, K), class
    indices per pixel (N, h, w), or values per pixel (N, K, h, w). A name such as `rain:values` states the
    kind where it is ambiguous.

    Args:
        root: A file, or a folder of them.
        size: Image size for the probe.
        names: Names of the wanted tasks; by default all arrays that can be tasks.

    Raises:
        InputError: a file does not have this form, a wanted array cannot be a task, or two tasks share a
            name.
    """
    files = sorted(path for path in root.glob("[!.]*.npz")) if root.is_dir() else [root]
    if not files:
        raise InputError(f"{root}: no arrays (*.npz) in this folder")
    tasks: dict[str, LabelledTask] = {}
    known: list[str] = []
    for file in files:
        for task in _of_file(file, size, names, known):
            if task.name in tasks:
                raise InputError(f"{file}: there is already a task {task.name}")
            tasks[task.name] = task
    require_known(names, known, root)
    return list(tasks.values())


def _of_file(file: Path, size: int, names: Sequence[str], known: list[str]) -> list[LabelledTask]:
    try:
        with np.load(file, allow_pickle=False) as opened:
            keys = [key for key in opened.files if key != "images"]
            if "images" not in opened.files or not keys:
                found = ", ".join(opened.files) or "none"
                raise InputError(f"expected arrays `images` and labels; found {found}")
            images = ImageArrays(opened["images"], size)
            fields: dict[str, Callable[[], LabelledTask]] = {}
            for key in keys:
                name, _, kind = key.partition(":")
                fields[name] = partial(_task, opened, key, name, kind or None, images)
            known += fields
            return buildable(fields, names)
    except (InputError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise InputError(f"{file}: {error}") from error
        raise InputError(f"{file}: expected an .npz file of numeric arrays ({error})") from error


def _task(
    opened: Mapping[str, Any], key: str, name: str, kind: str | None, images: ImageArrays
) -> LabelledTask:
    try:
        labels = opened[key]
    except ValueError as error:
        raise InputError(f"task {name}: expected numbers or names, found Python objects") from error
    return LabelledTask.of(name, images, labels, kind)  # type: ignore[arg-type]
