"""How far training has come in its data: what a checkpoint holds, and a resumed run goes on from."""

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

import pytorch_lightning

from lightning_taskonomy.core.errors import InputError


class PlaceInEpochs:
    """How many batches of which epoch a loader has handed out."""

    def __init__(self) -> None:
        self._next, self._start, self._running, self._done = 0, 0, 0, 0

    def begin(self) -> tuple[int, int]:
        """Begin the next epoch, or go on with the interrupted one: which it is, and its first batch.

        The epoch counts as begun at once: a trainer that has had every batch does not ask for the end.
        """
        epoch, start = self._next, self._start
        self._running, self._done = epoch, start
        self._next, self._start = epoch + 1, 0
        return epoch, start

    def advance(self) -> None:
        """Count a batch, before it is handed out."""
        self._done += 1

    def now(self, batches: int) -> tuple[int, int]:
        """The epoch to go on with, and how much of it is done.

        Args:
            batches: of a whole epoch.
        """
        finished = self._done >= batches
        epoch = self._next if finished or self._done == 0 else self._running
        return epoch, 0 if finished else self._done

    def resume(self, epoch: int, start: int) -> None:
        """Go on from there, whatever has been done before."""
        self._next, self._start, self._done = epoch, start, 0


class ResumableLoader(Protocol):
    """What has a place that a checkpoint can hold."""

    def state_dict(self) -> dict[str, Any]:
        """The place."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a place."""


class ResumableDataModule(pytorch_lightning.LightningDataModule):
    """Keeps the place in the training data.

    Lightning asks the loader for it too, but does not give it back to one that starts a new epoch.
    """

    _learned_from: ResumableLoader | None = None
    _resumed_at: dict[str, Any] | None = None

    def learn_from(self, loader: ResumableLoader) -> None:
        """Take note of the loader of training, which goes on where the checkpoint was made."""
        if self._resumed_at is not None:
            loader.load_state_dict(self._resumed_at)
            self._resumed_at = None
        self._learned_from = loader

    def state_dict(self) -> dict[str, Any]:
        """The place in the training data."""
        return {} if self._learned_from is None else {"train": self._learned_from.state_dict()}

    @classmethod
    def require(cls, arguments: Mapping[str, Any], stage: str) -> None:
        """See that the data are there, before anything is built for them.

        Args:
            arguments: that the data module will be made with.
            stage: `fit`, `validate`, `test` or `predict`.

        Raises:
            InputError: they are not.
        """

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
        """Refused: where the data are, their reader says; a file could say a command (`pipe:`).

        Raises:
            InputError: always.
        """
        raise InputError(f"{checkpoint_path}: no data are made from a checkpoint; call {cls.__name__}(…)")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a place in the training data."""
        self._resumed_at = state_dict.get("train")
