"""The position of training in its data: what a checkpoint holds, and where a resumed run continues."""

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

import pytorch_lightning

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.plan import EpochPlan, Integers


class PlaceInEpochs:
    """How many batches of which epoch a loader has yielded."""

    def __init__(self) -> None:
        self._next, self._start, self._running, self._done = 0, 0, 0, 0

    def begin(self) -> tuple[int, int]:
        """Begin the next epoch, or resume the interrupted one; returns its number and its first batch.

        The epoch counts as begun at once: a trainer that has every batch does not exhaust the iterator.
        """
        epoch, start = self._next, self._start
        self._running, self._done = epoch, start
        self._next, self._start = epoch + 1, 0
        return epoch, start

    def advance(self) -> None:
        """Count a batch, before it is handed out."""
        self._done += 1

    def now(self, batches: int) -> tuple[int, int]:
        """The epoch to resume, and how much of it is done.

        Args:
            batches: of a whole epoch.
        """
        finished = self._done >= batches
        epoch = self._next if finished or self._done == 0 else self._running
        return epoch, 0 if finished else self._done

    def resume(self, epoch: int, start: int) -> None:
        """Resume there, whatever has been done before."""
        self._next, self._start, self._done = epoch, start, 0


class PlaceInPlan:
    """The position of a rank in its plan, in samples, so that plans of other batch sizes can resume from it.

    Args:
        plan: which samples are in which batch.
        rank: of this process.
    """

    def __init__(self, plan: EpochPlan, rank: int) -> None:
        self._plan, self._rank = plan, rank
        self._place = PlaceInEpochs()
        self._later = self._running_later = 0
        self._resumed_at: int | None = None

    def begin(self) -> tuple[int, list[Integers]]:
        """Begin the next epoch, or resume the interrupted one; returns its number and its batches."""
        epoch, start = self._place.begin()
        self._running_later, self._later = self._later, 0
        return epoch, self._plan.batches(epoch, self._rank, start, self._running_later)

    def advance(self) -> None:
        """Count a batch, before it is handed out."""
        self._place.advance()

    @property
    def resumed_at(self) -> int | None:
        """The batch at which an interrupted epoch resumes; None at the start of an epoch."""
        return self._resumed_at

    def state_dict(self) -> dict[str, Any]:
        """The epoch, and how many of its samples all ranks together have yielded."""
        epoch, batches = self._place.now(self._plan.steps(self._rank))
        done = batches * self._plan.batch_of_all + self._running_later if batches else 0
        return {"epoch": epoch, "samples": done, "plan": self._plan.fingerprint}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from a position, whatever has been done before.

        Raises:
            InputError: it is in the middle of an epoch of other samples, or of another seed.
        """
        done = int(state["samples"])
        if done and state["plan"] != self._plan.fingerprint:
            raise InputError(
                "checkpoint: it was made in the middle of an epoch of other shards or another seed; begin "
                "with its weights instead of resuming it, --model.start_from FILE"
            )
        start, self._later = self._plan.place_after(done) if done else (0, 0)
        self._resumed_at = start if done else None
        self._place.resume(int(state["epoch"]), start)


class ResumableLoader(Protocol):
    """A loader whose position a checkpoint can hold."""

    @property
    def resumed_at(self) -> int | None:
        """The batch at which an interrupted epoch resumes; None at the start of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """The position."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a position."""


class ResumableDataModule(pytorch_lightning.LightningDataModule):
    """Keeps the position in the training data.

    Lightning saves the loader's state too, but does not restore it at the start of a new epoch.
    """

    _learned_from: ResumableLoader | None = None
    _resumed_at: dict[str, Any] | None = None

    def learn_from(self, loader: ResumableLoader) -> None:
        """Register the training loader, which resumes where the checkpoint was made."""
        if self._resumed_at is not None:
            loader.load_state_dict(self._resumed_at)
            self._resumed_at = None
            if loader.resumed_at is not None:
                self._count_from(loader.resumed_at)
        self._learned_from = loader

    def _count_from(self, batch: int) -> None:
        """Make the trainer count batches from here: its own count is for the checkpoint's batch size."""
        if self.trainer is None:
            return
        count = self.trainer.fit_loop.epoch_loop.batch_progress.current
        in_progress = count.ready - count.completed
        count.ready, count.completed = batch, batch - in_progress

    def state_dict(self) -> dict[str, Any]:
        """The position in the training data."""
        return {} if self._learned_from is None else {"train": self._learned_from.state_dict()}

    @classmethod
    def require(cls, arguments: Mapping[str, Any], stage: str) -> None:
        """Check that the data exist, before anything is built for them.

        Args:
            arguments: that the data module will be made with.
            stage: `fit`, `validate`, `test` or `predict`.

        Raises:
            InputError: they do not.
        """

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
        """Refused: the user names the data; a file could name a command (`pipe:`).

        Raises:
            InputError: always.
        """
        raise InputError(f"{checkpoint_path}: no data are made from a checkpoint; call {cls.__name__}(…)")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a position in the training data."""
        self._resumed_at = state_dict.get("train")
