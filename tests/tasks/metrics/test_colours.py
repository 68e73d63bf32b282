import numpy as np
import pytest
import torch

from lightning_taskonomy.tasks import dictionary, task_named
from lightning_taskonomy.tasks.colours import BINS
from lightning_taskonomy.tasks.metrics.colours import ColourError


def test_errors_are_distances_of_the_most_probable_bins() -> None:
    random = np.random.default_rng(0)
    output, target = (random.random((3, 313, 4, 4)).astype(np.float32) for _ in range(2))
    distances, same = [], []
    for image in range(3):
        for row in range(4):
            for column in range(4):
                found = BINS[np.argmax(output[image, :, row, column])]
                true = BINS[np.argmax(target[image, :, row, column])]
                distances.append(np.hypot(*(found - true)))
                same.append((found == true).all())
    metric = ColourError()
    metric.update(torch.from_numpy(output[:2]), torch.from_numpy(target[:2]))
    other = ColourError()
    other.update(torch.from_numpy(output[2:]), torch.from_numpy(target[2:]))
    metric.merge_state(other)
    numbers = metric.compute()
    assert float(numbers["ab_distance"]) == pytest.approx(np.mean(distances), rel=1e-6)
    assert float(numbers["same_bin"]) == pytest.approx(np.mean(same))


def test_every_task_has_a_metric() -> None:
    assert all(task.metric is not None for task in list(dictionary().values())[:26])
    task = task_named("colorization")
    assert task.metric is not None
    assert isinstance(task.metric(task), ColourError)
