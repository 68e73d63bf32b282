"""Tasks of one's own: defined in a Python file of the user's, named by where they stand there."""

import importlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks.task import Task

_given: ContextVar[Collection[str] | None] = ContextVar("_given", default=None)
"""While a file decides what is made: the names that the user has given beside it. Else None."""


def own_task(name: str) -> Task:
    """The task that a Python file defines; the file is run.

    Args:
        name: `FILE.py:NAME`, or `MODULE.NAME` for a module that Python finds.

    Raises:
        InputError: no such file, module or task in it, the file does not run, or the name comes from a file.
    """
    given = _given.get()
    if given is not None and name not in given:
        raise InputError(
            f"checkpoint: it names a custom task, {name[:80]!r}; name the task's file again "
            "(task='FILE.py:NAME'), as names in files import nothing"
        )
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


class CheckpointsImportNothing:
    """For a Lightning class whose arguments name tasks; stands before Lightning's own among its bases.

    Lightning's `load_from_checkpoint` makes the class with the arguments that the file holds, and would so
    have a file's names imported.
    """

    @classmethod
    def load_from_checkpoint(cls, *places: Any, **options: Any) -> Self:  # noqa: ANN401 - Lightning's
        """As Lightning's; tasks of one's own are those that the caller names, `task="FILE.py:NAME"`.

        Raises:
            InputError: the file names another one.
        """
        with _only(set(_texts(list(options.values())))):
            made: Self = super().load_from_checkpoint(  # type: ignore[misc]
                *places, **{"weights_only": True, **options}
            )
        return made


@contextmanager
def _only(names: Collection[str]) -> Iterator[None]:
    token = _given.set(names)
    try:
        yield
    finally:
        _given.reset(token)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
