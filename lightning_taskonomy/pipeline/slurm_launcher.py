"""Submitting the jobs of a plan to SLURM as job arrays that depend on each other."""

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.core.signals import STOPPED
from lightning_taskonomy.pipeline.attempts import Attempts
from lightning_taskonomy.pipeline.local_launcher import BAD_INPUT
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.records import alone_in
from lightning_taskonomy.pipeline.run import Estimate, write_plan
from lightning_taskonomy.pipeline.slurm_queue import ENDED, Submission, SubmittedArray, cancel, submit

EVERY_KIND = "all"


@dataclass(frozen=True)
class SlurmSettings:
    """How jobs are submitted to SLURM.

    Attributes:
        options: of `sbatch`, by kind of job (`network`, `first_order`, ...) and under `all` for every kind,
            such as `[--partition=gpu, --gres=gpu:1, --time=24:00:00]`; a kind's own come last and win.
        setup: shell commands before each job, such as `module load cuda` or `source .venv/bin/activate`.
        notice: seconds before the time limit at which a fit is told to save and is requeued.
        in_turn: each array waits for the previous one to end, so that at most `jobs` jobs of the run are
            running at once; otherwise at most that many of each kind.
    """

    options: dict[str, list[str]] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    notice: int = 120
    in_turn: bool = False


@dataclass(frozen=True)
class JobArray:
    """Jobs of a kind that can be submitted together.

    Attributes:
        kind: of the jobs.
        names: of the jobs, by the number of their task, so that arrays can depend on each other task by task.
        same: places of the arrays in which each job needs only the job of its own number.
        whole: places of the arrays in which jobs need other numbers, too: the whole array must be done.
    """

    kind: str
    names: Mapping[int, str]
    same: tuple[int, ...]
    whole: tuple[int, ...]


def arrays_of(jobs: Mapping[str, Job], left: Mapping[str, Job]) -> list[JobArray]:
    """The arrays for what is left of a plan, each after those that it depends on.

    Args:
        jobs: of the plan, by name, in order.
        left: those that are not done.
    """
    numbers: dict[str, int] = {}
    for name in jobs:
        numbers.setdefault(_subject(name), len(numbers))
    arrays: dict[tuple[str, tuple[int, ...], tuple[int, ...]], dict[int, str]] = {}
    place: dict[str, int] = {}
    for name, job in left.items():
        needed: dict[int, set[str]] = {}
        for need in job.needs:
            if need in left:
                needed.setdefault(place[need], set()).add(_subject(need))
        same = tuple(array for array, subjects in needed.items() if subjects == {_subject(name)})
        key = (job.kind, same, tuple(array for array in needed if array not in same))
        arrays.setdefault(key, {})[numbers[_subject(name)]] = name
        place[name] = list(arrays).index(key)
    return [JobArray(kind, names, same, whole) for (kind, same, whole), names in arrays.items()]


