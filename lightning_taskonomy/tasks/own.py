"""Tasks of one's own: defined in a Python file of the user's, named by where they stand there."""

import importlib
import sys
from pathlib import Path

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.tasks.task import Task


def own_task(name: str) -> Task:
    """The task that a Python file defines.

    Args:
        name: `FILE.py:NAME`, or `MODULE.NAME` for a module that Python finds.

    Raises:
        InputError: no such file, module or task in it, or the file does not run.
    """
    place, _, attribute = name.rpartition(":" if ".py:" in name else ".")
    if place.endswith(".py"):
        path = Path(place).resolve()
        if not path.is_file():
            raise InputError(f"task {name}: no file {path}")
        # On the path, so that worker processes find it by the same name.
        sys.path.insert(0, str(path.parent))
        module_name = path.stem
    else:
        module_name = place
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's file does
        raise InputError(
            f"task {name}: cannot import {module_name} ({type(error).__name__}: {error})"
        ) from error
    task = getattr(module, attribute, None)
    if not isinstance(task, Task):
        found = ", ".join(key for key, value in vars(module).items() if isinstance(value, Task)) or "none"
        raise InputError(
            f"task {name}: expected a Task called {attribute!r} in {module_name}; it has {found}"
        )
    return task
