import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter
from skimage import feature

from lightning_taskonomy.data.annotate import keypoints2d, keypoints3d
from tests.data.annotate.photos import NAMES, Floats, averaged, photo


def slow_keypoints2d(name: str) -> Floats:
    """The published formula at 512 pixels, by scikit-image's box-filter Hessians, in 1/65535."""
    grey = photo(name) @ [0.299, 0.587, 0.114] / 255
    responses = [feature.hessian_matrix_det(grey, sigma) for sigma in np.linspace(1, 30, 10)]
    return np.asarray(65535 * np.clip(np.max(responses, axis=0), 0, 1), np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_2d_keypoints_are_those_of_the_formula(name: str) -> None:
    found, expected = keypoints2d(photo(name)), slow_keypoints2d(name)
    assert found.dtype == np.uint16
    assert np.abs(found - expected).max() < 0.501 + 1e-3 * expected.max() / 65535
    half_a_unit = 0.5 / np.maximum(expected, 0.5)
    assert (np.abs(found - expected) <= (1e-3 + half_a_unit) * expected + 1e-9).mean() > 0.999


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [256, 128])
def test_2d_keypoints_of_a_smaller_picture_are_those_of_the_large_one_averaged(name: str, side: int) -> None:
    found = keypoints2d(photo(name, side)).astype(float)
    expected = averaged(slow_keypoints2d(name), 512 // side)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > (0.995 if side == 256 else 0.99)
    assert found.mean() == pytest.approx(expected.mean(), rel=0.04 if side == 256 else 0.1)


def test_2d_keypoints_have_the_range_of_real_ones() -> None:
    found = keypoints2d(photo("astronaut"))
    assert 0.2 < np.clip(found / (65535 * 0.005), 0, 1).mean() < 0.3  # 0.21 to 0.28 in real files
    assert 1120 < found.max() < 4000


def test_corners_and_blobs_respond_and_straight_edges_do_not() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[160:352, 160:352] = 255
    response = keypoints2d(picture).astype(float)
    corner, side, dark = response[150:170, 150:170].max(), response[256, 150:156].max(), response[20, 20]
    assert corner > 10 * max(side, 1.0)
    assert dark == 0


def box_before_a_wall(size: int = 160) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    depth = np.full((size, size), 2.0, np.float32)
    depth[50:110, 50:110] = 1.5
    return depth


def test_corners_of_a_box_are_more_interesting_than_its_sides_and_the_wall() -> None:
    interest = maximum_filter(keypoints3d(box_before_a_wall(), 1.0).astype(float), 25)
    corner, side, wall = interest[50, 50], interest[50, 80], interest[15, 15]
    assert corner > 1.5 * side
    assert corner > 10 * max(wall, 1.0)


@pytest.mark.parametrize("distance", [1.0, 2.5])
def test_3d_keypoints_show_no_lattice_of_samples(distance: float) -> None:
    depth = np.full((512, 512), distance, np.float32)
    depth[128:256, 128:256] = 0.9 * distance
    depth[256:384, 256:384] = 0.85 * distance
    interest = keypoints3d(depth, 1.2).astype(float)
    # Sampling the support on a lattice makes the interest rise and fall from row to row inside bright areas.
    inside = minimum_filter(interest, 9) > 0.05 * 65535
    change = np.sign(np.diff(interest, axis=0))
    turns = change[1:] * change[:-1] < 0
    assert inside.sum() > 1000
    assert turns[inside[1:-1]].mean() < 0.1


def test_flat_walls_and_empty_views_have_no_keypoints() -> None:
    rows = np.linspace(2, 3, 64, dtype=np.float32)
    slanted = np.repeat(rows[:, None], 64, axis=1)
    assert keypoints3d(np.full((64, 64), 2.0, np.float32), 1.0).max() == 0
    assert keypoints3d(np.full((64, 64), np.inf, np.float32), 1.0).max() == 0
    assert keypoints3d(slanted, 1.0)[8:-8, 8:-8].max() < 0.1 * 65535


def test_pixels_without_a_surface_are_not_interesting() -> None:
    depth = box_before_a_wall()
    depth[:30] = np.inf
    assert keypoints3d(depth, 1.0)[:20].max() == 0
