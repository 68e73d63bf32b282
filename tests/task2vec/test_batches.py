"""Batch size and number of processes change nothing but rounding."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from lightning_taskonomy.task2vec import LabelledTask, Probe, Running, Settings, Targets, embed, embed_tasks
from tests.task2vec.slow_loop import class_pictures, small_net

WAYS = [
    ("exact", "improved"),
    ("montecarlo", "improved"),
    ("batch", "reference"),
    ("variational", "reference"),
    ("variational", "improved"),
]


def embedded(method: str, preset: str, **options: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401
    data = TensorDataset(*class_pictures(130))
    found = embed(
        Probe(small_net(), "last"),
        data,
        method=method,  # type: ignore[arg-type]
        preset=preset,  # type: ignore[arg-type]
        head_epochs=1,
        epoch_samples=256,
        **options,
    )
    return found.hessian


@pytest.mark.parametrize(("method", "preset"), WAYS)
def test_the_batch_size_affects_only_memory(method: str, preset: str) -> None:
    expected = embedded(method, preset)
    for batch in (1, 50):
        np.testing.assert_allclose(embedded(method, preset, batch=batch), expected, rtol=1e-3, atol=1e-9)
    other = embedded(method, preset, fit_batch=16)
    assert abs(other - expected).sum() > 1e-2 * expected.sum()


@pytest.mark.parametrize(("method", "preset"), WAYS)
def test_worker_processes_change_nothing(method: str, preset: str) -> None:
    running = Running({"accelerator": "cpu", "devices": 1}, workers=2)
    np.testing.assert_array_equal(embedded(method, preset, running=running), embedded(method, preset))


def test_drawn_labels_do_not_depend_on_the_batch() -> None:
    pictures, labels = class_pictures(40)
    images = _Stack(pictures)
    few = np.arange(3, 31, 2)
    tasks = [
        LabelledTask("all", images, Targets.of("classes", labels), np.arange(40)),
        LabelledTask("few", images, Targets.of("classes", labels[few]), few),
    ]
    settings = Settings(method="montecarlo", draws=2, head_epochs=1, epoch_samples=64)
    probe = Probe(small_net(), "last")
    together = embed_tasks(probe, tasks, settings)
    for task, found in zip(tasks, together, strict=True):
        (alone,) = embed_tasks(probe, [task], settings)
        np.testing.assert_allclose(found.hessian, alone.hessian, rtol=2e-4)


class _Stack:
    def __init__(self, pictures: torch.Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> torch.Tensor:
        return self.pictures[place]
