import hashlib
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import resize

from lightning_taskonomy.tasks.task import Example, Stored
from lightning_taskonomy.tasks.tiles import permutations, read_jigsaw

Picture = npt.NDArray[np.uint8]

sides = st.integers(12, 255)
seeds = st.integers(0, 2**32 - 1)


def of_places(size: int) -> Picture:
    """An image whose pixels encode their row, their column, and the size."""
    rows, columns = np.mgrid[:size, :size]
    return np.stack([rows, columns, np.full_like(rows, size)], axis=-1).astype(np.uint8)


def crop_of(side: int) -> int:
    """Pixels per side of what is cut from a cell."""
    return floor(Fraction(9, 10) * (side // 3))


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
    """Trained networks depend on their indices."""
    digest = hashlib.sha256(permutations().astype(np.int8).tobytes()).hexdigest()
    assert digest == "2c934883fce6fe936e04c84403de63f4f503fc001a10fc20972198855f84f494"


@given(sides, seeds)
def test_each_tile_is_a_piece_of_its_own_cell_in_the_order_of_the_permutation(side: int, seed: int) -> None:
    picture, cell, crop = of_places(side), side // 3, crop_of(side)
    made = jigsaw(picture, crop, seed)  # tiles of the crop's size are not resized
    order = permutations()[number_of(made)]
    tiles = tiles_of(made)
    assert len(tiles) == len(made.inputs) == 9
    for place, tile in zip(order.tolist(), tiles, strict=True):
        assert tile.shape == (crop, crop, 3)
        top, left = (int(number) for number in tile[0, 0, :2])
        np.testing.assert_array_equal(tile, picture[top : top + crop, left : left + crop])
        row, column = place // 3, place % 3
        assert row * cell <= top <= top + crop <= (row + 1) * cell
        assert column * cell <= left <= left + crop <= (column + 1) * cell


@given(sides, seeds)
def test_reassembled_tiles_make_the_image_except_at_seams(side: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    picture, crop = random.integers(0, 256, (side, side, 3)).astype(np.uint8), crop_of(side)
    # The same draw of a picture of places tells where its tiles were cut out.
    tiles, places = tiles_of(jigsaw(picture, crop, seed)), tiles_of(jigsaw(of_places(side), crop, seed))
    again = np.zeros_like(picture)
    covered = np.zeros((side, side), np.int64)
    for tile, place in zip(tiles, places, strict=True):
        rows, columns = (place[..., axis].astype(np.int64) for axis in (0, 1))
        again[rows, columns] = tile
        covered[rows, columns] += 1
    assert covered.max() == 1
    assert covered.sum() == 9 * crop**2
    np.testing.assert_array_equal(again[covered == 1], picture[covered == 1])


def test_all_crops_and_orders_are_drawn() -> None:
    picture = of_places(30)
    numbers, corners = set(), set()
    for seed in range(1500):
        made = jigsaw(picture, 9, seed)
        numbers.add(number_of(made))
        corners |= {(int(tile[0, 0, 0]) % 10, int(tile[0, 0, 1]) % 10) for tile in tiles_of(made)}
    assert numbers == set(range(100))
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_the_same_generator_cuts_the_same_tiles() -> None:
    first, second = (jigsaw(of_places(48), 32, 7) for _ in range(2))
    assert number_of(first) == number_of(second)
    np.testing.assert_array_equal(tiles_of(first), tiles_of(second))


@pytest.mark.parametrize("size", [7, 16, 32])
def test_tiles_have_the_networks_size_and_are_cut_before_they_are_resized(size: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    made, cut = jigsaw(picture, size, 3), tiles_of(jigsaw(picture, 28, 3))
    for part, tile in zip(made.inputs, cut, strict=True):
        assert isinstance(part, Stored)
        if size == 7:
            expected = tile.astype(float).reshape(7, 4, 7, 4, 3).mean(axis=(1, 3))
        elif size == 16:
            expected = np.einsum("ri,ijc,kj->rkc", sevens_in_fours(), tile.astype(float), sevens_in_fours())
        else:
            expected = resize(tile.astype(float), (size, size), order=1, mode="edge")  # type: ignore[no-untyped-call]
        scaled = part.scale(torch.tensor(part.values))
        np.testing.assert_allclose(scaled.numpy(), expected.transpose(2, 0, 1) / 127.5 - 1, atol=1e-4)


def sevens_in_fours() -> npt.NDArray[np.float64]:
    """Shares of 28 pixels in 16: each new one is 7/4 wide."""
    four = [[4, 3, 0, 0, 0, 0, 0], [0, 1, 4, 2, 0, 0, 0], [0, 0, 0, 2, 4, 1, 0], [0, 0, 0, 0, 0, 3, 4]]
    return np.asarray(np.kron(np.eye(4), np.array(four) / 7), np.float64)


def test_pictures_too_small_for_tiles_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 6 pixels per side, found 5"):
        jigsaw(of_places(5), 16, 0)
