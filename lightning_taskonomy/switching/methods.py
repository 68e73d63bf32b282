"""Multi-task networks by name: the switching network and its baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching import SwitchingNet, TaskCodes
from lightning_taskonomy.nn.switching.blocks import Statistics
from lightning_taskonomy.nn.switching.codes import CodeKind
from lightning_taskonomy.switching.networks import (
    MultiDecoderNet,
    MultiTaskNet,
    ReparameterisedNet,
    SingleTaskNets,
    SwitchedTasks,
    TaskNormsNet,
)
from lightning_taskonomy.tasks.task import Task

Method = Literal["switching", "single", "multi_decoder", "task_instance_norms", "task_batch_norms", "rcm"]
TITLES: dict[str, str] = {
    "single": "Single-task",
    "multi_decoder": "Multi-decoder",
    "rcm": "RCM",
    "task_batch_norms": "Task-specific BNs",
    "task_instance_norms": "Task-specific INs",
    "switching": "Task switching",
}


@dataclass(frozen=True)
class NetworkOptions:
    """The shape of a multi-task network.

    Attributes:
        backbone: resnet18, resnet34 or resnet50.
        code: length of a task's code, for the switching network.
        code_kind: `blocks` of ones, fixed `gaussian` vectors, or `learned` vectors.
        outputs: output channels that tasks share, in networks where they do; by default those of the task
            with the most.
        statistics: of the switching decoder's normalisation: `instance`, `batch` or `task_batch`.
        width: channels after the encoder's first convolution; ImageNet weights need 64.
        decoder_width: channels of the decoder's first merging block; the others are in proportion.
    """

    backbone: str = "resnet18"
    code: int = 100
    code_kind: CodeKind = "blocks"
    outputs: int | None = None
    statistics: Statistics = "instance"
    width: int = 64
    decoder_width: int = 512

    def build(self, method: Method, channels: Sequence[int], added: int = 0) -> MultiTaskNet:
        """The network with fresh weights.

        Args:
            method: its name.
            channels: of each task's output.
            added: number of tasks, the last ones, that are added to a trained switching network.

        Raises:
            InputError: a task has more channels than are shared; or no such method or backbone.
        """
        # Added tasks use the existing output channels.
        outputs = self.outputs or max(channels[: len(channels) - added])
        if method in ("switching", "task_instance_norms", "task_batch_norms") and outputs < max(channels):
            raise InputError(f"outputs: expected at least {max(channels)} for these tasks, found {outputs}")
        shape = (self.backbone, self.width, self.decoder_width)
        if method == "switching":
            network = SwitchingNet(
                self.backbone,
                self.code,
                outputs,
                self.statistics,
                len(channels),
                self.width,
                self.decoder_width,
            )
            codes = TaskCodes(len(channels) - added, self.code, self.code_kind, added)
            return SwitchedTasks(channels, network, codes)
        if method == "task_instance_norms":
            return TaskNormsNet(channels, "instance", outputs, *shape)
        if method == "task_batch_norms":
            return TaskNormsNet(channels, "batch", outputs, *shape)
        if method == "single":
            return SingleTaskNets(channels, *shape)
        if method == "multi_decoder":
            return MultiDecoderNet(channels, *shape)
        if method == "rcm":
            return ReparameterisedNet(channels, *shape)
        raise InputError(f"method: expected one of {', '.join(TITLES)}, found {method!r}")


def channels_of(task: Task) -> int:
    """Channels of a task's output.

    Raises:
        InputError: the task does not predict, from one image, an output of the same size.
    """
    output = task.output
    if not output.per_pixel or output.size_divisor != 1:
        raise InputError(f"tasks: expected tasks with an output per pixel of the input, found {task.name}")
    if task.views != 1 or task.pictures is not None or task.input_channels != 3:
        raise InputError(f"tasks: expected tasks whose input is one colour image, found {task.name}")
    return output.channels
