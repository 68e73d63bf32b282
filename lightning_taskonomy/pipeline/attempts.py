"""Attempts at jobs, shared through the run's folder: which process runs a job, and how an attempt ended."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text


@dataclass(frozen=True)
class Attempt:
    """The last attempt at a job that has not finished.

    Attributes:
        host: the machine.
        process: its process id there.
        slurm_job: id of its SLURM job, if it has one.
        ended: `failed`, `stopped` (it can be resumed), or None: it is running, or was killed.
        message: the error, on one line.
    """

    host: str
    process: int
    slurm_job: str | None = None
    ended: str | None = None
    message: str = ""


class Attempts:
    """The attempts at the jobs of a run, in `jobs/`; what the jobs print is in `logs/`.

    A running job holds a lock, which the system releases when its process ends, however it ends. There are no
    timeouts.

    Args:
        root: folder of the run.
    """

    def __init__(self, root: Path) -> None:
        self.folder, self.logs = root / "jobs", root / "logs"

    def log(self, job: str) -> Path:
        """The file with a job's output."""
        return self.logs / f"{_file_name(job)}.log"

    def last_lines(self, job: str, number: int = 10) -> list[str]:
        """The last lines that a job has printed."""
        try:
            text = self.log(job).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-number:]

    @contextmanager
    def at(self, job: str, slurm_job: str | None) -> Iterator[None]:
        """Hold a job while running it, and note how it ends.

        Raises:
            InputError: another process is running it.
        """
        with self._lock_file(job).open("a") as file:
            if not _locked(file):
                other = self.read(job)
                holder = "" if other is None else f" ({other.host}, process {other.process})"
                raise InputError(
                    f"{job}: another process is running this job{holder}; wait for it, or stop it first"
                )
            attempt = Attempt(socket.gethostname(), os.getpid(), slurm_job)
            self._write(job, attempt)
            try:
                yield
            except Exception as error:
                self._write(job, replace(attempt, ended="failed", message=" ".join(str(error).split())))
                raise
            except BaseException as stopped:
                self._write(job, replace(attempt, ended="stopped", message=" ".join(str(stopped).split())))
                raise
            self._path(job).unlink(missing_ok=True)

    def is_under_way(self, job: str) -> bool:
        """Whether a process is running a job now."""
        path = self._lock_file(job)
        if not path.exists():
            return False
        with path.open("a") as file:
            return not _locked(file)

    def read(self, job: str) -> Attempt | None:
        """The last attempt at a job; None where there was none or it succeeded."""
        try:
            return Attempt(**json.loads(self._path(job).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None  # only a note for people: a damaged one counts as none

    def _write(self, job: str, attempt: Attempt) -> None:
        write_text(self._path(job), json.dumps(asdict(attempt)) + "\n")

    def _path(self, job: str) -> Path:
        return self.folder / f"{_file_name(job)}.attempt"

    def _lock_file(self, job: str) -> Path:
        return make_folder(self.folder) / f"{_file_name(job)}.lock"


def _locked(file: IO[str]) -> bool:
    try:
        # Held by this process alone: data workers that outlive a killed job would keep a `flock`.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _file_name(job: str) -> str:
    return job.replace("/", ".")
