"""The task switching network: one encoder and one decoder, with a code that selects the task."""

from lightning_taskonomy.nn.switching.codes import TaskCodes
from lightning_taskonomy.nn.switching.network import SwitchingNet
from lightning_taskonomy.nn.switching.reference_weights import load_reference

__all__ = ["SwitchingNet", "TaskCodes", "load_reference"]
