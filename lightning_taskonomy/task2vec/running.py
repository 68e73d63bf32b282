"""The environment of all passes: devices, precision, workers and progress bars."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor, distributed


@dataclass(frozen=True)
class Running:
    """The environment in which embeddings are computed.

    Attributes:
        trainer_options: For Lightning's Trainer: accelerator, devices, strategy, precision. With bf16-mixed
            the probe runs in bfloat16, but squares and sums stay in single precision.
        workers: Processes that read images.
        progress: Whether to show progress bars; by default only on a terminal.
    """

    trainer_options: Mapping[str, Any] = field(default_factory=lambda: {"accelerator": "auto", "devices": 1})
    workers: int = 0
    progress: bool | None = None

    def trainer(self, **options: Any) -> Trainer:  # noqa: ANN401 - passed on
        """A Trainer that writes no files."""
        progress = sys.stderr.isatty() if self.progress is None else self.progress
        plain = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_model_summary": False,
            "enable_progress_bar": progress,
        }
        with quiet():
            return Trainer(**{**plain, **self.trainer_options, **options})

    @property
    def alone(self) -> dict[str, Any]:
        """Trainer options for work that every rank repeats by itself."""
        return {"devices": 1, "strategy": "auto"}

    def gathered(self, trainer: Trainer, parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The batches of all ranks, concatenated."""
        names = {name: None for part in parts for name in part}  # batches may be empty
        this_rank = {name: torch.cat([part[name] for part in parts if name in part]) for name in names}
        if trainer.world_size == 1 or not distributed.is_initialized():
            return this_rank
        all_ranks: list[dict[str, Tensor]] = [{} for _ in range(trainer.world_size)]
        distributed.all_gather_object(all_ranks, this_rank)
        names = {name: None for rank in all_ranks for name in rank}
        return {name: torch.cat([rank[name] for rank in all_ranks if name in rank]) for name in names}


_SUPPRESSED_WARNINGS = (
    ".*GPU available but not used.*",
    ".*does not have many workers.*",
    ".*in eval mode at the start of training.*",
    ".*smaller than the logging interval.*",
    ".*LeafSpec.*",
    ".*predict returned None.*",
    ".*`srun` command is available.*",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the messages that Lightning repeats for every small run."""
    loggers = [
        logging.getLogger(f"{name}.utilities.rank_zero") for name in ("pytorch_lightning", "lightning_fabric")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _SUPPRESSED_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
