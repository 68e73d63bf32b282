"""Requeueing under SLURM: a job stopped by a signal returns to the queue once its state is saved."""

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
from lightning_taskonomy.core.slurm import slurm_command

_FINISHED = "finished.json"


def environment() -> list[ClusterEnvironment]:
    """Lightning's plugin for SLURM without its own requeueing, which saves inside the signal handler."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def slurm_job(variables: Mapping[str, str] = os.environ) -> str | None:
    """SLURM's id of this process's job: `17`, or `17_3` in an array; None outside SLURM."""
    array = variables.get("SLURM_ARRAY_JOB_ID")
    if array is not None:
        return f"{array}_{variables['SLURM_ARRAY_TASK_ID']}"
    return variables.get("SLURM_JOB_ID")


@dataclass(frozen=True)
class Finished:
    """A note beside the checkpoints that training has ended, in case SLURM starts the job again.

    If a rank, a node or the controller fails between the end of training and that of the job, the job is
    requeued with nothing left to do. Outside SLURM, runs are only started by people, on purpose.

    Attributes:
        job: SLURM's id.
        run: what identifies the fit.
    """

    job: str
    run: str

    @classmethod
    def note(cls, folder: Path, run: str) -> None:
        """Write the note, under SLURM."""
        job = slurm_job()
        if job is not None:
            write_text(folder / _FINISHED, json.dumps(asdict(cls(job, run))) + "\n")

    @classmethod
    def forget(cls, folder: Path) -> None:
        """Remove the note when training begins."""
        (folder / _FINISHED).unlink(missing_ok=True)

    @classmethod
    def before_requeue(cls, folder: Path, run: str) -> bool:
        """Whether this very job was requeued after it had finished the fit."""
        job = slurm_job()
        if job is None or not _restarts():
            return False
        try:
            return cls(**json.loads((folder / _FINISHED).read_text(encoding="utf-8"))) == cls(job, run)
        except (OSError, ValueError, TypeError):
            return False


def requeue() -> str:
    """Requeue this process's SLURM job; to be called by the first rank.

    A cancelled job stays cancelled, and a job that is already requeued is left alone.

    Returns:
        What happened and what the user must do, in a line.
    """
    job = slurm_job()
    if job is None:
        return "run the same command again to resume"
    if shutil.which("scontrol") is None:
        return f"job {job} was not requeued, there is no scontrol here: submit it again to resume"
    shown = slurm_command("scontrol", "show", "job", job).stdout
    if _is_requeued(shown):
        return f"job {job} is in the queue again"
    if "JobState=COMPLETING Reason=None" in shown:
        return f"job {job} was cancelled: submit it again to resume"
    answer = slurm_command("scontrol", "requeue", job)
    # The controller may have requeued the job although its answer was lost.
    if answer.returncode and not _is_requeued(slurm_command("scontrol", "show", "job", job).stdout):
        reason = " ".join((answer.stderr or answer.stdout).split())
        return f"job {job} was not requeued ({reason}): submit it again to resume"
    return f"job {job} is in the queue again"


def _is_requeued(shown: str) -> bool:
    restarts = re.search(r"Restarts=(\d+)", shown)
    return "JobState=PENDING" in shown or (restarts is not None and int(restarts[1]) > _restarts())


def _restarts() -> int:
    """How often SLURM has restarted this process's job."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0"))
