import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from lightning_taskonomy.data.annotate import edge_occlusion, edge_texture
from tests.data.annotate.photos import NAMES, Floats, averaged, photo


def slow_edge_texture(name: str) -> Floats:
    """The published formula at 512 pixels, by scipy's Gaussian and scikit-image's Sobel, in 1/65535."""
    grey = photo(name) @ [0.2126, 0.7152, 0.0722] / 255
    inside = np.ones(grey.shape)
    smooth = ndimage.gaussian_filter(grey, 3.0, mode="constant")
    smooth /= ndimage.gaussian_filter(inside, 3.0, mode="constant")
    return np.asarray(65535 * filters.sobel(smooth, inside.astype(bool)), np.float64)


def slow_edge_occlusion(depth: Floats) -> Floats:
    return np.asarray(65535 * filters.sobel(np.sqrt(depth) / 256, depth < 65535), np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_texture_edges_are_those_of_the_formula(name: str) -> None:
    found, expected = edge_texture(photo(name)), slow_edge_texture(name)
    assert found.dtype == np.uint16
    assert np.abs(found - expected).max() < 0.51 + 1e-3 * expected.max()
    assert np.abs(found - expected).sum() < 1e-3 * expected.sum()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [256, 128])
def test_texture_edges_of_a_smaller_picture_are_those_of_the_large_one_averaged(name: str, side: int) -> None:
    found = edge_texture(photo(name, side)).astype(float)
    expected = averaged(slow_edge_texture(name), 512 // side)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > (0.995 if side == 256 else 0.98)
    assert (found * expected).sum() / (expected**2).sum() == pytest.approx(
        1, abs=0.02 if side == 256 else 0.04
    )


def test_texture_edges_have_the_range_of_real_ones() -> None:
    # Maxima of real files begin at 8,901; the mere gradient of a Gaussian of 3 pixels ends at 8,715.
    assert 8901 < edge_texture(photo("astronaut")).max() < 65535 * 0.19
    step = np.zeros((512, 512, 3), np.uint8)
    step[:, 256:] = 255
    assert edge_texture(step).max() == pytest.approx(65535 * np.sqrt(2) / (3 * np.sqrt(2 * np.pi)), rel=0.03)


def steps(side: int) -> Floats:
    """A receding wall, a box in front of it and a hole, in 1/512 m."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    depth: Floats = np.rint(512 * (3 + rows + 0.5 * columns))
    depth[(rows >= 0.25) & (rows < 0.625) & (columns >= 0.25) & (columns < 0.75)] = 512
    depth[(rows >= 0.75) & (columns >= 0.75)] = 65535
    return depth


def test_occlusion_edges_are_those_of_the_formula() -> None:
    depth = steps(512)
    found, expected = edge_occlusion(depth.astype(np.uint16)), slow_edge_occlusion(depth)
    assert np.abs(found - expected).max() <= 0.51
    assert expected.max() > 4000


def test_occlusion_edges_of_a_smaller_picture_are_those_of_the_large_one_averaged() -> None:
    found = edge_occlusion(steps(256).astype(np.uint16)).astype(float)
    expected = averaged(slow_edge_occlusion(steps(512)), 2)
    seen = ndimage.minimum_filter(steps(256) < 65535, 5)  # the rim beside a hole is a pixel wide in both
    assert found[seen].mean() == pytest.approx(expected[seen].mean(), rel=0.02)
    assert np.corrcoef(found[seen], expected[seen])[0, 1] > 0.98


def test_there_are_no_occlusion_edges_beside_a_hole_and_in_an_empty_view() -> None:
    depth = np.full((40, 40), 512, np.uint16)
    depth[10:20, 10:20] = 65535
    assert edge_occlusion(depth).max() == 0
    assert edge_occlusion(np.full((8, 8), 65535, np.uint16)).max() == 0
