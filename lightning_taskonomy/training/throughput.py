"""Training speed in images per second, and the number of images seen."""

import time
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.core.errors import InputError


class ImageClock:
    """Images per second of training on one rank, in windows.

    It synchronises with the device only where a window starts, ends or is interrupted, so that otherwise
    steps are still queued asynchronously.

    Args:
        device: that trains.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begin_window()

    def count(self, images: int) -> None:
        """Count a batch whose steps have been queued on the device."""
        self._images += images
        self._last = time.perf_counter()

    def pause(self) -> None:
        """Stop the clock at the end of the last batch: the time since then belongs to validation."""
        now = time.perf_counter()
        self._wait()
        self._seconds += max(self._last - self._since, 0.0) + time.perf_counter() - now

    def go_on(self) -> None:
        """Resume the clock."""
        self._wait()
        self._since = self._last = time.perf_counter()

    def images_per_second(self) -> float:
        """The rate of the current window, which ends here; the next one begins."""
        self._wait()
        rate = self._images / (self._seconds + time.perf_counter() - self._since)
        self._begin_window()
        return rate

    def _begin_window(self) -> None:
        self._images, self._seconds = 0, 0.0
        self.go_on()

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class TimedCallback(Callback):
    """Runs a clock during training and pauses it during validation.

    It starts after the first batch, in which workers start and kernels are selected.

    Args:
        every_n_steps: training batches per window.

    Raises:
        InputError: a number below 1.
    """

    def __init__(self, every_n_steps: int) -> None:
        if every_n_steps < 1:
            raise InputError(f"every_n_steps: expected at least 1, found {every_n_steps}")
        self.every_n_steps = every_n_steps
        self._clock: ImageClock | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier run."""
        self._clock = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        if self._clock is not None:
            self._clock.pause()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Resume the clock."""
        if self._clock is not None:
            self._clock.go_on()

    def timed(self, trainer: Trainer, module: LightningModule, images: int) -> tuple[bool, float | None]:
        """Count a training batch.

        Returns:
            Whether a window ends with it; and if so, images per second over all ranks, or None where the
            clock has only just started.
        """
        ends = (trainer.fit_loop.epoch_loop.total_batch_idx + 1) % self.every_n_steps == 0
        if self._clock is None:
            self._clock = ImageClock(module.device)
            return ends, None
        self._clock.count(images)
        return ends, self._clock.images_per_second() * trainer.world_size if ends else None


class LogThroughput(TimedCallback):
    """Logs `images_per_second`, over all ranks, and `samples_seen`, including those before resuming.

    Lightning's `ThroughputMonitor` would synchronise with the GPU at every batch, so that steps are no longer
    queued asynchronously, and would count samples from 0 again after resuming.

    Args:
        every_n_steps: training batches from one measurement to the next.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        super().__init__(every_n_steps)
        self.samples_seen = 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Count; at the end of a window, measure and log."""
        images = len(batch["key"])
        # Training batches have the same size on all ranks.
        self.samples_seen += images * trainer.world_size
        ends, rate = self.timed(trainer, pl_module, images)
        if not ends or not trainer.is_global_zero:
            return
        metrics: dict[str, float] = {"samples_seen": self.samples_seen}
        if rate is not None:
            metrics["images_per_second"] = rate
        # The step at which the trainer logs: it counts batches, whatever the number of optimizers.
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step)

    def state_dict(self) -> dict[str, Any]:
        """The count to resume from."""
        return {"samples_seen": self.samples_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the count."""
        self.samples_seen = int(state_dict["samples_seen"])
