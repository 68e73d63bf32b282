"""Images and labels: the folder layouts, annotators, shards, stored representations and the DataModule.

The names below are the public interface; each is imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_taskonomy.data.representations.store import RepresentationStore
    from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule

_HOME = {"RepresentationStore": "representations.store", "TaskonomyDataModule": "stream.data_module"}

__all__ = ["RepresentationStore", "TaskonomyDataModule"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
