"""What a run has submitted to SLURM, and its state in the queue."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.core.slurm import slurm_command

_FILE = Path("slurm") / "submitted.json"


@dataclass(frozen=True)
class SubmittedArray:
    """A job array.

    Attributes:
        job_id: of the array.
        names: of the plan's jobs, by their number in the array.
    """

    job_id: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class Submission:
    """A run's last submission.

    Attributes:
        arrays: in the order of submission.
    """

    arrays: tuple[SubmittedArray, ...] = ()

    @classmethod
    def read(cls, root: Path) -> "Submission":
        """The submission of the run in a folder; empty if nothing was submitted.

        Raises:
            InputError: its record is damaged.
        """
        path = root / _FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(SubmittedArray(**entry) for entry in content))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: not a record of submitted jobs ({error}); remove it") from error

    def write(self, root: Path) -> None:
        """Note what has been submitted."""
        write_text(root / _FILE, json.dumps([asdict(array) for array in self.arrays], indent=1) + "\n")

    def states(self) -> dict[str, str]:
        """The state of every job that SLURM still lists, such as PENDING, by its name in the plan.

        SLURM forgets a job some minutes after its end.

        Raises:
            InputError: the queue cannot be read. A failed query is not an empty queue.
        """
        if not self.arrays:
            return {}
        if shutil.which("squeue") is None:
            raise InputError("the queue cannot be read: there is no squeue on this machine")
        ids = ",".join(array.job_id for array in self.arrays)
        answer = slurm_command(
            "squeue", "--noheader", "--array", "--states=all", "--format=%F %K %T", f"--jobs={ids}"
        )
        if answer.returncode and _UNKNOWN not in answer.stderr:
            reason = " ".join(answer.stderr.split()) or f"squeue exited with status {answer.returncode}"
            raise InputError(f"the queue cannot be read ({reason}); try again later")
        names = {array.job_id: array.names for array in self.arrays}
        states = {}
        for line in answer.stdout.splitlines():
            array, number, state = line.split()
            name = names.get(array, {}).get(number)
            if name is not None:
                states[name] = state
        return states

    @property
    def names(self) -> frozenset[str]:
        """The names of all submitted jobs in the plan."""
        return frozenset(name for array in self.arrays for name in array.names.values())


CANCELLED = "CANCELLED"
ENDED = frozenset(
    (
        "BOOT_FAIL",
        CANCELLED,
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    )
)
"""States of jobs that have ended."""
_UNKNOWN = "Invalid job id"
"""The error of squeue for a single job that it has forgotten."""


def submit(script: Path, options: Sequence[str]) -> str:
    """Submit a script to SLURM.

    Returns:
        The id of the job.

    Raises:
        InputError: SLURM rejects it, or is not installed here.
    """
    if shutil.which("sbatch") is None:
        raise InputError("launcher: slurm needs sbatch, and there is none on this machine")
    words = ["sbatch", "--parsable", *options, str(script)]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise InputError(f"{script}: sbatch rejected it: {' '.join(answer.stderr.split())}")
    return answer.stdout.strip().split(";")[0]


def cancel(ids: Sequence[str]) -> None:
    """Cancel jobs."""
    if ids:
        subprocess.run(["scancel", *ids], capture_output=True, check=False)
