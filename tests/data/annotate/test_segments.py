import networkx
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data, graph, segmentation, transform
from sklearn.cluster import spectral_clustering
from sklearn.metrics import adjusted_rand_score

from lightning_taskonomy.data.annotate import edge_occlusion, segment_unsup2d, segment_unsup25d
from lightning_taskonomy.data.annotate.felzenszwalb import felzenszwalb
from lightning_taskonomy.data.annotate.normalised_cuts import _best_cut, _similarity, normalised_cuts


def patches(seed: int, rows: int = 4, columns: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    labels = np.kron(np.arange(rows * columns).reshape(rows, columns), np.ones((8, 8), int))
    colours = rng.integers(0, 60, (rows * columns, 3)).astype(float)
    return labels, colours[labels]


@pytest.mark.parametrize("seed", range(6))
def test_weights_are_those_of_scikit_images_graph(seed: int) -> None:
    labels, features = patches(seed)
    reference = networkx.to_numpy_array(
        graph.rag_mean_color(features, labels, mode="similarity", connectivity=1), nodelist=range(20)
    )
    weights = _similarity(labels, features)
    np.fill_diagonal(weights, 0)
    np.testing.assert_allclose(weights, reference, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_is_that_of_spectral_clustering(seed: int) -> None:
    rng = np.random.default_rng(seed)
    block = rng.permutation(np.repeat([0, 1], [9, 7]))
    weights = np.where(
        block[:, None] == block[None], rng.uniform(0.5, 1, (16, 16)), rng.uniform(0, 0.05, (16, 16))
    )
    weights = np.triu(weights, 1)
    weights = weights + weights.T
    np.fill_diagonal(weights, 2.0)
    side = _best_cut(weights, 0.5, 10)
    assert side is not None
    clusters = spectral_clustering(weights, n_clusters=2, random_state=0)
    assert adjusted_rand_score(side, clusters) == 1


def test_a_dear_cut_is_not_made() -> None:
    weights = np.ones((5, 5))
    assert _best_cut(weights, 0.1, 10) is None
    labels, features = patches(0)
    assert normalised_cuts(labels, 0 * features, 0.005, 10).max() == 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "rocket"])
def test_segments_are_those_of_scikit_image(name: str) -> None:
    picture = transform.resize(getattr(data, name)(), (128, 128), anti_aliasing=True)
    ours = felzenszwalb(picture.astype(np.float32), 200, 3, 64)
    theirs = segmentation.felzenszwalb(picture, 200, 3, 64)
    # Edges of equal cost may be taken in another order.
    assert adjusted_rand_score(ours.ravel(), theirs.ravel()) > 0.95


def test_two_colours_are_two_segments() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = [220, 30, 30]
    segments = segment_unsup2d(picture)
    assert segments.dtype == np.uint8
    assert len(np.unique(segments[:, :24])) == 1
    assert len(np.unique(segments[:, 40:])) == 1
    assert segments[5, 5] != segments[5, 60]


def test_a_picture_of_noise_still_fits_into_a_byte() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    segments = segment_unsup2d(np.kron(picture[:32, :32], np.ones((8, 8, 1), np.uint8)))
    assert len(np.unique(segments)) <= 255


def test_surfaces_of_different_depth_and_direction_are_different_segments() -> None:
    depth = np.full((96, 96), 2.0, np.float32)
    normals = np.zeros((96, 96, 3), np.float32)
    normals[..., 2] = 1
    depth[20:70, 20:50] = 0.8
    normals[:, 70:] = [1, 0, 0]
    segments = segment_unsup25d(depth, normals, edge_occlusion(np.rint(512 * depth).astype(np.uint16)))
    assert len({int(segments[45, 35]), int(segments[5, 5]), int(segments[45, 90])}) == 3
