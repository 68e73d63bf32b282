import hashlib

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab
from sklearn.neighbors import NearestNeighbors

from lightning_taskonomy.tasks.colours import BINS, lab, read_colorization, rgb_of_lab, soft_bins
from lightning_taskonomy.tasks.task import Example, Stored

Floats = npt.NDArray[np.float64]


def cube(step: int) -> npt.NDArray[np.uint8]:
    """Colours of the whole sRGB cube, (n, 3), its corners among them."""
    levels = np.append(np.arange(0, 255, step), 255)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3).astype(np.uint8)


def spread_out(few: npt.NDArray[np.generic]) -> Floats:
    """Bins and probabilities (…, 20) as a distribution over the 313 bins."""
    flat = few.reshape(-1, 20).astype(np.float64)
    shares = np.zeros((len(flat), 313))
    for row, (bins, its) in enumerate(zip(flat[:, :10].astype(int), flat[:, 10:], strict=True)):
        shares[row, bins] = its
    return shares.reshape(*few.shape[:-1], 313)


def expected_shares(colours: Floats) -> Floats:
    """The paper's soft encoding with another library's neighbours, (…, 313)."""
    flat = colours.reshape(-1, 2)
    distances, bins = NearestNeighbors(n_neighbors=10).fit(BINS).kneighbors(flat)
    weights = np.exp(-(distances**2) / (2 * 5**2))
    shares = np.zeros((len(flat), 313))
    np.put_along_axis(shares, bins, weights / weights.sum(axis=1, keepdims=True), axis=1)
    return shares.reshape(*colours.shape[:-1], 313)


def colorization(rgb: npt.NDArray[np.uint8], size: int) -> Example:
    return read_colorization([{"rgb": rgb}], size, np.random.default_rng(0))


def test_there_are_313_bins_on_a_grid_of_10() -> None:
    assert BINS.shape == (313, 2)
    assert len({tuple(centre) for centre in BINS.tolist()}) == 313
    assert (BINS % 10 == 0).all()
    assert np.abs(BINS).max() <= 110


def test_bins_are_the_published_ones_in_their_order() -> None:
    """`pts_in_hull.npy` of the paper's code, as 16-bit integers, a and b of each bin."""
    digest = hashlib.sha256(BINS.astype("<i2").tobytes()).hexdigest()
    assert digest == "e74b520cf1929e90ad9f051db10931e8ac5d1534c6cedabd7bfeba7a78a96c89"


def test_every_srgb_colour_is_near_a_bin() -> None:
    colours = rgb2lab(cube(6)[:, None])[:, 0, 1:]
    distances, _ = NearestNeighbors(n_neighbors=1).fit(BINS).kneighbors(colours)
    assert distances.max() < 10
    # Within half a diagonal of the grid, all but nothing of the cube's edge.
    assert (distances > 5 * np.sqrt(2)).mean() < 1e-3


def test_lab_of_the_whole_cube_is_that_of_scikit_image() -> None:
    colours = cube(15).reshape(-1, 2, 3)
    np.testing.assert_allclose(lab(colours), rgb2lab(colours), atol=1e-3)


def test_lab_of_colours_between_8_bit_ones() -> None:
    colours = np.random.default_rng(0).uniform(0, 255, (40, 40, 3)).astype(np.float32)
    np.testing.assert_allclose(lab(colours), rgb2lab(colours / np.float32(255)), atol=0.05)


def test_grey_has_no_colour() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    made = lab(grey)
    np.testing.assert_allclose(made[:, 1:], 0, atol=0.01)
    assert (np.diff(made[:, 0]) > 0).all()
    assert made[[0, 255], 0] == pytest.approx([0, 100], abs=1e-3)


def test_colours_come_back_from_lab() -> None:
    colours = cube(5)
    np.testing.assert_array_equal(rgb_of_lab(lab(colours)), colours)


def test_colours_of_lab_are_those_of_scikit_image() -> None:
    random = np.random.default_rng(0)
    values = np.column_stack([random.uniform(40, 75, 500), random.uniform(-60, 60, (500, 2))])
    expected = 255 * lab2rgb(values[:, None])[:, 0]
    assert (np.abs(rgb_of_lab(values.astype(np.float32)) - expected) <= 0.51).all()


def test_colours_outside_the_gamut_are_clipped() -> None:
    values = np.array([[50, 100, -110], [100, -90, 90], [0, 100, 100], [120, 0, 0]], np.float32)
    made = rgb_of_lab(values)
    assert made.dtype == np.uint8
    assert made[0, 1] == 0  # purple beyond all purples: no green
    assert made[1, 1] == 255  # green beyond all greens
    np.testing.assert_array_equal(made[3], [255, 255, 255])


@given(st.integers(0, 2**32 - 1))
def test_shares_are_those_of_the_10_nearest_bins(seed: int) -> None:
    # Drawn at random, so that no two bins are equally near.
    colours = np.random.default_rng(seed).uniform(-115, 115, (3, 4, 2)).astype(np.float32)
    few = soft_bins(colours)
    assert few.dtype == np.float32
    assert few.shape == (3, 4, 20)
    np.testing.assert_allclose(spread_out(few), expected_shares(colours.astype(np.float64)), atol=1e-5)


def test_the_bin_in_which_a_colour_lies_has_most_of_it() -> None:
    few = soft_bins(BINS[None] + np.array([1, -2], np.float32))
    np.testing.assert_array_equal(spread_out(few)[0].argmax(axis=1), np.arange(313))


@pytest.mark.parametrize(("given", "size"), [(32, 32), (64, 32)])
def test_colorization_of_a_photo(given: int, size: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (given, given, 3)).astype(np.uint8)

    def at(side: int) -> Floats:
        each = given // side
        averaged = picture.reshape(side, each, side, each, 3).mean(axis=(1, 3))
        return np.asarray(rgb2lab(averaged / 255), np.float64)

    made = colorization(picture, size)
    (lightness,) = made.inputs
    assert isinstance(lightness, np.ndarray)
    assert lightness.dtype == np.float32
    np.testing.assert_allclose(lightness, at(size)[None, ..., 0] / 50 - 1, atol=1e-3)
    assert isinstance(made.target, Stored)
    shares = made.target.scale(torch.tensor(made.target.values)).numpy()
    assert shares.shape == (313, size // 4, size // 4)
    expected = expected_shares(at(size // 4)[..., 1:]).transpose(2, 0, 1)
    np.testing.assert_allclose(shares, expected, atol=5e-3)
    assert made.mask is None


def test_black_and_white_are_the_ends_of_lightness_and_have_the_grey_bin() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 255
    made = colorization(picture, 8)
    (lightness,) = made.inputs
    assert isinstance(lightness, np.ndarray)
    np.testing.assert_allclose(lightness[0], np.where(np.arange(8) < 4, -1, 1) * np.ones((8, 1)), atol=1e-5)
    assert isinstance(made.target, Stored)
    likeliest = spread_out(made.target.values).argmax(axis=-1)
    np.testing.assert_array_equal(BINS[likeliest], np.zeros((2, 2, 2)))
