import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import f1_score

from lightning_taskonomy.tasks.metrics import EdgeF
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

SMOOTH = torch.from_numpy(ndimage.gaussian_filter(normal(6, 1, 20, 17).numpy(), (0, 0, 1.0, 1.0)) * 2)
BATCH: Batch = (SMOOTH + 0.3 * normal(6, 1, 20, 17, seed=3), SMOOTH, None)
MASKED: Batch = (BATCH[0], BATCH[1], random_mask(6, 20, 17))
THRESHOLDS = np.arange(1, 100, dtype=np.float32) / np.float32(50) - np.float32(1)
SQUARE = np.ones((1, 3, 3), bool)


def f_by_dilation(batch: Batch, target_from: float) -> tuple[float, float, float]:
    """The best F over thresholds, each evaluated separately, and its precision and recall."""
    output, target, mask = (None if part is None else part.numpy() for part in batch)
    assert output is not None
    assert target is not None
    counts = np.ones_like(target[:, 0], bool) if mask is None else mask
    edges = (target[:, 0] >= target_from) & counts
    best = (0.0, 0.0, 0.0)
    for threshold in THRESHOLDS:
        said = (output[:, 0] >= threshold) & counts
        near_edges = ndimage.binary_dilation(edges, SQUARE)
        near_said = ndimage.binary_dilation(said, SQUARE)
        if (said & near_edges).any():
            precision = (said & near_edges).sum() / said.sum()
            recall = (edges & near_said).sum() / edges.sum()
            best = max(best, (2 * precision * recall / (precision + recall), precision, recall))
    return best


@pytest.mark.parametrize("batch", [BATCH, MASKED])
@pytest.mark.parametrize("target_from", [0.0, 0.6])
def test_against_one_dilation_per_threshold(batch: Batch, target_from: float) -> None:
    found = result(partial(EdgeF, target_from), batch)
    f, precision, recall = f_by_dilation(batch, target_from)
    assert found["ods_f"] == pytest.approx(f, rel=1e-9)
    assert (found["precision"], found["recall"]) == pytest.approx((precision, recall), rel=1e-9)
    assert 0.3 < found["ods_f"] < 1
    assert np.abs(THRESHOLDS - found["threshold"]).min() < 1e-6


def test_isolated_pixels_against_sklearn() -> None:
    """Edges on a grid of every third pixel: no two are neighbours, so the tolerance changes nothing."""
    random = np.random.default_rng(0)
    target, output = np.full((1, 1, 60, 60), -1.0), np.full((1, 1, 60, 60), -1.0)
    truth, strength = random.random((20, 20)) < 0.4, random.uniform(-1, 1, (20, 20))
    strength[truth] = np.minimum(strength[truth] + 0.5, 1)
    target[0, 0, ::3, ::3], output[0, 0, ::3, ::3] = np.where(truth, 1, -1), strength
    best = max(f1_score(truth.ravel(), (strength >= threshold).ravel()) for threshold in THRESHOLDS)
    found = result(EdgeF, (torch.from_numpy(output), torch.from_numpy(target), None))
    assert found["ods_f"] == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("shift", "f"), [(0, 1.0), (1, 1.0), (2, 0.0)])
def test_a_shift_of_one_pixel_is_correct_and_of_two_is_not(shift: int, f: float) -> None:
    target = torch.full((1, 1, 9, 9), -1.0)
    target[..., 4] = 1
    assert result(EdgeF, (target.roll(shift, dims=3), target, None))["ods_f"] == f


def test_an_output_at_a_threshold_is_an_edge_there() -> None:
    """Only the threshold at the edge's strength distinguishes it from the other pixel."""
    output, target = torch.full((1, 1, 1, 9), -1.0), torch.full((1, 1, 1, 9), -1.0)
    output[..., 1], output[..., 7] = float(THRESHOLDS[70]), float(THRESHOLDS[69])
    target[..., 1] = 1
    found = result(EdgeF, (output, target, None))
    assert (found["ods_f"], found["threshold"]) == (1, THRESHOLDS[70])


def test_masked_pixels_have_no_effect() -> None:
    target, output = torch.full((1, 1, 5, 5), -1.0), torch.full((1, 1, 5, 5), -1.0)
    target[..., 1], output[..., 2] = 1, 1
    mask = torch.ones(1, 5, 5)
    assert result(EdgeF, (output, target, mask))["ods_f"] == 1
    mask[..., 2] = 0
    assert result(EdgeF, (output, target, mask))["ods_f"] == 0
    mask[..., 1] = 0
    assert math.isnan(result(EdgeF, (output, target, mask))["ods_f"])


def test_in_parts() -> None:
    for batch in (BATCH, MASKED):
        assert_counts_in_parts(EdgeF, batch)
    assert_declares_itself(EdgeF, higher_is_better=True)
    assert_wrong_shapes_are_refused(EdgeF, BATCH)
