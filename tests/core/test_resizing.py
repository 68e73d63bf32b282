"""Resizing against scikit-image and slow restatements."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce
from skimage.transform import resize

from lightning_taskonomy.core.resizing import Resampling, central_square, resized, surface_mask

Picture = npt.NDArray[Any]

seeds = st.integers(0, 2**32 - 1)
factors = st.integers(2, 6)


def picture(side: int, seed: int, bits: int = 16, channels: int | None = None) -> Picture:
    shape = (side, side) if channels is None else (side, side, channels)
    return np.random.default_rng(seed).integers(0, 2**bits - 1, shape).astype(f"uint{bits}")


def holed_depth(side: int, seed: int) -> npt.NDArray[np.uint16]:
    """Depths with a few rectangles that have no surface."""
    random = np.random.default_rng(seed)
    depth = random.integers(100, 64_500, (side, side)).astype(np.uint16)
    for value in (64_500, 65_535, 65_535):
        top, left = random.integers(0, side, 2)
        depth[top : top + random.integers(1, side), left : left + random.integers(1, 4)] = value
    return depth


def areas(side: int, size: int) -> npt.NDArray[np.float64]:
    """The overlap of each new pixel with each old one along a side, (size, side)."""
    step = side / size
    return np.array(
        [
            [max(0.0, min(old + 1, (new + 1) * step) - max(old, new * step)) / step for old in range(side)]
            for new in range(size)
        ]
    )


@given(st.integers(1, 8), factors, seeds, st.sampled_from([None, 1, 3]))
def test_whole_ratios_are_means_of_blocks(size: int, factor: int, seed: int, channels: int | None) -> None:
    for bits in (8, 16):
        values = picture(size * factor, seed, bits, channels)
        blocks = (factor, factor) if channels is None else (factor, factor, 1)
        made = resized(values, size)
        assert made.dtype == np.float32
        expected = block_reduce(values.astype(float), blocks, np.mean)
        np.testing.assert_allclose(made, expected, rtol=1e-6)


@given(st.integers(1, 40), st.integers(1, 40), seeds, st.sampled_from([None, 2]))
def test_other_ratios_are_means_over_areas(a: int, b: int, seed: int, channels: int | None) -> None:
    size, side = min(a, b), max(a, b)
    values = picture(side, seed, channels=channels)
    expected = np.einsum("ri,ij...,cj->rc...", areas(side, size), values.astype(float), areas(side, size))
    np.testing.assert_allclose(resized(values, size), expected, rtol=1e-5, atol=1e-2)


@given(st.integers(2, 20), st.integers(1, 30), seeds)
def test_larger_pictures_are_interpolated(side: int, more: int, seed: int) -> None:
    values = picture(side, seed)
    shape = (side + more, side + more)
    expected = resize(values.astype(float), shape, order=1, mode="edge")
    np.testing.assert_allclose(resized(values, side + more), expected, rtol=1e-4, atol=0.1)


@given(st.integers(1, 8), factors, seeds)
def test_depths_are_averaged_as_logarithms_where_all_is_surface(size: int, factor: int, seed: int) -> None:
    depth = holed_depth(size * factor, seed)
    made = resized(depth, size, "depth")
    for row in range(size):
        for column in range(size):
            block = depth[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            if (block >= 64_500).any():
                assert made[row, column] == 65_535
            else:
                mean = np.log(1 + block.astype(float)).mean()
                assert np.log(1 + float(made[row, column])) == pytest.approx(mean, rel=1e-6)
    np.testing.assert_array_equal(surface_mask(depth, size), made < 64_500)


@given(st.integers(6, 40), st.integers(6, 40), seeds)
def test_no_depth_is_mixed_with_the_code_for_none(side: int, size: int, seed: int) -> None:
    depth = holed_depth(side, seed)
    known = depth[depth < 64_500]
    made = resized(depth, size, "depth")
    real = made[made < 64_500]
    assert set(made[made >= 64_500].tolist()) <= {64_500.0, 65_535.0}
    if len(real):
        assert real.min() >= known.min() * (1 - 1e-4)
        assert real.max() <= known.max() * (1 + 1e-4)
    np.testing.assert_array_equal(surface_mask(depth, size), made < 64_500)


def test_a_hundredth_of_a_pixel_may_be_missing() -> None:
    depth = np.full((20, 20), 1000, np.uint16)
    depth[0, :5] = 65_535
    np.testing.assert_allclose(resized(depth, 2, "depth"), [[65_535, 1000], [1000, 1000]], rtol=1e-5)
    depth[0, 1:] = 1000  # one of the hundred pixels under the first
    np.testing.assert_allclose(resized(depth, 2, "depth"), np.full((2, 2), 1000), rtol=1e-5)
    assert surface_mask(depth, 2).all()


@given(st.integers(1, 30), st.integers(1, 60), seeds)
def test_ids_are_those_in_the_middle(side: int, size: int, seed: int) -> None:
    ids = picture(side, seed, 8)
    made = resized(ids, size, "ids")
    assert made.dtype == np.uint8
    for row in range(size):
        for column in range(size):
            place = (int((row + 0.5) * side / size), int((column + 0.5) * side / size))
            assert made[row, column] == ids[place]


@pytest.mark.parametrize("resampling", ["values", "depth", "ids"])
def test_pictures_of_the_size_stay_as_they_are(resampling: Resampling) -> None:
    values = holed_depth(12, 0)
    assert resized(values, 12, resampling) is not None
    np.testing.assert_array_equal(resized(values, 12, resampling), values)
    assert resized(values, 12, resampling).dtype == np.uint16


@pytest.mark.parametrize("resampling", ["values", "depth", "ids"])
def test_of_oblong_pictures_the_middle_is_taken(resampling: Resampling) -> None:
    wide = picture(30, 1)[:18]
    np.testing.assert_array_equal(central_square(wide), wide[:, 6:24])
    np.testing.assert_array_equal(resized(wide, 9, resampling), resized(wide[:, 6:24].copy(), 9, resampling))
    np.testing.assert_array_equal(central_square(wide.T), wide[:, 6:24].T)


@given(st.sampled_from([(8, 4, 2), (24, 12, 4), (24, 8, 4), (64, 32, 8)]), seeds)
def test_in_two_steps_as_in_one(sides: tuple[int, int, int], seed: int) -> None:
    side, between, size = sides
    values, depth = picture(side, seed), holed_depth(side, seed)
    np.testing.assert_allclose(resized(resized(values, between), size), resized(values, size), rtol=1e-5)
    np.testing.assert_allclose(
        resized(resized(depth, between, "depth"), size, "depth"), resized(depth, size, "depth"), rtol=1e-4
    )
