"""Running one job of a plan in its own process, here or on another machine that shares the run's folder."""

import os
import time

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import leaving_at_signals
from lightning_taskonomy.pipeline.attempts import Attempts
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.records import Record
from lightning_taskonomy.training.requeue import slurm_job


def do_job(plan: Plan, name: str) -> Record:
    """Run a job whose needs are done, unless it is done already.

    Args:
        plan: of the run.
        name: of the job.

    Raises:
        InputError: no such job, a job that it needs is not done, or another process is running it.
        Preempted: the job was told to stop; a fit has saved a checkpoint.
    """
    job = plan.jobs.get(name)
    if job is None:
        raise InputError(f"name: no such job: {name}; `taxonomy status` lists them")
    hide_slurm_from_lightning()
    with Attempts(plan.settings.root).at(name, slurm_job()), leaving_at_signals("finished files are kept"):
        record = plan.current(job)
        if record is not None:
            return record
        inputs = plan.inputs(job)
        if inputs is None:
            missing = next(need for need in job.needs if plan.current(plan.jobs[need]) is None)
            raise InputError(f"{name}: it needs {missing}, which has not been done")
        start = time.monotonic()
        result = job.work()
        record = Record(inputs, result, time.monotonic() - start, job.operations)
        plan.finished(job, record)
    return record


def hide_slurm_from_lightning() -> None:
    """A job is one process with one device, even where `srun` started it.

    Lightning would expect a rank per SLURM task, handle SLURM's signals, and load an `hpc_ckpt` of any run.
    """
    if "SLURM_JOB_ID" in os.environ:
        os.environ["SLURM_JOB_NAME"] = "interactive"  # as its documentation says
