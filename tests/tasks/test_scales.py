import pickle

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lightning_taskonomy.tasks.scales import Linear, Logarithmic, Scale, ShareOfClasses, channels_first

pictures = st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
    lambda kind: arrays(
        kind,
        array_shapes(min_dims=3, max_dims=4, max_side=5),
        elements=st.integers(0, 255 if kind is np.uint8 else 65_535),
    )
)
bounds = st.none() | st.floats(-3, 3)
SCALES: tuple[Scale, ...] = (
    Linear(127.5, 127.5),
    Linear((1.0, 2.0), (3.0, 4.0), -1.0),
    Logarithmic(2.0**16),
    ShareOfClasses(5),
)


def channels_in_front(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.moveaxis(values, -1, -3)


@given(pictures, st.floats(-1000, 1000), st.floats(1, 500), bounds, bounds)
def test_linear_is_a_difference_divided_and_clipped(
    stored: npt.NDArray[np.generic], zero: float, unit: float, low: float | None, high: float | None
) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    expected = (stored.astype(np.float64) - zero) / unit
    if low is not None:
        expected = np.maximum(expected, low)
    if high is not None:
        expected = np.minimum(expected, high)
    made = Linear(zero, unit, low, high)(torch.from_numpy(stored))
    assert made.dtype == torch.float32
    np.testing.assert_allclose(made.numpy(), channels_in_front(expected), rtol=1e-5, atol=1e-3 / unit)


def test_linear_takes_a_zero_and_a_unit_for_each_channel() -> None:
    stored = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    zeros, units = (123.572, 120.1, 0.0), (31.922, 21.658, 255.0)
    expected = (stored - np.array(zeros)) / np.array(units)
    made = Linear(zeros, units)(torch.from_numpy(stored))
    np.testing.assert_allclose(made.numpy(), channels_in_front(expected), atol=1e-5)
    mixed = Linear(100.0, units)(torch.from_numpy(stored))
    np.testing.assert_allclose(
        mixed.numpy(), channels_in_front((stored - 100.0) / np.array(units)), atol=1e-5
    )


@given(pictures)
def test_logarithmic_is_the_logarithm_of_one_more_in_terms_of_the_full_scale(
    stored: npt.NDArray[np.generic],
) -> None:
    expected = np.log(stored.astype(np.float64) + 1) / np.log(65_536)
    made = Logarithmic(2.0**16)(torch.from_numpy(stored))
    np.testing.assert_allclose(made.numpy(), channels_in_front(expected), rtol=1e-5, atol=1e-7)


def test_the_logarithm_of_a_depth_runs_from_0_to_1() -> None:
    ends = torch.tensor([0, 255, 65_535], dtype=torch.uint16).reshape(3, 1, 1)
    assert Logarithmic(2.0**16)(ends).flatten().tolist() == pytest.approx([0, 0.5, 1])


def test_shares_of_a_few_classes_are_spread_out_to_all() -> None:
    random = np.random.default_rng(0)
    classes, few = 11, 4
    numbers = np.stack([random.permutation(classes)[:few] for _ in range(2 * 3 * 5)]).reshape(2, 3, 5, few)
    shares = random.random((2, 3, 5, few))
    expected = np.zeros((2, classes, 3, 5))
    for batch, row, column, place in np.ndindex(2, 3, 5, few):
        number = numbers[batch, row, column, place]
        expected[batch, number, row, column] = shares[batch, row, column, place]
    stored = np.concatenate([numbers, shares], axis=-1).astype(np.float32)
    np.testing.assert_allclose(ShareOfClasses(classes)(torch.from_numpy(stored)).numpy(), expected, rtol=1e-6)


def test_shares_of_the_same_class_add_up() -> None:
    stored = torch.tensor([2.0, 0.0, 2.0, 0.5, 0.25, 0.25]).reshape(1, 1, 6)
    assert ShareOfClasses(4)(stored).flatten().tolist() == [0.25, 0, 0.75, 0]


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scaling_keeps_the_input_and_works_on_batches(scale: Scale) -> None:
    stored = torch.randint(0, 2, (3, 4, 5, 2)).float()
    before = stored.clone()
    made = scale(stored)
    assert torch.equal(stored, before)
    assert torch.equal(made, torch.stack([scale(picture) for picture in stored]))


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scales_can_be_pickled_and_compared(scale: Scale) -> None:
    travelled = pickle.loads(pickle.dumps(scale))
    assert travelled == scale
    assert hash(travelled) == hash(scale)
    assert [other for other in SCALES if other == scale] == [scale]


def test_channels_first_is_a_view() -> None:
    stored = torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    made = channels_first(stored)
    assert made.data_ptr() == stored.data_ptr()
    assert made.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(made.numpy(), stored.numpy().transpose(0, 3, 1, 2))
