"""What `bank list` shows: every published network and every network of a folder, and whether it is intact."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.bank.digest import verify
from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.bank.published import BY_NAME, NAME_OF_FILE, PUBLISHED_AT, FileName, Part
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import known_title

_OTHER = "present, not the published one"
_WHOLE = ("present", _OTHER, "absent", "not published")
_PARTS: tuple[Part, ...] = ("encoder", "decoder")


@dataclass(frozen=True)
class ListedFile:
    """A row of the list.

    Attributes:
        name: of the task.
        title: of the task; empty for a custom one.
        part: `encoder`, `decoder`, or `network` for both in one file.
        channels: output channels of the part, where known.
        state: whether it is present, and if so whether it is the published one; or what is wrong with it.
        place: where it is, or where it can be fetched.
    """

    name: str
    title: str
    part: str
    channels: int | None
    state: str
    place: str

    @property
    def is_damaged(self) -> bool:
        """Whether there is a file that must not be used."""
        return self.state not in _WHOLE


def listed(
    folder: BankFolder | None, mirror: str = PUBLISHED_AT, after_each: Callable[[], object] = bool
) -> list[ListedFile]:
    """Every published part, and everything in a folder.

    Args:
        folder: its files are read in full and their hashes compared; None lists what can be fetched.
        mirror: address of the published files.
        after_each: called after every task, to show progress.
    """
    rows: list[ListedFile] = []
    for task in tasks_listed(folder):
        rows += _rows(task, folder, mirror)
        after_each()
    return rows


def tasks_listed(folder: BankFolder | None) -> list[str]:
    """The tasks of the list by name: the published ones, then others in the folder."""
    others = [] if folder is None else [task for task in folder.entries if task not in BY_NAME]
    return [*BY_NAME, *others]


def _rows(name: str, folder: BankFolder | None, mirror: str) -> Iterator[ListedFile]:
    entry = None if folder is None else folder.entries.get(name)
    known = BY_NAME.get(name)
    title = known_title(name) or ""
    for path in entry.own if entry is not None else ():
        yield ListedFile(name, title, "network", known.channels if known else None, "present", str(path))
    if entry is not None and entry.own and not entry.parts:
        return
    for part in _PARTS:
        channels = None if known is None else (8 if part == "encoder" else known.channels)
        files = entry.parts.get(part, []) if entry is not None else []
        for path, file in files:
            yield ListedFile(name, title, part, channels, _state(path, file), str(path))
        if not files and known is not None:
            published = known.files.get(part)
            state = "not published" if published is None else "absent"
            yield ListedFile(name, title, part, channels, state, f"{mirror}/{published}" if published else "")


def _state(path: Path, name: FileName) -> str:
    try:
        verify(path, name)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    another = name.sha256 not in NAME_OF_FILE and name.task in BY_NAME
    return _OTHER if another else "present"
