"""Tasks as folders of class folders: one task, or one folder per task."""

from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import list_pictures
from lightning_taskonomy.task2vec.images import ImageFiles
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets


def folder_tasks(root: Path, size: int) -> list[LabelledTask]:
    """Tasks of images in folders named for their classes.

    Args:
        root: Its folders are classes if they hold images; otherwise they are tasks with a folder per class.
        size: Image size for the probe.

    Raises:
        InputError: there are no images, or a task has only one class.
    """
    folders = _folders(root)
    if any(list_pictures(folder) for folder in folders):
        return [_task(root, size)]
    tasks = [_task(folder, size) for folder in folders if _folders(folder)]
    if not tasks:
        raise InputError(f"{root}: expected class folders with images, or task folders with class folders")
    return tasks


def _task(folder: Path, size: int) -> LabelledTask:
    classes = {found.name: list_pictures(found) for found in _folders(folder)}
    classes = {name: paths for name, paths in classes.items() if paths}
    if len(classes) < 2:
        raise InputError(f"{folder}: expected at least 2 folders with images, found {len(classes)}")
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in classes.values()])
    images = ImageFiles([path for paths in classes.values() for path in paths], size)
    targets = Targets.of("classes", labels)
    return LabelledTask(
        folder.name, images, targets, np.arange(len(labels)), about={"classes": list(classes)}
    )


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
