"""Docstrings read from the source: `python -OO` drops them, and a module may not be importable."""

import ast
import importlib.util
import inspect
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType


def restore_docstrings(module: ModuleType) -> None:
    """Give a module's functions and classes the docstrings that `python -OO` has dropped."""
    if sys.flags.optimize < 2:
        return
    for part in vars(module).values():
        if inspect.isfunction(part) or inspect.isclass(part):  # a dataclass generates one
            part.__doc__ = docstring(part.__module__, part.__name__) or part.__doc__


def docstring(module: str, name: str) -> str:
    """The docstring of a module's function or class, without importing the module; "" if there is none."""
    return inspect.cleandoc(_of_module(module).get(name, ""))


@lru_cache(maxsize=64)
def _of_module(module: str) -> dict[str, str]:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return {}
    try:
        tree = ast.parse(Path(found.origin).read_bytes())
    except (OSError, SyntaxError):  # installed without its source
        return {}
    return {
        part.name: ast.get_docstring(part) or ""
        for part in tree.body
        if isinstance(part, ast.FunctionDef | ast.ClassDef)
    }
