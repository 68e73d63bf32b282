from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch
from pytorch_lightning.loggers import Logger

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.training import throughput
from lightning_taskonomy.training.task_module import Evaluated
from lightning_taskonomy.training.throughput import ImageClock, LogThroughput
from tests.training.one_convolution import (
    BATCH,
    BATCHES,
    OneConvolution,
    data,
    pack_every_label,
    trainer,
)

TASK = "reshading"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_every_label(tmp_path_factory.mktemp("throughput"))


class Hours:
    """A clock that is advanced explicitly."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    clock = Hours()
    monkeypatch.setattr(throughput, "time", clock)
    return clock


class Recorded(Logger):
    name = version = None

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if "samples_seen" in metrics:
            self.lines.append((step, metrics))

    def log_hyperparams(self, *values: object, **named: object) -> None: ...


class Slow(OneConvolution):
    """Takes 2 seconds a training batch, 50 for the first, and 1,000 a validation batch."""

    def __init__(self, hours: Hours) -> None:
        super().__init__(TASK)
        self.hours, self.first = hours, True

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:  # noqa: ANN401
        self.hours.now += 50 if self.first else 2
        self.first = False
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        self.hours.now += 1000
        return super().validation_step(batch, batch_idx)


def fit(packed: Path, root: Path, hours: Hours, every: int, **options: Any) -> Recorded:  # noqa: ANN401
    logger = Recorded()
    run = trainer(root, logger=logger, callbacks=[LogThroughput(every)], **options)
    run.fit(Slow(hours), data(packed, [TASK]))
    return logger


def test_speed_is_that_of_training_without_validation_and_start(
    packed: Path, tmp_path: Path, hours: Hours
) -> None:
    logger = fit(packed, tmp_path, hours, 2, max_epochs=2, num_sanity_val_steps=1)
    assert [(step, line["samples_seen"]) for step, line in logger.lines] == [(1, 8), (3, 16), (5, 24)]
    assert [line["images_per_second"] for _, line in logger.lines] == [BATCH / 2] * 3


def test_the_first_batch_alone_has_no_speed(packed: Path, tmp_path: Path, hours: Hours) -> None:
    logger = fit(packed, tmp_path, hours, 1, max_epochs=1)
    assert ["images_per_second" in line for _, line in logger.lines] == [False, True, True]


def test_all_ranks_count(packed: Path, tmp_path: Path, hours: Hours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch_lightning.Trainer, "world_size", 3)
    logger = fit(packed, tmp_path, hours, 2, max_epochs=4, limit_val_batches=0)
    # With three ranks there is one batch in an epoch.
    assert [(step, line["samples_seen"]) for step, line in logger.lines] == [(1, 24), (3, 48)]
    assert [line["images_per_second"] for _, line in logger.lines] == [3 * BATCH / 2] * 2


def test_other_ranks_log_nothing(
    packed: Path, tmp_path: Path, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytorch_lightning.Trainer, "is_global_zero", False)
    assert fit(packed, tmp_path, hours, 1, max_epochs=1).lines == []


def test_the_device_is_waited_for_only_where_the_clock_starts_or_stops(
    packed: Path, tmp_path: Path, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(ImageClock, "_wait", lambda self: waits.append(hours.now))
    fit(packed, tmp_path, hours, 6, max_epochs=4, limit_val_batches=0)
    assert BATCHES == 3
    # After batch 1, and at the windows' ends: after batches 6 and 12.
    assert sorted(set(waits)) == [50, 50 + 5 * 2, 50 + 11 * 2]


def test_work_still_under_way_belongs_to_the_window(hours: Hours, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ImageClock(torch.device("cpu"))

    def finish(seconds: float) -> Callable[[ImageClock], None]:
        def wait(self: ImageClock) -> None:
            hours.now += seconds
            monkeypatch.setattr(ImageClock, "_wait", lambda self: None)

        return wait

    hours.now += 1
    clock.count(10)
    hours.now += 500  # validation's workers start
    monkeypatch.setattr(ImageClock, "_wait", finish(3))
    clock.pause()
    hours.now += 1000
    clock.go_on()
    hours.now += 1
    clock.count(10)
    monkeypatch.setattr(ImageClock, "_wait", finish(5))
    assert clock.images_per_second() == 20 / (1 + 3 + 1 + 5)


def test_samples_are_counted_on_by_a_resumed_run(packed: Path, tmp_path: Path, hours: Hours) -> None:
    first = LogThroughput(2)
    run = trainer(tmp_path, max_steps=4, callbacks=[first], limit_val_batches=0)
    run.fit(Slow(hours), data(packed, [TASK]))
    run.save_checkpoint(tmp_path / "saved.ckpt")
    logger = Recorded()
    resumed = trainer(tmp_path, max_steps=6, callbacks=[LogThroughput(2)], logger=logger, limit_val_batches=0)
    resumed.fit(Slow(hours), data(packed, [TASK]), ckpt_path=tmp_path / "saved.ckpt")
    assert [(step, line["samples_seen"]) for step, line in logger.lines] == [(5, 24)]


def test_bad_windows_are_refused() -> None:
    with pytest.raises(InputError, match="every_n_steps: expected at least 1, found 0"):
        LogThroughput(0)
