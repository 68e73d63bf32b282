import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from skimage import data, feature, transform

from lightning_taskonomy.data.annotate import keypoints2d, keypoints3d
from lightning_taskonomy.data.annotate.edges import grey_of


def test_response_agrees_with_scikit_images_box_filter_hessian() -> None:
    picture = (255 * transform.resize(data.camera(), (128, 128), anti_aliasing=True)).astype(np.uint8)
    rgb = np.repeat(picture[..., None], 3, axis=-1)
    ours = keypoints2d(rgb).astype(float)
    theirs = np.max(
        [feature.hessian_matrix_det(grey_of(rgb).astype(float), s / 3) for s in (9, 15, 21, 27)], axis=0
    )
    inner = np.s_[16:-16, 16:-16]
    blurred = gaussian_filter(np.maximum(theirs, 0), 1.5)
    assert np.corrcoef(ours[inner].ravel(), blurred[inner].ravel())[0, 1] > 0.95


def test_corners_and_blobs_respond_and_straight_edges_do_not() -> None:
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[30:66, 30:66] = 255
    response = keypoints2d(picture).astype(float)
    corner, side, flat = response[30:34, 30:34].max(), response[48, 26:36].max(), response[5, 5]
    assert corner > 10 * max(side, 1.0)
    assert flat == 0


def test_the_picture_does_not_respond_to_brightness() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 100, (64, 64, 3)).astype(np.uint8)
    difference = keypoints2d(picture).astype(int) - keypoints2d(picture + np.uint8(100)).astype(int)
    assert np.abs(difference).max() <= 1


def box_before_a_wall(size: int = 160) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    depth = np.full((size, size), 2.0, np.float32)
    depth[50:110, 50:110] = 1.5
    return depth


def test_corners_of_a_box_are_more_interesting_than_its_sides_and_the_wall() -> None:
    interest = maximum_filter(keypoints3d(box_before_a_wall(), 1.0).astype(float), 25)
    corner, side, wall = interest[50, 50], interest[50, 80], interest[15, 15]
    assert corner > 1.5 * side
    assert corner > 10 * max(wall, 1.0)


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
