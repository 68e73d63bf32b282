"""Task definitions and the dictionary of tasks; independent of files and networks.

The names below are the public interface. Each is imported on first use, since most of them need torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_taskonomy.tasks.entries import dictionary, register, registered_task, task_named
    from lightning_taskonomy.tasks.task import Example, Pixels, Stored, Task, Vector, ViewLabels

_HOME = {
    **dict.fromkeys(("dictionary", "register", "registered_task", "task_named"), "entries"),
    **dict.fromkeys(("Example", "Pixels", "Stored", "Task", "Vector", "ViewLabels"), "task"),
}

__all__ = [
    "Example",
    "Pixels",
    "Stored",
    "Task",
    "Vector",
    "ViewLabels",
    "dictionary",
    "register",
    "registered_task",
    "task_named",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
