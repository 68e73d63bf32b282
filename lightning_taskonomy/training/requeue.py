"""Under SLURM: a job that has been told to stop is put back into the queue, once it has saved its state."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.core.slurm import asked

_FINISHED = "finished.json"


def environment() -> list[ClusterEnvironment]:
    """Lightning's plugin for SLURM without its own requeueing, which saves inside the signal handler."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def slurm_job(variables: Mapping[str, str] = os.environ) -> str | None:
    """How SLURM calls the job that this process belongs to: `17`, or `17_3` in an array; None elsewhere."""
    array = variables.get("SLURM_ARRAY_JOB_ID")
    if array is not None:
        return f"{array}_{variables['SLURM_ARRAY_TASK_ID']}"
    return variables.get("SLURM_JOB_ID")


@dataclass(frozen=True)
class Finished:
    """That training has ended, left beside its checkpoints for the case that SLURM starts the job once more.

    A rank, a node or the controller may be lost between the end of training and that of the job: the job is
    requeued, and has nothing left to do. Elsewhere nothing is started but by people, who mean it.

    Attributes:
        job: as SLURM calls it.
        run: what tells the fit from others.
    """

    job: str
    run: str

    @classmethod
    def note(cls, folder: Path, run: str) -> None:
        """Leave the note, under SLURM."""
        job = slurm_job()
        if job is not None:
            write_text(folder / _FINISHED, json.dumps(asdict(cls(job, run))) + "\n")

    @classmethod
    def forget(cls, folder: Path) -> None:
        """Remove the note: training begins."""
        (folder / _FINISHED).unlink(missing_ok=True)

    @classmethod
    def before_requeue(cls, folder: Path, run: str) -> bool:
        """Whether this very job has been requeued after it had finished a fit."""
        job = slurm_job()
        if job is None or not _restarts():
            return False
        try:
            return cls(**json.loads((folder / _FINISHED).read_text(encoding="utf-8"))) == cls(job, run)
        except (OSError, ValueError, TypeError):
            return False


def requeue() -> str:
    """Have SLURM start this process's job again; to be called by the first rank.

    A job that someone has cancelled stays cancelled, and one that is requeued already is left alone.

    Returns:
        What happened and what there is to do, in a line.
    """
    job = slurm_job()
    if job is None:
        return "start the same command again to go on"
    if shutil.which("scontrol") is None:
        return f"job {job} was not requeued, there is no scontrol here: submit it again to go on"
    shown = asked("scontrol", "show", "job", job).stdout
    if _is_requeued(shown):
        return f"job {job} is in the queue again"
    if "JobState=COMPLETING Reason=None" in shown:
        return f"job {job} was cancelled: submit it again to go on"
    answer = asked("scontrol", "requeue", job)
    # A controller may have done what it had no time to say.
    if answer.returncode and not _is_requeued(asked("scontrol", "show", "job", job).stdout):
        reason = " ".join((answer.stderr or answer.stdout).split())
        return f"job {job} was not requeued ({reason}): submit it again to go on"
    return f"job {job} is in the queue again"


def _is_requeued(shown: str) -> bool:
    restarts = re.search(r"Restarts=(\d+)", shown)
    return "JobState=PENDING" in shown or (restarts is not None and int(restarts[1]) > _restarts())


def _restarts() -> int:
    """How often SLURM has started this process's job again."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0"))
