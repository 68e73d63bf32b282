"""Stops a run whose loss became NaN or infinite, and names the first such batch."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_taskonomy.core.errors import InputError


class _Judged(NamedTuple):
    """A loss being copied from the device, and the batch that it belongs to."""

    loss: Tensor
    arrived: torch.cuda.Event | None
    where: str


class StopOnNan(Callback):
    """Stops training at a loss that is NaN or infinite, naming the batch.

    A step's loss is checked when the next step starts. On a GPU its copy may still be pending then: it is not
    waited for, but checked once it has arrived, at the latest before validation, before a checkpoint is saved
    or when the epoch ends. So no checkpoint is saved after such a loss.
    """

    def __init__(self) -> None:
        self._under_way: deque[_Judged] = deque()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier run."""
        self._under_way.clear()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Start copying the loss from the device."""
        loss = _loss(outputs, pl_module)
        if loss is not None:
            self._under_way.append(_Judged(*_sent(loss), _where(trainer, pl_module, batch, batch_idx)))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: dict[str, Any], batch_idx: int
    ) -> None:
        """Check the losses that have arrived."""
        self._judge(wait=False)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for pending losses and check them."""
        self._judge(wait=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for pending losses and check them."""
        self._judge(wait=True)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Wait for pending losses and check them."""
        self._judge(wait=True)

    def _judge(self, wait: bool) -> None:
        while self._under_way:
            loss, arrived, where = self._under_way[0]
            if arrived is not None and not arrived.query():  # type: ignore[no-untyped-call]
                if not wait:
                    return
                arrived.synchronize()
            self._under_way.popleft()
            if not math.isfinite(float(loss)):
                # Later losses add nothing, and saving after this error must not fail again.
                self._under_way.clear()
                raise InputError(f"{where}: expected a finite training loss, found {float(loss):g}")


def _loss(outputs: object, module: LightningModule) -> Tensor | None:
    """The loss of the step just made, from its outputs or from the module."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if not isinstance(loss, Tensor):
        loss = getattr(module, "last_loss", None)
    return loss.detach().float().mean() if isinstance(loss, Tensor) else None


def _sent(loss: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """The loss, being copied to the CPU, and the event that marks its arrival; None without a GPU."""
    if loss.device.type != "cuda":
        return loss.clone(), None
    # Asynchronous copies need pinned memory.
    received = torch.empty((), dtype=loss.dtype, pin_memory=True)
    received.copy_(loss, non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record(torch.cuda.current_stream(loss.device))
    return received, arrived


def _where(trainer: Trainer, module: LightningModule, batch: dict[str, Any], batch_idx: int) -> str:
    task = getattr(getattr(module, "task", None), "name", type(module).__name__)
    step = trainer.fit_loop.epoch_loop.total_batch_idx + 1
    keys = batch["key"]
    return (
        f"task {task}, step {step} (epoch {trainer.current_epoch}, batch {batch_idx + 1}), "
        f"images {keys[0]} to {keys[-1]}"
    )
