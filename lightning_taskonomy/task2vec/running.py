"""What all passes run on: one place for devices, precision, workers and progress."""

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
    """On what embeddings are computed.

    Attributes:
        trainer_options: For Lightning's Trainer: accelerator, devices, strategy, precision. With bf16-mixed
            the probe runs in bfloat16; squares and sums are in single precision whatever it says.
        workers: Processes that read pictures.
        progress: Whether to draw bars; by default on a terminal.
    """

    trainer_options: Mapping[str, Any] = field(default_factory=lambda: {"accelerator": "auto", "devices": 1})
    workers: int = 0
    progress: bool | None = None

    def trainer(self, **options: Any) -> Trainer:  # noqa: ANN401 - passed on
        """A Trainer that writes nothing."""
        drawn = sys.stderr.isatty() if self.progress is None else self.progress
        plain = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_model_summary": False,
            "enable_progress_bar": drawn,
        }
        with quiet():
            return Trainer(**{**plain, **self.trainer_options, **options})

    @property
    def alone(self) -> dict[str, Any]:
        """Options for what every rank does for itself, all of them the same."""
        return {"devices": 1, "strategy": "auto"}

    def gathered(self, trainer: Trainer, parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Batches joined, of all ranks."""
        names = {name: None for part in parts for name in part}  # batches may be empty
        own = {name: torch.cat([part[name] for part in parts if name in part]) for name in names}
        if trainer.world_size == 1 or not distributed.is_initialized():
            return own
        all_ranks: list[dict[str, Tensor]] = [{} for _ in range(trainer.world_size)]
        distributed.all_gather_object(all_ranks, own)
        names = {name: None for rank in all_ranks for name in rank}
        return {name: torch.cat([rank[name] for rank in all_ranks if name in rank]) for name in names}


_NOT_NEWS = (
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
    """Without what Lightning says of each of several small runs in a row."""
    loggers = [
        logging.getLogger(f"{name}.utilities.rank_zero") for name in ("pytorch_lightning", "lightning_fabric")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _NOT_NEWS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
