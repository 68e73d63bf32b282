"""Readers of the two layouts, against what was written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.morphology import thin

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.data.folders import NyudFolder, PascalFolder, boundaries
from tests.switching.data.small_sets import HEIGHT, PARTS, PERSON, WIDTH, band, make_nyud, make_pascal


@pytest.fixture(scope="module")
def pascal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pascal(tmp_path_factory.mktemp("pascal"))


def test_pascal_labels_are_what_was_written(pascal: Path) -> None:
    folder = PascalFolder(pascal, "val")
    assert folder.ids == ["2008_val0", "2008_val1", "2008_val2"]
    labels = folder.read("2008_val2", ["semseg", "parts", "edge", "normals", "saliency"])
    assert labels["rgb"].shape == (HEIGHT, WIDTH, 3)
    assert set(np.unique(labels["semseg"])) == {0, PERSON, 255}
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for name, number in (("head", 1), ("luarm", 3), ("rfoot", 6)):
        expected[band(PARTS[name]) > 0] = number
    np.testing.assert_array_equal(labels["parts"], expected)
    np.testing.assert_array_equal(labels["saliency"], band((10, 30)))
    stored = np.asarray(Image.open(pascal / "normals_distill" / "2008_val2.png")).astype(float) * 2 / 255 - 1
    stored /= np.linalg.norm(stored, axis=-1, keepdims=True)
    np.testing.assert_allclose(labels["normals"], stored, atol=1e-6)


def test_edges_are_the_thinned_borders_of_classes() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, (12, 14)).repeat(4, axis=0).repeat(4, axis=1)
    padded = np.pad(classes, 1, mode="reflect")
    sums = np.zeros(classes.shape, int)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        sums += padded[row : row + 48, column : column + 56]
    np.testing.assert_array_equal(boundaries(classes), thin(sums != 4 * classes))


def test_which_labels_an_image_has(pascal: Path) -> None:
    folder = PascalFolder(pascal, "train")
    assert [folder.has(image, "parts") for image in folder.ids] == [True, False] * 3
    assert [folder.has(image, "saliency") for image in folder.ids] == [False] + [True] * 5
    assert all(folder.has(image, "semseg") for image in folder.ids)


def test_people_are_found_without_the_list(tmp_path: Path) -> None:
    root = make_pascal(tmp_path)
    (root / "ImageSets" / "Parts" / "train.txt").unlink()
    folder = PascalFolder(root, "train")
    assert [folder.has(image, "parts") for image in folder.ids] == [True, False] * 3


def test_normals_count_on_some_classes(pascal: Path) -> None:
    folder = PascalFolder(pascal, "val", normal_classes=[300])
    known = np.square(folder.read("2008_val0", ["normals"])["normals"]).sum(axis=-1) > 0
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[10:30, 20:50] = True
    np.testing.assert_array_equal(known, expected)


@pytest.mark.parametrize("newer", [False, True])
def test_nyud_labels_are_what_was_written(tmp_path: Path, newer: bool) -> None:
    folder = NyudFolder(make_nyud(tmp_path, newer=newer), "val")
    assert folder.ids == ["1000", "1001"]
    labels = folder.read("1001", ["semseg", "edge", "normals", "depth"])
    assert set(np.unique(labels["semseg"])) == set(range(41))
    np.testing.assert_array_equal(labels["edge"], band((20, 22)).astype(np.float32))
    assert float(labels["depth"][:4].max()) == 0
    assert 0.5 < float(labels["depth"][4:].min()) < float(labels["depth"].max()) < 9
    np.testing.assert_allclose(np.linalg.norm(labels["normals"], axis=-1), 1, atol=1e-5)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Context/train\.txt: expected the list"):
        PascalFolder(tmp_path, "train")
    root = make_pascal(tmp_path / "pascal", train=2, val=1)
    folder = PascalFolder(root, "val")
    (root / "pascal-context" / "trainval" / "2008_val0.mat").write_bytes(b"MATLAB 5.0 but no more")
    with pytest.raises(InputError, match=r"2008_val0\.mat: cannot be read"):
        folder.read("2008_val0", ["edge"])
    with pytest.raises(InputError, match=r"2008_train1\.mat: expected a person"):
        PascalFolder(root, "train").read("2008_train1", ["parts"])
    nyud = NyudFolder(make_nyud(tmp_path / "nyud", train=1, val=1), "val")
    (nyud.root / "edge" / "1000.png").unlink()
    assert not nyud.has("1000", "edge")
    with pytest.raises(InputError, match=r"edge/1000: expected a file"):
        nyud.read("1000", ["edge"])
