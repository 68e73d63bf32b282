"""Doing the jobs of a plan here, one after another; a run that was killed goes on where it was."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.pipeline.cost import measured_rate
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.records import Record, alone_in

PLAN_COLUMNS = ("job", "state", "operations", "estimated_seconds")


@dataclass(frozen=True)
class Estimate:
    """What of a plan is left.

    Attributes:
        left: jobs that are not done.
        done: how many are.
        seconds: by job that is left, how long it may take here.
    """

    left: tuple[Job, ...]
    done: int
    seconds: dict[str, float]

    @classmethod
    def of(cls, plan: Plan) -> "Estimate":
        """Of a plan as it stands."""
        left = tuple(job for job in plan.jobs.values() if plan.current(job) is None)
        rates = _Rates(plan)
        return cls(left, len(plan.jobs) - len(left), {job.name: rates.seconds(job) for job in left})

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
        lines.append(f"about {duration(math.fsum(self.seconds.values()))} on this machine")
        return lines


def write_plan(plan: Plan, estimate: Estimate) -> None:
    """Write `plan.csv`, a row per job."""
    rows = [
        (
            job.name,
            "left" if job.name in estimate.seconds else "done",
            job.operations,
            estimate.seconds.get(job.name),
        )
        for job in plan.jobs.values()
    ]
    write_csv(plan.settings.root / "plan.csv", PLAN_COLUMNS, rows)


def run_plan(plan: Plan, say: Callable[[str], None]) -> None:
    """Do what is left of a plan.

    Args:
        plan: of the run.
        say: is told of every job, a line each.

    Raises:
        InputError: a job cannot be done, or another run writes into the folder.
    """
    with alone_in(plan.settings.root):
        estimate = Estimate.of(plan)
        write_plan(plan, estimate)
        total = len(plan.jobs)
        rates = _Rates(plan)
        for number, job in enumerate(plan.jobs.values(), 1):
            if plan.current(job) is not None:
                continue
            left = math.fsum(
                rates.seconds(other)
                for other in list(plan.jobs.values())[number - 1 :]
                if plan.current(other) is None
            )
            say(f"[{number:>{len(str(total))}}/{total}] {job.name}  (about {duration(left)} left)")
            inputs = plan.inputs(job)
            if inputs is None:
                raise InputError(f"{job.name}: a job that it needs has not been done")
            start = time.monotonic()
            try:
                result = job.work()
            except InputError as error:
                raise InputError(f"{job.name}: {error}") from error
            record = Record(inputs, result, time.monotonic() - start, job.operations)
            plan.finished(job, record)
            rates.add(job, record)
        write_plan(plan, Estimate.of(plan))


class _Rates:
    """How fast operations go: in finished jobs of the same kind, else in any, else in a probe."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._finished: dict[str, list[Record]] = {}
        self._any: float | None = None
        for job in plan.jobs.values():
            record = plan.current(job)
            if record is not None:
                self.add(job, record)

    def add(self, job: Job, record: Record) -> None:
        """Take note of a finished job."""
        self._finished.setdefault(job.kind, []).append(record)

    def seconds(self, job: Job) -> float:
        """How long a job may take."""
        if job.operations == 0:
            return 0.0
        of_kind = self._finished.get(job.kind)
        if of_kind:
            return job.operations / measured_rate(self._plan.settings, of_kind)
        if self._any is None:
            every = [record for records in self._finished.values() for record in records]
            self._any = measured_rate(self._plan.settings, every)
        return job.operations / self._any
