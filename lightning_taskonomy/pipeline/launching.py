"""Where the jobs of a run are executed: in this process, in several on this machine, or on a cluster."""

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
    """How the jobs are executed.

    Attributes:
        launcher: `here`, one after another; `local`, in processes on this machine, each with its own GPU
            where there are several; `slurm`, as job arrays.
        jobs: how many at a time; under SLURM, per kind.
        attempts: how often a job that fails or is killed is tried.
        slurm: how jobs are submitted.
    """

    launcher: Literal["here", "local", "slurm"] = "here"
    jobs: int = 2
    attempts: int = 2
    slurm: SlurmSettings = field(default_factory=SlurmSettings)


def without_effect(settings: PipelineSettings) -> list[str]:
    """Options of a run that have no effect, one line each."""
    transfer, samples = settings.transfer, samples_of(settings, "val")
    used = max(settings.program.max_orders)
    lines = []
    if transfer.samples > samples:
        lines.append(
            f"transfer.samples: {transfer.samples}, but val has {samples} samples; transfers learn from these"
        )
    if transfer.racing and transfer.samples >= samples:
        lines.append("transfer.racing: no sample of val is left to watch; no transfer is stopped")
    if transfer.max_order > used:
        lines.append(
            f"transfer.max_order: {transfer.max_order}, but program.max_orders end at {used}; transfers of "
            "more sources are measured and left out of the taxonomy"
        )
    return lines


def launch(plan: Plan, by: Launching, config: str, say: Callable[[str], None]) -> None:
    """Run what is left of a plan, or submit it.

    Args:
        plan: of the run.
        by: which launcher, and its options.
        config: the run's whole configuration, JSON, for the processes that run jobs.
        say: called with each line of progress.

    Raises:
        InputError: a job fails or cannot be submitted, or another run writes into the folder.
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
