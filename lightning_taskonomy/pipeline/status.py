"""How far a run is, wherever its jobs are being done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.pipeline.attempts import Attempts
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.slurm_queue import Submission

STATES = ("done", "running", "failed", "stopped", "queued", "waiting")
_NAMED = ("running", "failed", "stopped")


@dataclass(frozen=True)
class JobStatus:
    """Of one job.

    Attributes:
        name: of the job.
        state: one of `STATES`; `stopped` has saved where it is, `waiting` has been given to nobody.
        where: machine and number of the process.
        message: why it failed.
        log: what it prints.
        lines: the last ones of those.
    """

    name: str
    state: str
    where: str = ""
    message: str = ""
    log: Path | None = None
    lines: tuple[str, ...] = ()


def status_of(plan: Plan) -> list[JobStatus]:
    """Of all jobs of a plan."""
    attempts = Attempts(plan.settings.root)
    queue = Submission.read(plan.settings.root).in_queue()
    return [_of_job(plan, job, attempts, queue) for job in plan.jobs.values()]


def _of_job(plan: Plan, job: Job, attempts: Attempts, queue: Mapping[str, str]) -> JobStatus:
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
    if job.name in queue:
        return JobStatus(job.name, "running" if queue[job.name] == "RUNNING" else "queued", log=log)
    if attempt is None:
        return JobStatus(job.name, "waiting")
    if attempt.ended == "stopped":
        return JobStatus(job.name, "stopped", where, attempt.message, log, lines)
    message = attempt.message or "killed, or its machine went away"
    return JobStatus(job.name, "failed", where, message, log, lines)


def status_lines(jobs: list[JobStatus]) -> list[str]:
    """For the terminal: numbers, then what is under way and what has failed."""
    counted = Counter(job.state for job in jobs)
    numbers = ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])
    lines = [f"{len(jobs)} jobs: {numbers}"]
    for state in _NAMED:
        for job in jobs:
            if job.state != state:
                continue
            lines.append(f"{state}  {job.name}{f'  ({job.where})' if job.where else ''}")
            if job.message:
                lines.append(f"    {job.message}")
            lines += [f"    | {line}" for line in job.lines]
            if state == "failed" and job.log is not None:
                lines.append(f"    all of it: {job.log}")
    return lines
