import hashlib
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.tasks.task import Example, Stored
from lightning_taskonomy.tasks.tiles import permutations, read_jigsaw, tile_size

Picture = npt.NDArray[np.uint8]

sizes = st.integers(12, 255)
seeds = st.integers(0, 2**32 - 1)


def of_places(size: int) -> Picture:
    """A picture whose pixels say where they are: their row, their column, and the size."""
    rows, columns = np.mgrid[:size, :size]
    return np.stack([rows, columns, np.full_like(rows, size)], axis=-1).astype(np.uint8)


def jigsaw(picture: Picture, size: int, seed: int) -> Example:
    return read_jigsaw([{"rgb": picture}], size, np.random.default_rng(seed))


def tiles_of(made: Example) -> list[npt.NDArray[np.generic]]:
    return [part.values for part in made.inputs if isinstance(part, Stored)]


def number_of(made: Example) -> int:
    assert isinstance(made.target, np.ndarray)
    assert made.target.shape == ()
    assert made.target.dtype == np.int64
    return int(made.target)


def test_there_are_100_different_permutations() -> None:
    orders = permutations()
    assert orders.shape == (100, 9)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(9), (100, 1)))
    assert len({tuple(order) for order in orders.tolist()}) == 100


def test_permutations_are_far_from_each_other() -> None:
    orders = permutations()
    distances = np.array([(a != b).sum() for place, a in enumerate(orders) for b in orders[:place]])
    # At most 9!/7! = 72 permutations differ in 8 places, so of 100 some differ in 7 or fewer. The paper's own
    # sets of about 100 have a least distance of 2 or 3 and a mean of 8.08.
    assert distances.min() >= 6
    # The mean is largest where each place holds each tile 11 or 12 times: such pairs agree there.
    agreeing = 9 * (8 * (11 * 10 // 2) + 12 * 11 // 2)
    assert distances.mean() == pytest.approx(9 - agreeing / (100 * 99 // 2))


def test_permutations_never_change() -> None:
    """Trained networks know them by their numbers."""
    digest = hashlib.sha256(permutations().astype(np.int8).tobytes()).hexdigest()
    assert digest == "2c934883fce6fe936e04c84403de63f4f503fc001a10fc20972198855f84f494"


@given(st.integers(3, 2048))
def test_tiles_are_nine_tenths_of_their_cell(size: int) -> None:
    assert tile_size(size) == floor(Fraction(9, 10) * (size // 3))


@given(sizes, seeds)
def test_each_tile_is_a_piece_of_its_own_cell_in_the_order_of_the_permutation(size: int, seed: int) -> None:
    made, picture = jigsaw(of_places(size), size, seed), of_places(size)
    cell, side = size // 3, tile_size(size)
    order = permutations()[number_of(made)]
    tiles = tiles_of(made)
    assert len(tiles) == len(made.inputs) == 9
    for place, tile in zip(order.tolist(), tiles, strict=True):
        assert tile.shape == (side, side, 3)
        top, left = (int(number) for number in tile[0, 0, :2])
        np.testing.assert_array_equal(tile, picture[top : top + side, left : left + side])
        row, column = place // 3, place % 3
        assert row * cell <= top <= top + side <= (row + 1) * cell
        assert column * cell <= left <= left + side <= (column + 1) * cell


@given(sizes, seeds)
def test_tiles_put_back_make_the_picture_but_for_its_seams(size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (size, size, 3)).astype(np.uint8)
    # The same draw of a picture of places tells where its tiles were cut out.
    tiles, places = tiles_of(jigsaw(picture, size, seed)), tiles_of(jigsaw(of_places(size), size, seed))
    again = np.zeros_like(picture)
    covered = np.zeros((size, size), np.int64)
    for tile, place in zip(tiles, places, strict=True):
        rows, columns = (place[..., axis].astype(np.int64) for axis in (0, 1))
        again[rows, columns] = tile
        covered[rows, columns] += 1
    assert covered.max() == 1
    assert covered.sum() == 9 * tile_size(size) ** 2
    np.testing.assert_array_equal(again[covered == 1], picture[covered == 1])


def test_crops_and_orders_are_drawn_from_all_there_are() -> None:
    size, picture = 30, of_places(30)
    numbers, corners = set(), set()
    for seed in range(1500):
        made = jigsaw(picture, size, seed)
        numbers.add(number_of(made))
        corners |= {(int(tile[0, 0, 0]) % 10, int(tile[0, 0, 1]) % 10) for tile in tiles_of(made)}
    assert numbers == set(range(100))
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_the_same_generator_cuts_the_same_tiles() -> None:
    first, second = (jigsaw(of_places(48), 48, 7) for _ in range(2))
    assert number_of(first) == number_of(second)
    np.testing.assert_array_equal(tiles_of(first), tiles_of(second))


def test_tiles_are_cut_from_the_picture_at_its_new_size_and_scaled_as_photos() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    smaller = picture.astype(np.float64).reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    made, places = jigsaw(picture, 48, 3), tiles_of(jigsaw(of_places(48), 48, 3))
    for part, place in zip(made.inputs, places, strict=True):
        assert isinstance(part, Stored)
        top, left = (int(number) for number in place[0, 0, :2])
        expected = smaller[top : top + 14, left : left + 14].transpose(2, 0, 1) / 127.5 - 1
        scaled = part.scale(torch.tensor(part.values))
        np.testing.assert_allclose(scaled.numpy(), expected, atol=1e-5)
