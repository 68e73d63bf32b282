"""What a run has submitted to SLURM, and what SLURM says of it."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.core.slurm import asked

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
    """What a run has submitted last.

    Attributes:
        arrays: in the order of submission.
    """

    arrays: tuple[SubmittedArray, ...] = ()

    @classmethod
    def read(cls, root: Path) -> "Submission":
        """Of the run in a folder; an empty one where nothing was submitted.

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
        """The state of every job that SLURM still knows of, such as PENDING, by its name in the plan.

        It forgets a job some minutes after its end.

        Raises:
            InputError: SLURM cannot be asked. An answer that fails is not an empty queue.
        """
        if not self.arrays:
            return {}
        if shutil.which("squeue") is None:
            raise InputError("the queue cannot be asked: there is no squeue on this machine")
        ids = ",".join(array.job_id for array in self.arrays)
        answer = asked(
            "squeue", "--noheader", "--array", "--states=all", "--format=%F %K %T", f"--jobs={ids}"
        )
        if answer.returncode and _UNKNOWN not in answer.stderr:
            reason = " ".join(answer.stderr.split()) or f"squeue ends with status {answer.returncode}"
            raise InputError(f"the queue cannot be asked ({reason}); try again later")
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
        """Of all jobs in the plan that were submitted."""
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
"""States of jobs that SLURM has done with."""
_UNKNOWN = "Invalid job id"
"""What squeue says of a single job that it has forgotten."""


def submit(script: Path, options: Sequence[str]) -> str:
    """Have SLURM run a script.

    Returns:
        The id of the job.

    Raises:
        InputError: it does not take it, or there is no SLURM here.
    """
    if shutil.which("sbatch") is None:
        raise InputError("launcher: slurm needs sbatch, and there is none on this machine")
    words = ["sbatch", "--parsable", *options, str(script)]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise InputError(f"{script}: sbatch refuses it: {' '.join(answer.stderr.split())}")
    return answer.stdout.strip().split(";")[0]


def cancel(ids: Sequence[str]) -> None:
    """Take jobs back."""
    if ids:
        subprocess.run(["scancel", *ids], capture_output=True, check=False)
