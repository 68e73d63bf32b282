"""TensorBoard's files of one run, written by machines whose clocks differ."""

import time
from pathlib import Path

_PREFIX = "events.out.tfevents."


def put_in_order(folder: Path) -> None:
    """Make TensorBoard read new event files after the existing ones.

    TensorBoard reads the files of a folder in the order of their names, which begin with the time. A run that
    resumes on a machine whose clock is behind would write a file that is read before those that it continues,
    and its curves would be drawn twice. In that case the existing files get earlier times in their names.

    Args:
        folder: of the files; nothing may be writing to them.
    """
    names = sorted(path.name for path in folder.glob(f"{_PREFIX}*"))
    now = int(time.time())
    if not names or _time(names[-1]) < now:
        return
    for number, name in enumerate(names, now - len(names)):
        rest = name.removeprefix(_PREFIX).partition(".")[2]
        (folder / name).rename(folder / f"{_PREFIX}{number:010d}.{rest}")


def _time(name: str) -> int:
    digits = name.removeprefix(_PREFIX).partition(".")[0]
    return int(digits) if digits.isdecimal() else 0
