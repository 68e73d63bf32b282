"""The `taxonomy` commands for whole runs, from packed images to a taxonomy: they need torch."""

import json
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from lightning_taskonomy.cli.commands import OneLineParser
from lightning_taskonomy.cli.training import leave_out_what_no_user_can_act_on
from lightning_taskonomy.cli.unfinished import stop
from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import Preempted
from lightning_taskonomy.pipeline.launching import Launching, launch, without_effect
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.run import PLAN, Estimate, note_states, write_plan
from lightning_taskonomy.pipeline.schedule import Schedule
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.status import status_lines, status_of
from lightning_taskonomy.pipeline.worker import do_job

_DEVICES = (1, 8, 64)


def run(program: str, words: Sequence[str]) -> None:
    """Run the whole pipeline: task networks, transfers, tournaments, the program and the evidence.

    Args:
        program: the command as typed.
        words: the words that follow it.

    Raises:
        InputError: a bad option, or a run that cannot be done.
    """
    _prepare()
    options = _options(program, words)
    settings, plan = options.settings, Plan(options.settings)
    if options.dry_run:
        estimate = Estimate.of(plan)
        write_plan(plan, estimate)
        print("\n".join([*estimate.lines(), *_schedules(estimate)]))
        for line in without_effect(settings):
            print(f"warning: {line}", file=sys.stderr)
        print(f"written: {settings.root / PLAN}")
        return
    try:
        launch(plan, options.launching, options.config, _print_now)
    except Preempted as preempted:
        stop(preempted)
    except MisconfigurationException as error:  # a device that does not exist
        raise InputError(f"machine: {error}") from error
    if options.launching.launcher == "slurm":
        return
    print((settings.root / "summary.md").read_text(encoding="utf-8"))
    taxonomy = json.loads((settings.root / "taxonomy" / "taxonomy.json").read_text(encoding="utf-8"))
    print("What may be believed:")
    print("\n".join(f"  {line}" for line in taxonomy["verdict"]))
    print(f"written: {settings.root}: summary.md, transfers.csv; taxonomy, evaluation, losses")


def job(program: str, words: Sequence[str]) -> None:
    """Do one job of a run, named as in `plan.csv`; launchers start jobs this way, and so can you.

    Args:
        program: the command as typed.
        words: the words that follow it.

    Raises:
        InputError: a bad option, or a job that cannot be done.
    """
    _prepare()
    options = _options(program, words, named=True)
    try:
        do_job(Plan(options.settings), options.name)
    except Preempted as preempted:
        stop(preempted)


def status(program: str, words: Sequence[str]) -> None:
    """Show the progress of a run: which jobs are done, running and failed, with their last lines of output.

    Args:
        program: the command as typed.
        words: the words that follow it.

    Raises:
        InputError: a bad option, or damaged records.
    """
    settings = _options(program, words).settings
    status = status_of(Plan(settings))
    print("\n".join(status_lines(status)))
    if status.is_submitted:  # no process of the run is left to record it
        with suppress(InputError):  # another user's run
            note_states(settings.root, {job.name: job.state for job in status.jobs})


def _schedules(estimate: Estimate) -> list[str]:
    needs = {job.name: job.needs for job in estimate.left}
    schedules = [Schedule.of(needs, estimate.seconds, devices) for devices in _DEVICES]
    return [
        f"  on {schedule.devices:>2} such machines at once: "
        f"{duration(schedule.whole)}, {schedule.busy:.0%} busy"
        for schedule in schedules
    ]


def _prepare() -> None:
    torch.set_float32_matmul_precision("high")
    leave_out_what_no_user_can_act_on()
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class _Options:
    settings: PipelineSettings
    launching: Launching
    dry_run: bool
    name: str
    config: str


def _options(program: str, words: Sequence[str], named: bool = False) -> _Options:
    parser = OneLineParser(prog=program, description="From packed images to a taxonomy.")
    parser.add_argument("--config", action="config", help="a YAML file with any of the options below")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and its cost, do nothing")
    if named:
        parser.add_argument("--name", required=True, help="of the job, as in plan.csv: network/normal")
    parser.add_class_arguments(PipelineSettings)
    parser.add_class_arguments(Launching)
    chosen = parser.parse_args(list(words))
    try:
        made = parser.instantiate(chosen)
        settings = PipelineSettings(**{field.name: made[field.name] for field in fields(PipelineSettings)})
        launching = Launching(**{field.name: made[field.name] for field in fields(Launching)})
    except ValueError as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise
    config = json.dumps({**asdict(settings), **asdict(launching)}, indent=1) + "\n"
    return _Options(settings, launching, made.dry_run, made.name if named else "", config)


def _print_now(line: str) -> None:
    print(line, flush=True)
