"""What `taxonomy run` does once torch may be imported."""

import logging
from collections.abc import Sequence
from dataclasses import fields

import torch

from lightning_taskonomy.cli.commands import OneLineParser
from lightning_taskonomy.cli.training import leave_out_what_no_user_can_act_on
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.pipeline.plan import Plan
from lightning_taskonomy.pipeline.run import Estimate, run_plan, write_plan
from lightning_taskonomy.pipeline.settings import PipelineSettings


def run_pipeline(program: str, words: Sequence[str]) -> None:
    """Run the pipeline that a configuration describes, or print its plan.

    Raises:
        InputError: a bad option, or what cannot be done.
    """
    torch.set_float32_matmul_precision("high")
    leave_out_what_no_user_can_act_on()
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    settings, dry = _settings(program, words)
    plan = Plan(settings)
    if dry:
        estimate = Estimate.of(plan)
        write_plan(plan, estimate)
        print("\n".join(estimate.lines()))
        print(f"written: {settings.root / 'plan.csv'}")
        return
    run_plan(plan, lambda line: print(line, flush=True))
    print((settings.root / "summary.md").read_text(encoding="utf-8"))
    print(f"written: {settings.root}: summary.md, transfers.csv; taxonomy, evaluation, losses")


def _settings(program: str, words: Sequence[str]) -> tuple[PipelineSettings, bool]:
    parser = OneLineParser(prog=program, description="From packed images to a taxonomy.")
    parser.add_argument("--config", action="config", help="a YAML file with any of the options below")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and what it costs, do nothing")
    parser.add_class_arguments(PipelineSettings)
    chosen = parser.parse_args(list(words))
    try:
        made = parser.instantiate_classes(chosen)
        return PipelineSettings(
            **{field.name: made[field.name] for field in fields(PipelineSettings)}
        ), made.dry_run
    except ValueError as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise
