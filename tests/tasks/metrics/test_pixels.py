import math

import pytest
import torch
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from lightning_taskonomy.tasks.metrics import PixelError
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

BATCH: Batch = (normal(6, 3, 7, 5), normal(6, 3, 7, 5, seed=1), random_mask(6, 7, 5))


def test_against_sklearn() -> None:
    output, target, mask = BATCH
    assert mask is not None
    counted = mask.unsqueeze(1).expand_as(output)
    for where, weights in ((None, torch.ones_like(counted)), (mask, counted), (mask.float(), counted)):
        chosen = weights.bool()
        expected = {
            "mae": mean_absolute_error(target[chosen], output[chosen]),
            "rmse": root_mean_squared_error(target[chosen], output[chosen]),
        }
        assert result(PixelError, (output, target, where)) == pytest.approx(expected, rel=1e-5)


def test_vectors_and_half_precision() -> None:
    output = normal(6, 9).bfloat16()
    error = output.double() - normal(6, 9, seed=1).double()
    found = result(PixelError, (output, normal(6, 9, seed=1), None))
    assert found["mae"] == pytest.approx(error.abs().mean().item(), rel=1e-9)


def test_values_at_masked_pixels_do_not_matter() -> None:
    output, target, mask = BATCH
    assert mask is not None
    changed = torch.where(mask.unsqueeze(1), target, float("nan"))
    assert result(PixelError, (output, changed, mask)) == result(PixelError, BATCH)
    assert math.isnan(result(PixelError, (output, target, torch.zeros_like(mask)))["rmse"])


def test_in_parts() -> None:
    assert_counts_in_parts(PixelError, BATCH)
    assert_declares_itself(PixelError, higher_is_better=False)
    assert_wrong_shapes_are_refused(PixelError, BATCH)
