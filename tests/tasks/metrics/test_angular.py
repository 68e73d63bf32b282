import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.tasks.metrics import AngularError
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

TARGET = normal(6, 3, 12, 11)
BATCH: Batch = (TARGET + 0.6 * normal(6, 3, 12, 11, seed=2), TARGET, random_mask(6, 12, 11))


def angles_by_arc_cosine(batch: Batch) -> np.ndarray:
    output, target, mask = batch
    found = []
    for image in range(len(output)):
        for place in np.ndindex(*output.shape[2:]):
            if mask is None or mask[(image, *place)]:
                a = output[(image, slice(None), *place)].double().numpy()
                b = target[(image, slice(None), *place)].double().numpy()
                found.append(math.degrees(math.acos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))
    return np.array(found)


def test_against_loops() -> None:
    expected = angles_by_arc_cosine(BATCH)
    found = result(AngularError, BATCH)
    assert found["mean"] == pytest.approx(expected.mean(), rel=1e-6)
    assert found["median"] == pytest.approx(np.median(expected), abs=0.1)
    for bound in (11.25, 22.5, 30):
        assert found[f"within_{bound:g}"] == pytest.approx((expected < bound).mean(), rel=1e-9)
    assert set(found) == {"mean", "median", "within_11.25", "within_22.5", "within_30"}


def test_in_parts() -> None:
    assert_counts_in_parts(AngularError, BATCH)
    assert_declares_itself(AngularError, higher_is_better=False)
    assert_wrong_shapes_are_refused(AngularError, BATCH)
    with pytest.raises(ValueError, match="expected a multiple of 3 channels, found 2"):
        AngularError().update(torch.ones(1, 2), torch.ones(1, 2))


@given(st.floats(0, 180), st.floats(0.01, 100))
def test_every_angle_is_exact_at_any_length(degrees: float, length: float) -> None:
    radians = math.radians(degrees)
    output = torch.tensor([[length * math.cos(radians), length * math.sin(radians), 0.0]])
    found = result(AngularError, (output.double(), torch.tensor([[2.0, 0.0, 0.0]]).double(), None))
    assert found["mean"] == pytest.approx(degrees, abs=1e-5)
    assert found["median"] == pytest.approx(degrees, abs=0.1)


@given(st.lists(st.floats(0.01, 179.9), min_size=1, max_size=40))
def test_median_is_off_by_less_than_a_bin(degrees: list[float]) -> None:
    radians = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    output = torch.stack([radians.cos(), radians.sin(), torch.zeros_like(radians)], dim=1)
    target = torch.tensor([[1.0, 0, 0]], dtype=torch.float64).expand(len(degrees), 3)
    ranked = sorted(degrees)
    low, high = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
    assert low - 0.1 <= result(AngularError, (output, target, None))["median"] <= high + 0.1


def test_three_directions_per_picture() -> None:
    target = torch.tensor([[0, 0, -1.0, -1, 0, 0, 0, 1, 0]])
    output = torch.tensor([[0, 0, -5.0, 0, 0, 2.0, 0, -1, 0]])
    assert result(AngularError, (output, target, None))["mean"] == pytest.approx((0 + 90 + 180) / 3)


def test_vectors_without_a_direction() -> None:
    nothing, up = torch.zeros(1, 3), torch.tensor([[0, 0, 1.0]])
    assert result(AngularError, (nothing, up, None))["mean"] == 90
    assert math.isnan(result(AngularError, (up, nothing, None))["mean"])
    grey = torch.full(
        (1, 3), 127 * 2 / 255 - 1
    )  # what files hold where there is no surface, as it is decoded
    assert math.isnan(result(AngularError, (up, grey, None))["mean"])
    assert math.isnan(result(AngularError, (TARGET, TARGET, torch.zeros(6, 12, 11)))["median"])
    assert math.isnan(result(AngularError, (up * float("nan"), up, None))["mean"])
