"""Many tasks in one network: the task switching network and what it is compared with."""

from lightning_taskonomy.nn.switching.baselines import (
    MultiDecoderNet,
    ReparameterisedNet,
    SingleTaskNets,
    TaskNormsNet,
)
from lightning_taskonomy.nn.switching.codes import TaskCodes
from lightning_taskonomy.nn.switching.multi_task import MultiTaskNet, SwitchedTasks
from lightning_taskonomy.nn.switching.network import SwitchingNet
from lightning_taskonomy.nn.switching.reference_weights import load_reference

__all__ = [
    "MultiDecoderNet",
    "MultiTaskNet",
    "ReparameterisedNet",
    "SingleTaskNets",
    "SwitchedTasks",
    "SwitchingNet",
    "TaskCodes",
    "TaskNormsNet",
    "load_reference",
]
