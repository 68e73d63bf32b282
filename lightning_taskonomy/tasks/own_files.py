"""Python files of the user's own as modules, named by their paths, so that no other module is in their way.

A file may have any name: `task.py` twice, `random.py`, `my.task.py`. Its module stands below this one,
`lightning_taskonomy.tasks.own_files.<path>`; a worker process that is sent one of its functions imports it by
that name, and this module then finds the file.
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
"""Makes modules below this one possible; the finder at the end finds them."""
PREFIX = f"{__name__}."
_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_folders: list[str] = []
"""Of the files, the latest first: where they find the modules beside them, after all installed ones."""
_stamps: dict[str, tuple[int, int]] = {}
"""By module, what its file was when it was run: time of change and size."""


def module_of(path: Path) -> ModuleType:
    """The module that a file is. The file is run when it is first asked for, and again once it has changed.

    Raises:
        InputError: the file imports a module beside it, but another file's one of the same name is in use.
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
    """A module that Python finds; if it is a file that has been run as one of the user's own, that one."""
    found = importlib.util.find_spec(name)
    if found is not None and found.origin is not None:
        own = sys.modules.get(_name(Path(found.origin)))
        if own is not None:
            return own
    return importlib.import_module(name)


def own_line(error: BaseException) -> str | None:
    """The line of the user's code in which something went wrong, `FILE.py, line N`; None outside of it."""
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
                f"{path}: it imports {name}, and {file} is in use already; give one of the two another name"
            )


def _imported(path: Path) -> Iterator[str]:
    """What a file imports by absolute names, the first part of each."""
    for part in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(part, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.level == 0 and part.module:
            yield part.module.partition(".")[0]


class _Source(SourceFileLoader):
    """Compiles the source as it is now: kept bytecode is told apart by whole seconds and by size only."""

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
