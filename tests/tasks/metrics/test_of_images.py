from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from lightning_taskonomy.tasks.metrics.of_images import DepthOfImages, PartsIoU
from tests.tasks.metrics.merging import Batch, assert_wrong_shapes_are_refused, normal, random_mask, result

DEPTH: Batch = (normal(5, 1, 6, 7).abs() + 0.5, normal(5, 1, 6, 7, seed=2).abs() + 0.5, random_mask(5, 6, 7))


def test_depth_errors_are_means_and_medians_of_images() -> None:
    output, target, mask = DEPTH
    assert mask is not None
    errors = []
    for image in range(5):
        kept = mask[image]
        found, right = output[image, 0][kept].double().numpy(), target[image, 0][kept].double().numpy()
        errors.append(
            [np.sqrt(np.mean((a - b) ** 2)) for a, b in ((found, right), (np.log(found), np.log(right)))]
        )
    expected = {"rmse": np.mean(errors, axis=0)[0], "log_rmse": np.median(errors, axis=0)[1]}
    assert result(DepthOfImages, DEPTH) == pytest.approx(expected, rel=1e-9)
    parts = [(output[n : n + 1], target[n : n + 1], mask[n : n + 1]) for n in (3, 0, 4, 1, 2)]
    assert result(DepthOfImages, *parts) == pytest.approx(expected, rel=1e-9)


def test_images_without_depth_are_skipped() -> None:
    output, target, mask = DEPTH
    assert mask is not None
    none = torch.zeros_like(mask[:1])
    more = (torch.cat([output, output[:1]]), torch.cat([target, target[:1]]), torch.cat([mask, none]))
    assert result(DepthOfImages, more) == result(DepthOfImages, DEPTH)
    empty = DepthOfImages()
    empty.update(output[:1], target[:1], none)
    assert np.isnan(list(empty.compute().values())).all()


def test_a_non_positive_depth_has_a_large_log_error() -> None:
    found = result(DepthOfImages, (-torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), None))
    assert found["rmse"] == 2
    assert found["log_rmse"] == pytest.approx(-np.log(1e-9))


def test_depths_in_two_processes() -> None:
    output, target, mask = DEPTH
    assert mask is not None
    first, second = DepthOfImages(), DepthOfImages()
    first.update(output[:2], target[:2], mask[:2])
    second.update(output[2:], target[2:], mask[2:])
    first.merge_state(second)
    assert first.compute() == pytest.approx(result(DepthOfImages, DEPTH))


def test_parts_are_evaluated_on_images_with_people() -> None:
    torch.manual_seed(0)
    target = torch.randint(0, 7, (6, 5, 8))
    target[1], target[4] = 0, 0
    output, mask = normal(6, 7, 5, 8), random_mask(6, 5, 8)
    target[3] = torch.where(mask[3], 0, target[3])  # someone, but only where nothing counts
    kept = [0, 2, 5]
    found, right = output.argmax(dim=1)[kept][mask[kept]], target[kept][mask[kept]]
    counts = confusion_matrix(right, found, labels=range(7))
    both = counts.diagonal()
    expected = np.mean(both / (counts.sum(axis=0) + counts.sum(axis=1) - both))
    assert result(partial(PartsIoU, 7), (output, target, mask))["miou"] == pytest.approx(expected)


def test_wrong_shapes_are_refused() -> None:
    assert_wrong_shapes_are_refused(DepthOfImages, DEPTH)
