"""What a run must know of the module that it trains, before the module is made and afterwards."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytorch_lightning
from pytorch_lightning import Callback

from lightning_taskonomy.tasks.own import CheckpointsImportNothing

Kept = Literal["best", "last"]
"""The checkpoint of least validation loss, or that of the last epoch."""


@dataclass(frozen=True)
class Run:
    """One training run: where it writes, and what tells it from others.

    Attributes:
        folder: of its checkpoints, curves and predictions.
        losses: folder of the loss tables.
        contender: the network's name in loss tables.
        fingerprint: of everything that the result depends on.
        seed: of what the steps draw.
        checkpoint_seconds: between two checkpoints in the middle of training.
    """

    folder: Path
    losses: Path
    contender: str
    fingerprint: str
    seed: int
    checkpoint_seconds: float

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"


class Contender(CheckpointsImportNothing, pytorch_lightning.LightningModule):
    """A module that declares how it is trained: folder, name, callbacks and the checkpoint that is kept.

    Class methods are given the arguments that the module will be made with, so that a command can name files
    before it builds a network.

    Attributes:
        kept: the checkpoint that is evaluated.
        several_tasks: whether it takes `predicted`, the tasks that `predict` writes.
    """

    kept: ClassVar[Kept] = "best"
    several_tasks: ClassVar[bool] = False

    @classmethod
    def folder_name(cls, arguments: Mapping[str, Any]) -> str:
        """Name of the folder for all contenders of this kind: the task's name, by default."""
        raise NotImplementedError

    @classmethod
    def contender_name(cls, arguments: Mapping[str, Any]) -> str:
        """What the trained network is called, unless the user names it."""
        return "self"

    @classmethod
    def leaves_weights_out(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether some training steps use only some of the weights, which distributed training must know."""
        return False

    @classmethod
    def brings_weights(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether the arguments name trained weights, so that there may be no checkpoint to evaluate."""
        return False

    def description(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to fit, as plain values."""
        raise NotImplementedError

    def run_callbacks(self, run: Run) -> list[Callback]:
        """Callbacks that write this module's results below the run's folder."""
        return []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the arguments as plain values, which `load_from_checkpoint` reads without running any code."""
        arguments = checkpoint.get(self.CHECKPOINT_HYPER_PARAMS_KEY, {})
        known = inspect.signature(type(self)).parameters
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = {
            name: _plain(value) for name, value in arguments.items() if name in known
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - an argument of any type
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
