"""Running the jobs of a plan in parallel processes on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder
from lightning_taskonomy.pipeline.attempts import Attempts
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.records import alone_in
from lightning_taskonomy.pipeline.run import DONE, FAILED, RUNNING, WAITING, Estimate, note_states, write_plan

BAD_INPUT = 2
"""Exit status of a job that would fail again."""
_POLL_INTERVAL = 0.2
"""Seconds."""


def job_command(config: Path, name: str) -> list[str]:
    """The command that runs one job of a run in its own process."""
    program = [sys.executable, "-m", "lightning_taskonomy", "taxonomy", "job"]
    return [*program, "--config", str(config), "--name", name]


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    slot: int
    start: float = field(default_factory=time.monotonic)


class LocalLauncher:
    """Runs what is left of a plan, several jobs at a time, each in its own process.

    A job that fails or is killed is tried again; jobs that need a failed one are held back, and all others
    run.

    Args:
        plan: of the run.
        config: a file with the run's settings.
        jobs: how many at a time.
        attempts: for each job.
        say: called with each line of progress.
    """

    def __init__(
        self, plan: Plan, config: Path, jobs: int, attempts: int, say: Callable[[str], None]
    ) -> None:
        for key, number in (("jobs", jobs), ("attempts", attempts)):
            if number < 1:
                raise InputError(f"{key}: expected at least 1, found {number}")
        self.plan, self.config, self.jobs, self.attempts, self.say = plan, config, jobs, attempts, say
        self.notes = Attempts(plan.settings.root)
        self._left: dict[str, Job] = {}
        self._running: dict[str, _Running] = {}
        self._tries: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        self._noted: dict[str, str] = {}

    def run(self) -> None:
        """Run every job that can be run.

        Raises:
            InputError: another run writes into the folder, or jobs have failed; names them, with the last
                lines of their output.
        """
        with alone_in(self.plan.settings.root):
            estimate = Estimate.of(self.plan)
            write_plan(self.plan, estimate)
            self._left = {job.name: job for job in estimate.left}
            before = signal.signal(signal.SIGTERM, _interrupt)
            try:
                while self._left_to_do():
                    self._start_ready()
                    self._note()
                    time.sleep(_POLL_INTERVAL)
                    self._collect()
            finally:
                signal.signal(signal.SIGTERM, before)
                self._stop()
                self._note()
        if self._failed:
            held = len(self._left) - len(self._failed)
            first = " | ".join(f"{name}: {reason}" for name, reason in self._failed.items())
            raise InputError(f"{len(self._failed)} jobs have failed, {held} wait for them; {first}")

    def _left_to_do(self) -> bool:
        return bool(self._running) or any(self._is_ready(job) for job in self._left.values())

    def _is_ready(self, job: Job) -> bool:
        if job.name in self._failed or job.name in self._running:
            return False
        return not any(need in self._left for need in job.needs)

    def _start_ready(self) -> None:
        for name, job in list(self._left.items()):
            if len(self._running) >= self.jobs:
                return
            if not self._is_ready(job) or self.notes.is_under_way(name):
                continue  # a process left by an earlier, killed run may be running it
            if self.plan.current(job) is not None:
                del self._left[name]
                continue
            taken = {running.slot for running in self._running.values()}
            slot = next(slot for slot in range(self.jobs) if slot not in taken)
            self._tries[name] += 1
            make_folder(self.notes.logs)
            with self.notes.log(name).open("ab") as log:
                process = subprocess.Popen(
                    job_command(self.config, name),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(slot, self.jobs, os.environ),
                )
            self._running[name] = _Running(process, slot)

    def _collect(self) -> None:
        for name, running in list(self._running.items()):
            status = running.process.poll()
            if status is None:
                continue
            del self._running[name]
            if status == 0 and self.plan.current(self._left[name]) is not None:
                del self._left[name]
                done, total = len(self.plan.jobs) - len(self._left), len(self.plan.jobs)
                seconds = time.monotonic() - running.start
                self.say(f"[{done:>{len(str(total))}}/{total}] {name}  ({duration(seconds)})")
                continue
            reason = _ending(status)
            self.say(f"{name}: {reason} (attempt {self._tries[name]} of {self.attempts}); its last lines:")
            for line in self.notes.last_lines(name):
                self.say(f"    {line}")
            if status == BAD_INPUT or self._tries[name] >= self.attempts:
                last = self.notes.last_lines(name, 1)
                self._failed[name] = last[0].removeprefix("error: ") if last else reason

    def _stop(self) -> None:
        for running in self._running.values():
            running.process.terminate()  # fits save a checkpoint
        for running in self._running.values():
            running.process.wait()
        self._running.clear()

    def _note(self) -> None:
        """Write changed states into the plan's file."""
        states = {name: self._state(name) for name in self.plan.jobs}
        if states != self._noted:
            note_states(self.plan.settings.root, states)
            self._noted = states

    def _state(self, name: str) -> str:
        if name in self._running:
            return RUNNING
        if name in self._failed:
            return FAILED
        return WAITING if name in self._left else DONE


def environment(slot: int, jobs: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of one of several processes: a GPU in turn, and its share of the cores.

    Args:
        slot: number of the process, from 0.
        jobs: how many processes run at a time.
        variables: the environment of this process.
    """
    chosen = dict(variables)
    cores = len(os.sched_getaffinity(0))
    chosen.setdefault("OMP_NUM_THREADS", str(max(1, cores // jobs)))
    gpus = _gpus(variables)
    if gpus:
        chosen["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return chosen


def _gpus(variables: Mapping[str, str]) -> Sequence[str]:
    visible = variables.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    return [str(number) for number in range(torch.cuda.device_count())]


def _ending(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"failed with status {status}"


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
