"""Running the jobs of a plan in this process, one after another; a killed run resumes where it was."""

import csv
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.rates import Rates
from lightning_taskonomy.pipeline.records import Record, alone_in

PLAN = "plan.csv"
PLAN_COLUMNS = ("job", "state", "operations", "estimated_seconds")
DONE, RUNNING, WAITING, FAILED = "done", "running", "waiting", "failed"
"""States of a job in `plan.csv`."""


@dataclass(frozen=True)
class Estimate:
    """What is left of a plan.

    Attributes:
        left: jobs that are not done.
        done: how many jobs are done.
        seconds: estimated for each job that is left, on this machine.
        spread: the factor by which the sum may be off; 1 where enough has finished to go by.
    """

    left: tuple[Job, ...]
    done: int
    seconds: dict[str, float]
    spread: float

    @classmethod
    def of(cls, plan: Plan) -> "Estimate":
        """The estimate for a plan as it stands."""
        left = tuple(job for job in plan.jobs.values() if plan.current(job) is None)
        rates = Rates(plan)
        return cls(
            left, len(plan.jobs) - len(left), {job.name: rates.seconds(job) for job in left}, rates.spread
        )

    def lines(self) -> list[str]:
        """For the terminal: a line per kind of job."""
        kinds = Counter(job.kind for job in self.left)
        lines = [f"{self.done} jobs are done, {len(self.left)} are left"]
        for kind, number in kinds.items():
            seconds = sum(self.seconds[job.name] for job in self.left if job.kind == kind)
            operations = sum(job.operations for job in self.left if job.kind == kind)
            lines.append(
                f"  {kind:<13} {number:>4} jobs  {operations:8.2g} operations  {duration(seconds):>9}"
            )
        lines.append(f"{time_left(math.fsum(self.seconds.values()), self.spread)} on this machine")
        return lines


def time_left(seconds: float, spread: float) -> str:
    """`about 5 min`, or a range where little is known."""
    if spread == 1:
        return f"about {duration(seconds)}"
    return f"{duration(seconds / spread)} to {duration(seconds * spread)}"


def write_plan(plan: Plan, estimate: Estimate) -> None:
    """Write `plan.csv`, a row per job: its state is `done` or `waiting`."""
    rows = [
        (
            job.name,
            WAITING if job.name in estimate.seconds else DONE,
            job.operations,
            estimate.seconds.get(job.name),
        )
        for job in plan.jobs.values()
    ]
    write_csv(plan.settings.root / PLAN, PLAN_COLUMNS, rows)


def note_states(root: Path, states: Mapping[str, str]) -> None:
    """Update the states of some jobs in a run's `plan.csv`, if there is one.

    Args:
        root: folder of the run.
        states: by name of the job.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with (root / PLAN).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        noted = []
        for row in rows:
            state = states.get(row["job"], row["state"])
            seconds = None if state == DONE else row["estimated_seconds"]
            noted.append((row["job"], state, row["operations"], seconds))
    except (OSError, ValueError, KeyError, csv.Error):  # removed, or edited by somebody
        return
    write_csv(root / PLAN, PLAN_COLUMNS, noted)


def run_plan(plan: Plan, say: Callable[[str], None]) -> None:
    """Run what is left of a plan.

    Args:
        plan: of the run.
        say: called with a line for every job.

    Raises:
        InputError: a job fails, or another run writes into the folder.
    """
    with alone_in(plan.settings.root):
        estimate = Estimate.of(plan)
        write_plan(plan, estimate)
        total = len(plan.jobs)
        rates = Rates(plan)
        for number, job in enumerate(plan.jobs.values(), 1):
            if plan.current(job) is not None:
                continue
            left = math.fsum(
                rates.seconds(other)
                for other in list(plan.jobs.values())[number - 1 :]
                if plan.current(other) is None
            )
            say(f"[{number:>{len(str(total))}}/{total}] {job.name}  ({time_left(left, rates.spread)} left)")
            inputs = plan.inputs(job)
            if inputs is None:
                raise InputError(f"{job.name}: a job that it needs has not been done")
            note_states(plan.settings.root, {job.name: RUNNING})
            start = time.monotonic()
            try:
                result = job.work()
            except BaseException as error:
                state = FAILED if isinstance(error, Exception) else WAITING
                with suppress(InputError):  # a full disk, say: the job's own error matters more
                    note_states(plan.settings.root, {job.name: state})
                if isinstance(error, InputError):
                    raise InputError(f"{job.name}: {error}") from error
                raise
            record = Record(inputs, result, time.monotonic() - start, job.operations)
            plan.finished(job, record)
            note_states(plan.settings.root, {job.name: DONE})
            rates.add(job, record)
        write_plan(plan, Estimate.of(plan))
