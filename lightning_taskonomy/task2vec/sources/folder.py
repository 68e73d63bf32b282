"""A folder per class, in a folder per task; or one task, a folder of classes."""

from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import list_pictures
from lightning_taskonomy.task2vec.images import ImageFiles
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets


def folder_tasks(root: Path, size: int) -> list[LabelledTask]:
    """Tasks of pictures in folders named for their classes.

    Args:
        root: Its folders are classes, if they hold pictures; else they are tasks, whose folders are.
        size: Of the pictures, for the probe.

    Raises:
        InputError: there are no pictures, or a task has one class only.
    """
    folders = _folders(root)
    if any(list_pictures(folder) for folder in folders):
        return [_task(root, size)]
    tasks = [_task(folder, size) for folder in folders if _folders(folder)]
    if not tasks:
        raise InputError(f"{root}: expected folders of classes with pictures, or of tasks with such folders")
    return tasks


def _task(folder: Path, size: int) -> LabelledTask:
    classes = {found.name: list_pictures(found) for found in _folders(folder)}
    classes = {name: paths for name, paths in classes.items() if paths}
    if len(classes) < 2:
        raise InputError(f"{folder}: expected at least 2 folders with pictures, found {len(classes)}")
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
