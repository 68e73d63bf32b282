import networkx
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data, graph, segmentation, transform
from sklearn.cluster import spectral_clustering
from sklearn.metrics import adjusted_rand_score

from lightning_taskonomy.data.annotate import edge_occlusion, segment_unsup2d, segment_unsup25d
from lightning_taskonomy.data.annotate.felzenszwalb import felzenszwalb
from lightning_taskonomy.data.annotate.normalised_cuts import _best_cut, _similarity, normalised_cuts

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]


def patches(seed: int, rows: int = 4, columns: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    labels = np.kron(np.arange(rows * columns).reshape(rows, columns), np.ones((8, 8), int))
    colours = rng.integers(0, 60, (rows * columns, 3)).astype(float)
    return labels, colours[labels]


@pytest.mark.parametrize("seed", range(6))
def test_weights_are_those_of_scikit_images_graph(seed: int) -> None:
    labels, features = patches(seed)
    reference = networkx.to_numpy_array(
        graph.rag_mean_color(features, labels, mode="similarity", connectivity=2), nodelist=range(20)
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


@pytest.mark.parametrize("seed", range(4))
def test_no_more_is_cut_than_scikit_image_cuts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(np.arange(30).reshape(5, 6), np.ones((6, 6), int))
    features = rng.uniform(0, 1, (30, 3))[labels]
    ours = normalised_cuts(labels, features, 1.0, 100)
    region_graph = graph.rag_mean_color(features, labels, mode="similarity")
    theirs = graph.cut_normalized(labels, region_graph, thresh=1.0, num_cuts=100, max_edge=2.0, rng=0)
    # Graphs of three regions are cut differently there, as only one eigenvector is computed.
    assert abs(len(np.unique(ours)) - len(np.unique(theirs))) <= 3
    assert adjusted_rand_score(ours.ravel(), theirs.ravel()) > 0.6


def test_three_colours_are_three_segments() -> None:
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[:, 32:] = [220, 30, 30]
    picture[:, 64:] = [30, 220, 220]
    segments = segment_unsup2d(picture)
    assert segments.dtype == np.uint8
    columns = segments[:, [10, 48, 85]]
    assert all(len(np.unique(column)) == 1 for column in columns.T)
    assert len(np.unique(columns)) == 3


def test_a_picture_of_noise_still_fits_into_a_byte() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    segments = segment_unsup2d(np.kron(picture[:32, :32], np.ones((8, 8, 1), np.uint8)))
    assert len(np.unique(segments)) <= 255


def view_of_boxes(side: int, rng: np.random.Generator) -> tuple[Words, Bytes]:
    """Stored depth and normals of a room with boxes in it: planes of many directions and depths."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    depth, normals = np.full((side, side), 512 * 5.0), np.full((side, side, 3), 127.0)
    normals[..., 2] = 0
    floor = rows > 0.6
    depth[floor] = (512 * 5 * 0.1 / np.maximum(rows - 0.5, 0.05))[floor]
    normals[floor] = [127, 0, 127]
    for _ in range(12):
        top, left, height, width = rng.uniform(0, 0.8), rng.uniform(0, 0.8), *rng.uniform(0.08, 0.3, 2)
        inside = (rows > top) & (rows < top + height) & (columns > left) & (columns < left + width)
        slant = rng.uniform(-0.5, 0.5)
        depth[inside] = (512 * rng.uniform(1, 4) * (1 + slant * (columns - left)))[inside]
        normals[inside] = np.rint(127 + 127 * np.array([np.sin(slant), 0, -np.cos(slant)]))
    return np.rint(depth).astype(np.uint16), normals.astype(np.uint8)


def slow_segment_unsup25d(depth: Words, normals: Bytes, occlusion: Words) -> NDArray[np.int64]:
    """The annotator's recipe at 512 pixels, of scikit-image's segments, graph and cuts."""

    def smooth(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
        inside = gaussian_filter(np.ones(depth.shape), sigma, mode="constant")
        return np.asarray(gaussian_filter(image, sigma, mode="constant") / inside, np.float64)

    layers = [2 * smooth(np.log(depth.astype(float)) / 16, 1)]
    layers += [smooth(normals[..., axis] / 255, 2) for axis in range(3)]
    layers += [10 * occlusion / 255**2]
    features = np.dstack(layers)
    regions = segmentation.felzenszwalb(features, 200, 0, 200, channel_axis=-1)
    count = int(regions.max()) + 1
    sizes = np.bincount(regions.ravel(), minlength=count)
    means = np.stack([np.bincount(regions.ravel(), layer.ravel(), count) / sizes for layer in layers], -1)
    region_graph = graph.RAG(regions, connectivity=2)
    for one, other, edge in region_graph.edges(data=True):
        edge["weight"] = np.exp(-((means[one] - means[other]) ** 2).sum() / 255)
    for region in region_graph.nodes:
        region_graph.nodes[region]["labels"] = [region]
    cut = graph.cut_normalized(regions, region_graph, thresh=1.0, num_cuts=100, max_edge=2.0, rng=0)
    return np.asarray(cut, np.int64)


@pytest.mark.filterwarnings("ignore:Got image with third dimension")
@pytest.mark.parametrize("seed", range(3))
def test_surface_segments_are_those_of_the_annotators_recipe(seed: int) -> None:
    depth, normals = view_of_boxes(512, np.random.default_rng(seed))
    occlusion = edge_occlusion(depth)
    ours = segment_unsup25d(depth, normals, occlusion)
    theirs = slow_segment_unsup25d(depth, normals, occlusion)
    assert len(np.unique(ours)) == pytest.approx(len(np.unique(theirs)), rel=0.25)
    assert adjusted_rand_score(ours.ravel(), theirs.ravel()) > 0.8


def test_surface_segments_of_a_smaller_view_are_about_those_of_the_large_one() -> None:
    large, small = (view_of_boxes(side, np.random.default_rng(5)) for side in (512, 256))
    expected, found = (segment_unsup25d(*view, edge_occlusion(view[0])) for view in (large, small))
    assert len(np.unique(found)) == pytest.approx(len(np.unique(expected)), rel=0.4)
    assert adjusted_rand_score(found.ravel(), expected[::2, ::2].ravel()) > 0.7


def test_a_view_without_surfaces_is_one_segment() -> None:
    nothing = np.full((64, 64), 65535, np.uint16)
    blank = np.full((64, 64, 3), 127, np.uint8)
    assert len(np.unique(segment_unsup25d(nothing, blank, edge_occlusion(nothing)))) == 1
