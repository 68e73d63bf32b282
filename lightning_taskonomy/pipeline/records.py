"""Records of finished jobs: what they were made from, what came out, and how long it took."""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text


@dataclass(frozen=True)
class Record:
    """A finished job.

    Attributes:
        inputs: fingerprint of everything its result depends on.
        result: fingerprint of what came out.
        seconds: how long it took, interrupted attempts left out.
        operations: floating-point operations it was planned with.
    """

    inputs: str
    result: str
    seconds: float
    operations: float


class Records:
    """The records of a run, a file per job in `jobs/`.

    Args:
        root: folder of the run.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "jobs"

    def read(self, job: str) -> Record | None:
        """The record of a job; None where it has not finished.

        Raises:
            InputError: the record is damaged.
        """
        path = self._path(job)
        try:
            return Record(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, OSError) as error:
            raise InputError(
                f"{path}: not the record of a job ({error}); remove it to do it again"
            ) from error

    def write(self, job: str, record: Record) -> None:
        """Note that a job has finished."""
        write_text(self._path(job), json.dumps(asdict(record), indent=1) + "\n")

    def _path(self, job: str) -> Path:
        return self.folder / f"{job.replace('/', '.')}.json"


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever the order of the keys."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Lock a run's folder, so that no second run writes into it.

    Raises:
        InputError: another run does.
    """
    path = make_folder(root) / ".running"
    with path.open("w") as file:
        try:
            # Held by this process alone: workers that outlive a killed run would keep a `flock`.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"{root}: another run is writing here; wait for it, or stop it first") from error
        yield
