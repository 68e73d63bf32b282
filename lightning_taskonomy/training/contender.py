"""What a run needs to know about the module that it trains, before and after the module is built."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytorch_lightning
from pytorch_lightning import Callback

from lightning_taskonomy.tasks.own import CheckpointsImportNothing

Kept = Literal["best", "last"]
"""Which checkpoint: the one of least validation loss, or that of the last epoch."""


@dataclass(frozen=True)
class Run:
    """One training run: where it writes, and what identifies it.

    Attributes:
        folder: of its checkpoints, curves and predictions.
        losses: folder of the loss tables.
        contender: the network's name in loss tables.
        fingerprint: of everything that the result depends on.
        seed: of the random draws in training steps.
        checkpoint_seconds: between two checkpoints during training.
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

    Class methods take the arguments for building the module, so that a command can name files before it
    builds a network.

    Attributes:
        kept: the checkpoint that is evaluated.
        several_tasks: whether it takes `predicted`, the tasks that `predict` writes.
    """

    kept: ClassVar[Kept] = "best"
    several_tasks: ClassVar[bool] = False

    @classmethod
    def folder_name(cls, arguments: Mapping[str, Any]) -> str:
        """Name of the folder for all contenders of this kind: usually the task's name."""
        raise NotImplementedError

    @classmethod
    def contender_name(cls, arguments: Mapping[str, Any]) -> str:
        """Name of the trained network, unless the user names it."""
        return "self"

    @classmethod
    def leaves_weights_out(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether some training steps leave weights unused, which distributed training must be told."""
        return False

    @classmethod
    def brings_weights(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether the arguments name trained weights, so that there may be no checkpoint to evaluate."""
        return False

    def description(self) -> dict[str, Any]:
        """The values that must match those of a checkpoint, in plain types."""
        raise NotImplementedError

    def run_callbacks(self, run: Run) -> list[Callback]:
        """Callbacks that write this module's results below the run's folder."""
        return []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the arguments in plain types, which `load_from_checkpoint` reads without running any code."""
        arguments = checkpoint.get(self.CHECKPOINT_HYPER_PARAMS_KEY, {})
        parameters = inspect.signature(type(self)).parameters
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = {
            name: _plain(value) for name, value in arguments.items() if name in parameters
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - an argument of any type
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
