"""The user's Python files as modules, named by their paths to avoid name clashes.

A file may have any name: `task.py` twice, `random.py`, `my.task.py`. It becomes a submodule of this one,
`lightning_taskonomy.tasks.own_files.<path>`. A worker process that unpickles one of its functions imports it
by that name, and this module then finds the file.
"""

import ast
import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from urllib.parse import quote, unquote_to_bytes

from lightning_taskonomy.core.errors import InputError

__path__: list[str] = []
"""Allows submodules; the finder at the end of this file finds them."""
PREFIX = f"{__name__}."
_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_folders: list[str] = []
"""Folders of the files, latest first, searched for sibling modules after all installed ones."""
_stamps: dict[str, tuple[int, int]] = {}
"""Modification time and size of each module's file when it was run."""


def module_of(path: Path) -> ModuleType:
    """A file as a module. The file is run on first use, and again after it has changed.

    Raises:
        InputError: the file imports a sibling module whose name is in use by another file's sibling.
        Exception: whatever the file raises.
    """
    path = path.resolve()
    name = _name(path)
    stat = path.stat()
    stamp = stat.st_mtime_ns, stat.st_size
    if _stamps.get(name) != stamp:
        sys.modules.pop(name, None)
    if name not in sys.modules:
        _stand_first(str(path.parent))
        _require_modules_beside(path)
        importlib.import_module(name)
        _stamps[name] = stamp
    return sys.modules[name]


def module_named(name: str) -> ModuleType:
    """An importable module; if its file has already been run by `module_of`, that module."""
    found = importlib.util.find_spec(name)
    if found is not None and found.origin is not None:
        loaded = sys.modules.get(_name(Path(found.origin)))
        if loaded is not None:
            return loaded
    return importlib.import_module(name)


def own_line(error: BaseException) -> str | None:
    """The line of the user's code that raised an error, `FILE.py, line N`; None if there is none."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{_shown(error.filename)}, line {error.lineno}"
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if not file.startswith(("<frozen", _PACKAGE)) and not any(map(file.startswith, _INSTALLED)):
            return f"{_shown(file)}, line {line}"
    return None


def _shown(file: str) -> str:
    return file.removeprefix(f"{Path.cwd()}{os.sep}")


_INSTALLED = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def _name(path: Path) -> str:
    return PREFIX + quote(os.fsencode(path)).replace(".", "%2E")


def _stand_first(folder: str) -> None:
    if folder in _folders:
        _folders.remove(folder)
    _folders.insert(0, folder)
    rest = [place for place in sys.path if place not in _folders]
    sys.path[:] = [*rest, *_folders]


def _require_modules_beside(path: Path) -> None:
    for name in dict.fromkeys(_imported(path)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is None or not any(
            (path.parent / other).exists() for other in (f"{name}.py", f"{name}/__init__.py")
        ):
            continue
        folders = {str(Path(file).parent), str(Path(file).parent.parent)}
        if str(path.parent) not in folders and folders & set(_folders):
            raise InputError(
                f"{path}: it imports {name}, but {file} is already imported; rename one of the two"
            )


def _imported(path: Path) -> Iterator[str]:
    """Top-level names of a file's absolute imports."""
    for part in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(part, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.level == 0 and part.module:
            yield part.module.partition(".")[0]


class _Source(SourceFileLoader):
    """Always compiles the current source: cached bytecode is compared only by whole seconds and size."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)  # type: ignore[no-any-return, unused-ignore]


class _ByPath(MetaPathFinder):
    """Finds a file by the name of its module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX):
            return None
        file = os.fsdecode(unquote_to_bytes(fullname.removeprefix(PREFIX)))
        return importlib.util.spec_from_file_location(fullname, file, loader=_Source(fullname, file))


if not any(type(finder).__name__ == _ByPath.__name__ for finder in sys.meta_path):
    sys.meta_path.append(_ByPath())
