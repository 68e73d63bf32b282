import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lightning_taskonomy.tasks.metrics import DepthError
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    random_mask,
    result,
)

RANDOM = np.random.default_rng(0)
METRES = RANDOM.uniform(0.3, 20, (6, 1, 9, 8))
FOUND = METRES * RANDOM.lognormal(0, 0.35, METRES.shape)


def code(metres: np.ndarray) -> Tensor:
    return torch.from_numpy(np.log1p(metres * 512) / np.log(2**16)).float()


BATCH: Batch = (code(FOUND), code(METRES), random_mask(6, 9, 8))


def test_against_numpy_in_metres() -> None:
    assert BATCH[2] is not None
    counted = BATCH[2].numpy()
    d, e = FOUND[:, 0][counted], METRES[:, 0][counted]
    found = result(DepthError, BATCH)
    assert found["rmse"] == pytest.approx(np.sqrt(((d - e) ** 2).mean()), rel=1e-4)
    assert found["absolute_relative"] == pytest.approx((np.abs(d - e) / e).mean(), rel=1e-4)
    ratio = np.maximum(d / e, e / d)
    for name, bound in (("1.25", 1.25), ("1.25^2", 1.5625), ("1.25^3", 1.953125)):
        assert found[f"within_{name}"] == pytest.approx((ratio < bound).mean(), abs=1e-9)
    assert found["within_1.25"] < found["within_1.25^2"] < found["within_1.25^3"]


def test_in_parts() -> None:
    assert_counts_in_parts(DepthError, BATCH)
    assert_declares_itself(DepthError, higher_is_better=False)
    assert_wrong_shapes_are_refused(DepthError, BATCH)


def test_outputs_beyond_the_range_of_files_stay_finite() -> None:
    target = code(np.array([2.0, 2.0, 2.0]).reshape(1, 1, 1, 3))
    output = torch.tensor([-1.0, 50.0, 1.0]).reshape(1, 1, 1, 3)
    found = result(DepthError, (output, target, None))
    far, near = 65535 / 512, 1 / 512
    squares = [(near - 2) ** 2, (far - 2) ** 2, (far - 2) ** 2]
    assert found["rmse"] == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-4)
    assert found["within_1.25^3"] == 0


def test_without_valid_pixels_values_are_nan() -> None:
    assert all(math.isnan(value) for value in result(DepthError, (*BATCH[:2], torch.zeros(6, 9, 8))).values())
