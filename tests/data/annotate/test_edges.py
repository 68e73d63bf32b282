import numpy as np
import pytest
from skimage import data, filters

from lightning_taskonomy.data.annotate import edge_occlusion, edge_texture
from lightning_taskonomy.data.annotate.edges import gradient_size, grey_of


def test_gradient_agrees_with_scikit_image() -> None:
    grey = grey_of(data.astronaut())
    expected = np.asarray(filters.sobel(grey, mode="nearest"), np.float64)
    np.testing.assert_allclose(gradient_size(grey).astype(np.float64), expected, atol=1e-6)


def test_a_straight_edge_is_as_strong_as_the_formula_says() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    edges = edge_texture(picture) / 65535
    # A step of height h smoothed with σ is at most h / (σ √(2π)) steep; Sobel sees it over two pixels.
    expected = (200 / 255) / (2.5 * np.sqrt(2 * np.pi)) * 2 / np.sqrt(2)
    assert edges[32, 31:33].mean() == pytest.approx(expected, rel=0.05)
    assert edges[:, :20].max() == 0


def test_occlusion_edges_sit_at_jumps_and_scale_with_them() -> None:
    distance = np.full((40, 40), 3.0, np.float32)
    distance[:, 20:] = 4.0
    edges = edge_occlusion(distance)
    assert set(np.flatnonzero(edges[20])) == {19, 20}
    distance[:, 20:] = 5.0
    assert edge_occlusion(distance)[20, 20] == pytest.approx(2 * int(edges[20, 20]), abs=2)


def test_a_view_without_surfaces_has_no_edges() -> None:
    assert edge_occlusion(np.full((8, 8), np.inf, np.float32)).max() == 0
