"""Which trained networks a folder holds: published files, or networks trained with this package."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightning_taskonomy.bank.published import FileName, Part, parsed
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import written_name

FOLDER_VARIABLE = "LIGHTNING_TASKONOMY_BANK"
"""The environment variable that names the default folder."""
OWN_SUFFIX = ".safetensors"
_OWN_NAME = f"weights{OWN_SUFFIX}"


@dataclass(frozen=True)
class BankEntry:
    """The files of a task's network.

    Attributes:
        task: name in the dictionary.
        parts: published files by part.
        own: files that hold whole networks.
    """

    task: str
    parts: dict[Part, list[tuple[Path, FileName]]] = field(default_factory=dict)
    own: list[Path] = field(default_factory=list)

    @property
    def has_encoder(self) -> bool:
        """Whether there is an encoder; a decoder is of no use without one."""
        return bool(self.own or self.parts.get("encoder"))

    @property
    def paths(self) -> list[Path]:
        """All files."""
        return [*self.own, *(path for files in self.parts.values() for path, _ in files)]

    def part(self, part: Part) -> tuple[Path, FileName] | None:
        """The published file of a part, or None.

        Raises:
            InputError: there are several.
        """
        files = self.parts.get(part, [])
        if len(files) > 1:
            raise InputError(
                f"{files[0][0].parent}: expected one {part} of {self.task}, "
                f"found {' and '.join(path.name for path, _ in files)}"
            )
        return files[0] if files else None


@dataclass(frozen=True)
class BankFolder:
    """A folder of trained networks.

    It may hold published files, `<task>_<encoder|decoder>-<sha256>.pth`; `<task>.safetensors`; and
    `<task>/weights.safetensors`, as the folder `networks` of a run does.

    Attributes:
        path: of the folder.
        entries: by the tasks' names in the dictionary.
    """

    path: Path
    entries: Mapping[str, BankEntry]

    @classmethod
    def open(cls, path: str | Path | None = None) -> "BankFolder":
        """List the networks in a folder, without reading the files.

        Args:
            path: of the folder; by default the one that LIGHTNING_TASKONOMY_BANK names.

        Raises:
            InputError: there is no such folder, or none is named.
        """
        location = path if path is not None else os.environ.get(FOLDER_VARIABLE)
        if not location:
            raise InputError(f"bank: expected a folder of weights; give one, or set {FOLDER_VARIABLE}")
        folder = Path(location)
        if not folder.is_dir():
            raise InputError(f"{folder}: expected a folder of weights")
        entries: dict[str, BankEntry] = {}
        for file in _files(folder, "*.pth"):
            name = parsed(file.name)
            if name is not None:
                entry = _entry(entries, name.task)
                entry.parts.setdefault(name.part, []).append((file, name))
        for file in _files(folder, f"*{OWN_SUFFIX}"):
            _entry(entries, file.stem).own.append(file)
        for file in _files(folder, f"*/{_OWN_NAME}"):
            _entry(entries, file.parent.name).own.append(file)
        return cls(folder, entries)

    def entry(self, task: str) -> BankEntry:
        """The files of a task.

        Args:
            task: name in the dictionary.

        Raises:
            InputError: there are none, or they do not form one network.
        """
        entry = self.entries.get(task)
        if entry is None:
            found = ", ".join(self.entries) or "none"
            raise InputError(f"{self.path}: no weights of {task} in this folder; found {found}")
        if not entry.has_encoder:
            raise InputError(f"{self.path}: a decoder of {task} without its encoder")
        if len(entry.own) + bool(entry.parts) > 1:
            files = ", ".join(str(path.relative_to(self.path)) for path in entry.paths)
            raise InputError(f"{self.path}: expected one network of {task}, found several ({files})")
        return entry


def _files(folder: Path, pattern: str) -> list[Path]:
    """Sorted, without hidden files: `._a.pth`, which macOS leaves beside `a.pth`, holds no weights."""
    return sorted(file for file in folder.glob(pattern) if not file.name.startswith("."))


def _entry(entries: dict[str, BankEntry], name: str) -> BankEntry:
    task = written_name(name)
    return entries.setdefault(task, BankEntry(task))
