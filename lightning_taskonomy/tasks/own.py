"""Custom tasks, defined in the user's Python files and named by file and attribute."""

import os
import re
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

_LABELS = re.compile(r"@\d+$")
_LONGEST = 200
_allowed_names: ContextVar[Collection[str] | None] = ContextVar("_allowed_names", default=None)
"""While a checkpoint is loaded: the task names that the user has passed. Otherwise None."""


def own_task(name: str) -> Task:
    """A task defined in a Python file, which is run.

    Args:
        name: `FILE.py:NAME`, or `MODULE.NAME` for an importable module.

    Raises:
        InputError: there is no such file, module or task in it, the file raises an error, or the name comes
            from a checkpoint.
    """
    allowed = _allowed_names.get()
    if allowed is not None and name not in allowed:
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
        wanted = repr(attribute) if attribute else "as in FILE.py:NAME"
        raise InputError(f"task {name}: expected a Task called {wanted} in {place}; it has {found}")
    require_usable(task, f"task {name}")
    return task


def changed(task: Task, before: Task) -> bool:
    """Whether a task replaces an earlier one because its file was edited."""
    module = getattr(task.read, "__module__", "")
    return module.startswith(PREFIX) and module == getattr(before.read, "__module__", "")


def require_usable(task: Task, origin: str) -> None:
    """Reject a task whose name cannot be used in tables and file names.

    Args:
        task: A custom task.
        origin: What requests it, for the message.

    Raises:
        InputError: its name is a path, a baseline's, or that of several sources.
    """
    name, problem = task.name, None
    if not isinstance(name, str) or not name or name != name.strip():
        problem = "expected a string without leading or trailing spaces"
    elif "/" in name or leads_out(name):
        problem = "it leads to another folder"
    elif name in BASELINES or name == SELF:
        problem = "tables of transfers use it for a baseline"
    elif "+" in name:
        problem = "tables of transfers join several sources with +"
    elif _LABELS.search(name):
        problem = "tables of transfers end a name so to say how many labels a source was trained with"
    elif len(os.fsencode(name)) > _LONGEST:
        problem = f"expected at most {_LONGEST} bytes, since files are named for it"
    if problem is not None:
        raise InputError(f"{origin}: the name {str(name)[:80]!r} cannot be used: {problem}")


def made_from_checkpoint() -> bool:
    """Whether a module is being constructed from a checkpoint, so that other weight files are not needed."""
    return _allowed_names.get() is not None


class CheckpointsImportNothing:
    """A mixin for Lightning classes whose arguments name tasks; it must precede Lightning's base class.

    Lightning's `load_from_checkpoint` constructs the class with the arguments stored in the file, which would
    import any module that the file names. This also ignores the instantiator that a file may name, and calls
    the class itself.
    """

    @classmethod
    def load_from_checkpoint(cls, *places: Any, **options: Any) -> Self:  # noqa: ANN401 - Lightning's
        """Like Lightning's, but custom tasks must be named by the caller, `task="FILE.py:NAME"`.

        Raises:
            InputError: the file names another custom task.
        """
        with _only(set(_texts(list(options.values())))):
            module: Self = super().load_from_checkpoint(  # type: ignore[misc]
                *places, **{"weights_only": True, **options, "_instantiator": None}
            )
        return module


@contextmanager
def _only(names: Collection[str]) -> Iterator[None]:
    token = _allowed_names.set(names)
    try:
        yield
    finally:
        _allowed_names.reset(token)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
