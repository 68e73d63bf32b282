"""Sources of tasks: folders, arrays, shards, bundled images, and three published data sets.

Each reader is a function from a path and an image size to tasks.
"""

import importlib
from pathlib import Path
from typing import Any, Literal, get_args

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import names_among
from lightning_taskonomy.task2vec.labelled_task import LabelledTask

Source = Literal[
    "bundled",
    "folder",
    "arrays",
    "webdataset",
    "cub",
    "inaturalist",
    "cub_inaturalist",
    "imaterialist",
    "taskonomy",
]
SOURCES: tuple[str, ...] = get_args(Source)
_OF_FIELDS = ("taskonomy", "arrays", "webdataset")
_MODULES = {"cub_inaturalist": "inaturalist"}


def read_tasks(source: str, root: Path | None, size: int, names: tuple[str, ...] = ()) -> list[LabelledTask]:
    """Read tasks.

    Args:
        source: One of `SOURCES`.
        root: Their folder or file; not needed for bundled images.
        size: Height and width of the probe's input.
        names: Names of the wanted tasks; all if empty.

    Raises:
        InputError: there is no such source, task or path, or a file is malformed.
    """
    if source not in SOURCES:
        raise InputError(f"source: expected one of {', '.join(SOURCES)}, found {source!r}")
    if root is None and source != "bundled":
        raise InputError(f"root: the source {source} needs the folder or file that it reads")
    if root is not None and not root.exists():
        raise InputError(f"{root}: no such folder or file")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(source, source)}")
    options: dict[str, Any] = {"size": size} if source == "bundled" else {"root": root, "size": size}
    if source in _OF_FIELDS:  # read only the wanted ones: others may not be tasks
        options["names"] = names
    tasks: list[LabelledTask] = getattr(module, f"{source}_tasks")(**options)
    known = {task.name: task for task in tasks}
    names = tuple(names_among(names, known, "tasks"))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"tasks: {source} has no {unknown[0]!r}; it has {_some(list(known))}")
    return [known[name] for name in names] if names else tasks


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
