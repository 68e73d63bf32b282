"""Under SLURM: a job that has been told to stop is put back into the queue, once it has saved its state."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

STOPPED = 75
"""Exit status of a run that was told to stop and can go on: `EX_TEMPFAIL` of sysexits.h."""


def environment() -> list[ClusterEnvironment]:
    """Lightning's plugin for SLURM without its own requeueing, which saves inside the signal handler."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def slurm_job(variables: Mapping[str, str] = os.environ) -> str | None:
    """How SLURM calls the job that this process belongs to: `17`, or `17_3` in an array; None elsewhere."""
    array = variables.get("SLURM_ARRAY_JOB_ID")
    if array is not None:
        return f"{array}_{variables['SLURM_ARRAY_TASK_ID']}"
    return variables.get("SLURM_JOB_ID")


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
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=False)
    if "JobState=COMPLETING Reason=None" in shown.stdout:
        # Pre-empted jobs are requeued by SLURM itself; a cancelled one is to stay so.
        return f"job {job} was cancelled or pre-empted: if it does not return by itself, submit it again"
    if "JobState=PENDING" in shown.stdout:
        return f"job {job} is in the queue again"
    asked = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)
    if asked.returncode:
        reason = " ".join((asked.stderr or asked.stdout).split())
        return f"job {job} was not requeued ({reason}): submit it again to go on"
    return f"job {job} is in the queue again"
