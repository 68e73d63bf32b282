"""Tasks of one's own: defined in a Python file of the user's, named by where they stand there."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.names import leads_out
from lightning_taskonomy.tasks.own_files import PREFIX, module_named, module_of, own_line
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy.transfers import BASELINES, SELF

_LONGEST = 200
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
    if name.endswith((".py", ".py:")):
        place, attribute = name.rstrip(":"), ""
    path = Path(place)
    if path.suffix == ".py" and not path.is_file():
        raise InputError(f"task {name}: no file {path.resolve()}")
    try:
        module = module_of(path) if path.suffix == ".py" else module_named(place)
    except InputError as error:
        raise InputError(f"task {name}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever the user's file does
        line = own_line(error)
        where = f" in {line}" if line is not None else ""
        raise InputError(
            f"task {name}: cannot import {place} ({type(error).__name__}{where}: {error})"
        ) from error
    task = getattr(module, attribute, None)
    if not isinstance(task, Task):
        found = ", ".join(key for key, value in vars(module).items() if isinstance(value, Task)) or "none"
        asked = repr(attribute) if attribute else "as in FILE.py:NAME"
        raise InputError(f"task {name}: expected a Task called {asked} in {place}; it has {found}")
    require_usable(task, f"task {name}")
    return task


def changed(task: Task, before: Task) -> bool:
    """Whether a task is another state of one that the same file defined before it was edited."""
    module = getattr(task.read, "__module__", "")
    return module.startswith(PREFIX) and module == getattr(before.read, "__module__", "")


def require_usable(task: Task, origin: str) -> None:
    """Refuse a task whose name cannot stand in tables and as a file's name.

    Args:
        task: one of the user's own.
        origin: what asks for it, for the message.

    Raises:
        InputError: its name is a path, a baseline's, or that of several sources.
    """
    name, wrong = task.name, None
    if not isinstance(name, str) or not name or name != name.strip():
        wrong = "expected a text without spaces at its ends"
    elif "/" in name or leads_out(name):
        wrong = "it leads to another folder"
    elif name in BASELINES or name == SELF:
        wrong = "tables of transfers call a baseline so"
    elif "+" in name:
        wrong = "tables of transfers join several sources with +"
    elif len(os.fsencode(name)) > _LONGEST:
        wrong = f"expected at most {_LONGEST} bytes, for it names files"
    if wrong is not None:
        raise InputError(f"{origin}: the name {str(name)[:80]!r} cannot be used: {wrong}")


def made_from_checkpoint() -> bool:
    """Whether a module is being made for the weights of a checkpoint: other files are not needed then."""
    return _given.get() is not None


class CheckpointsImportNothing:
    """For a Lightning class whose arguments name tasks; stands before Lightning's own among its bases.

    Lightning's `load_from_checkpoint` makes the class with the arguments that the file holds, and would so
    have a file's names imported. The way to make it, which a file could name too, is the class itself.
    """

    @classmethod
    def load_from_checkpoint(cls, *places: Any, **options: Any) -> Self:  # noqa: ANN401 - Lightning's
        """As Lightning's; tasks of one's own are those that the caller names, `task="FILE.py:NAME"`.

        Raises:
            InputError: the file names another one.
        """
        with _only(set(_texts(list(options.values())))):
            made: Self = super().load_from_checkpoint(  # type: ignore[misc]
                *places, **{"weights_only": True, **options, "_instantiator": None}
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
