"""Where the jobs of a run are done: in this process, in several here, or on a cluster."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.pipeline.local_launcher import LocalLauncher
from lightning_taskonomy.pipeline.networks import samples_of
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.run import run_plan
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.slurm_launcher import SlurmLauncher, SlurmSettings


@dataclass(frozen=True)
class Launching:
    """Who does the jobs.

    Attributes:
        launcher: `here`, one after another; `local`, in processes of this machine, each with a GPU of its own
            where there are several; `slurm`, as job arrays.
        jobs: how many at a time; under SLURM, of one kind.
        attempts: at each job that fails or is killed.
        slurm: how jobs are submitted.
    """

    launcher: Literal["here", "local", "slurm"] = "here"
    jobs: int = 2
    attempts: int = 2
    slurm: SlurmSettings = field(default_factory=SlurmSettings)


def without_effect(settings: PipelineSettings) -> list[str]:
    """Options of a run that change nothing in it, a line each."""
    of, there = settings.transfer, samples_of(settings, "val")
    used = max(settings.program.max_orders)
    lines = []
    if of.samples > there:
        lines.append(
            f"transfer.samples: {of.samples}, but val has {there} samples; transfers learn from these"
        )
    if of.racing and of.samples >= there:
        lines.append("transfer.racing: no sample of val is left to watch; no transfer is stopped")
    if of.max_order > used:
        lines.append(
            f"transfer.max_order: {of.max_order}, but program.max_orders end at {used}; transfers of more "
            "sources are measured and left out of the taxonomy"
        )
    return lines


def launch(plan: Plan, by: Launching, config: str, say: Callable[[str], None]) -> None:
    """Do what is left of a plan, or submit it.

    Args:
        plan: of the run.
        by: whom.
        config: the run's whole configuration, JSON, for processes of their own.
        say: is told what happens, a line each.

    Raises:
        InputError: a job cannot be done or submitted, or another run writes into the folder.
    """
    for line in without_effect(plan.settings):
        say(f"warning: {line}")
    if by.launcher == "here":
        run_plan(plan, say)
        return
    path = plan.settings.root / "run.json"
    write_text(path, config)
    if by.launcher == "local":
        LocalLauncher(plan, path, by.jobs, by.attempts, say).run()
    else:
        SlurmLauncher(plan, path, by.jobs, by.attempts, by.slurm, say).run()