class SlurmLauncher:
    """Submits what is left of a plan; returns as soon as SLURM has it.

    Args:
        plan: of the run.
        config: a file with the run's settings.
        jobs: how many of an array run at a time.
        attempts: for each job; counted from 1 again when a job is stopped and requeued.
        settings: of SLURM.
        say: called with a line for each submitted array.
    """

    def __init__(
        self,
        plan: Plan,
        config: Path,
        jobs: int,
        attempts: int,
        settings: SlurmSettings,
        say: Callable[[str], None],
    ) -> None:
        for key, number in (("jobs", jobs), ("attempts", attempts)):
            if number < 1:
                raise InputError(f"{key}: expected at least 1, found {number}")
        kinds = {job.kind for job in plan.jobs.values()} | {EVERY_KIND}
        for kind in settings.options:
            if kind not in kinds:
                raise InputError(f"slurm.options: {kind}: expected one of {', '.join(sorted(kinds))}")
        self.plan, self.config, self.jobs, self.attempts = plan, config, jobs, attempts
        self.settings, self.say, self.root = settings, say, plan.settings.root

    def run(self) -> None:
        """Submit all arrays, or none.

        Raises:
            InputError: the run's jobs are in the queue already, or may be, as the queue cannot be read;
                another run writes into the folder; or SLURM rejects an array.
        """
        with alone_in(self.root):
            queued = [
                name for name, state in Submission.read(self.root).states().items() if state not in ENDED
            ]
            if queued:
                raise InputError(
                    f"{self.root}: {len(queued)} jobs of this run are in the queue already; look at "
                    "`taxonomy status`, wait for them, or scancel them first"
                )
            estimate = Estimate.of(self.plan)
            write_plan(self.plan, estimate)
            left = {job.name: job for job in estimate.left}
            if not left:
                self.say(f"nothing is left to do: {self.root}")
                return
            submitted: list[SubmittedArray] = []
            make_folder(Attempts(self.root).logs)
            try:
                for number, array in enumerate(arrays_of(self.plan.jobs, left)):
                    job_id = self._submit(number, array, [before.job_id for before in submitted])
                    names = {str(index): name for index, name in array.names.items()}
                    submitted.append(SubmittedArray(job_id, names))
                    Submission(tuple(submitted)).write(self.root)  # so that they are known if this is killed
            except BaseException:
                cancel([array.job_id for array in submitted])
                raise
        self.say(f"{len(left)} jobs in {len(submitted)} arrays; see `taxonomy status`")

    def _submit(self, number: int, array: JobArray, before: list[str]) -> str:
        script = self.root / "slurm" / f"{number:02d}-{array.kind}.sh"
        write_text(script, self.script(array))
        conditions = [
            *(f"aftercorr:{before[place]}" for place in array.same),
            *(f"afterok:{before[place]}" for place in array.whole),
        ]
        if self.settings.in_turn:
            conditions += [f"afterany:{last}" for last in before[-1:]]
        dependency = [f"--dependency={','.join(conditions)}", "--kill-on-invalid-dep=yes"]
        job_id = submit(script, dependency if conditions else [])
        after = f" after {', '.join(conditions)}" if conditions else ""
        self.say(f"job array {job_id}: {len(array.names)} x {array.kind}{after}")
        return job_id

    def script(self, array: JobArray) -> str:
        """The batch script of an array."""
        numbers = ",".join(map(str, sorted(array.names)))
        logs = Attempts(self.root).logs.resolve()
        fixed = [
            f"--job-name=taxonomy-{array.kind}",
            f"--array={numbers}%{self.jobs}",
            "--ntasks=1",
            "--requeue",
            "--open-mode=append",
            f"--signal=USR1@{self.settings.notice}",
            f"--output={logs}/slurm-{array.kind}-%a.log",
        ]
        own = [*self.settings.options.get(EVERY_KIND, ()), *self.settings.options.get(array.kind, ())]
        cases = "\n".join(f"    {index}) name={name} ;;" for index, name in sorted(array.names.items()))
        python = shlex.quote(sys.executable)
        config = shlex.quote(str(self.config.resolve()))
        return f"""#!/bin/bash
{chr(10).join(f"#SBATCH {word}" for word in [*fixed, *own])}
# Signals are for the step below: this script must live until the step has saved.
trap : TERM USR1
{chr(10).join(self.settings.setup)}
case $SLURM_ARRAY_TASK_ID in
{cases}
esac
if [ -n "$SLURM_CPUS_PER_TASK" ]; then export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK; fi
for attempt in $(seq {self.attempts}); do
    srun --ntasks=1 --open-mode=append --output={shlex.quote(str(logs))}/"${{name//\\//.}}".log \\
        {python} -m lightning_taskonomy taxonomy job --config {config} --name "$name"
    status=$?
    case $status in 0|{BAD_INPUT}|{STOPPED}) exit $status ;; esac
    # Cancelled or requeued: that ended the step, whatever its status; it is not tried again.
    job=$(scontrol show job "$SLURM_JOB_ID")
    [[ -z $job || $job =~ JobState=(RUNNING|SIGNALING)\\  ]] || exit $status
    # USR1 or TERM before the job could handle it, while modules were imported: the time limit is near.
    case $status in 138|143) scontrol requeue "$SLURM_JOB_ID"; exit $status ;; esac
    echo "$name: attempt $attempt of {self.attempts} failed with status $status"
done
exit $status
"""


def _subject(name: str) -> str:
    """The task of a job; its own name where it has none."""
    return name.partition("/")[2] or name
