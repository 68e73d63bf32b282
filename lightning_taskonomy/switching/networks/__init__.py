"""The switching network for the tasks of a trainer, and its baselines."""

from lightning_taskonomy.switching.networks.baselines import (
    MultiDecoderNet,
    ReparameterisedNet,
    SingleTaskNets,
    TaskNormsNet,
)
from lightning_taskonomy.switching.networks.multi_task import MultiTaskNet, SwitchedTasks

__all__ = [
    "MultiDecoderNet",
    "MultiTaskNet",
    "ReparameterisedNet",
    "SingleTaskNets",
    "SwitchedTasks",
    "TaskNormsNet",
]
