"""The progress of a run, wherever its jobs are running."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.attempts import Attempts
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.slurm_queue import CANCELLED, ENDED, Submission

STATES = ("done", "running", "failed", "stopped", "cancelled", "queued", "waiting")
_AT_WORK = ("RUNNING", "SIGNALING")
"""States of SLURM's jobs."""
_HELD_BY = ("failed", "stopped", "cancelled", "waiting")
"""States of a job that hold back the jobs that need it."""
_NAMED = ("running", "failed", "stopped", "cancelled")


@dataclass(frozen=True)
class JobStatus:
    """The status of one job.

    Attributes:
        name: of the job.
        state: one of `STATES`; `stopped` has saved its progress, `cancelled` was removed from the queue,
            `waiting` has been neither started nor submitted.
        where: machine and process id.
        message: why it failed.
        log: the file with its output.
        lines: the last ones of its output.
    """

    name: str
    state: str
    where: str = ""
    message: str = ""
    log: Path | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """Of a run.

    Attributes:
        jobs: of its plan.
        queue: why the queue could not be read; empty where it could, or nothing was submitted.
        is_submitted: whether jobs have been submitted to a queue.
    """

    jobs: tuple[JobStatus, ...]
    queue: str = ""
    is_submitted: bool = False


def status_of(plan: Plan) -> Status:
    """The status of all jobs of a plan."""
    attempts = Attempts(plan.settings.root)
    submission = Submission.read(plan.settings.root)
    try:
        queue = dict.fromkeys(submission.names, "") | submission.states()
        queue_error = ""
    except InputError as error:
        queue, queue_error = {}, str(error)
    found: dict[str, JobStatus] = {}
    for job in plan.jobs.values():
        found[job.name] = _of_job(plan, job, attempts, queue, found)
    return Status(tuple(found.values()), queue_error, bool(submission.names))


def _of_job(
    plan: Plan, job: Job, attempts: Attempts, queue: Mapping[str, str], before: Mapping[str, JobStatus]
) -> JobStatus:
    """Of one job.

    Args:
        plan: of the run.
        job: of the plan.
        attempts: at its jobs.
        queue: SLURM's state of those that were submitted; empty of one that it has forgotten.
        before: the jobs before it in the plan.
    """
    if plan.current(job) is not None:
        return JobStatus(job.name, "done")
    attempt = attempts.read(job.name)
    where = ""
    if attempt is not None:
        slurm = "" if attempt.slurm_job is None else f", SLURM job {attempt.slurm_job}"
        where = f"{attempt.host}, process {attempt.process}{slurm}"
    log = attempts.log(job.name)
    lines = tuple(attempts.last_lines(job.name, 5))
    if attempts.is_under_way(job.name):
        return JobStatus(job.name, "running", where, log=log, lines=lines[-1:])
    state = queue.get(job.name)
    if state and state not in ENDED:
        return JobStatus(job.name, "running" if state in _AT_WORK else "queued", log=log)
    if state == CANCELLED or (state == "" and attempt is None and not log.exists()):
        # SLURM cancels jobs whose dependency did not succeed: those are still waiting.
        if attempt is None and any(before[need].state in _HELD_BY for need in job.needs):
            return JobStatus(job.name, "waiting")
        message = "" if attempt is None else attempt.message
        return JobStatus(job.name, "cancelled", where, message, log, lines)
    if attempt is None:
        return JobStatus(job.name, "waiting")
    if attempt.ended == "stopped":
        return JobStatus(job.name, "stopped", where, attempt.message, log, lines)
    message = attempt.message or "killed, or its machine went away"
    return JobStatus(job.name, "failed", where, message, log, lines)


def status_lines(status: Status) -> list[str]:
    """For the terminal: numbers, then what is under way and what has failed."""
    jobs = status.jobs
    counted = Counter(job.state for job in jobs)
    numbers = ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])
    lines = [f"{len(jobs)} jobs: {numbers}"]
    if status.queue:
        lines.append(f"{status.queue}: queued jobs are shown as waiting")
    for state in _NAMED:
        for job in jobs:
            if job.state != state:
                continue
            lines.append(f"{state}  {job.name}{f'  ({job.where})' if job.where else ''}")
            if job.message:
                lines.append(f"    {job.message}")
            lines += [f"    | {line}" for line in job.lines]
            if state == "failed" and job.log is not None:
                lines.append(f"    full log: {job.log}")
    return lines
