"""Labels of every kind, and tasks with them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import LabelledTask, Targets, as_task
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.likelihoods import Bernoulli, Categorical, Gaussian
from lightning_taskonomy.task2vec.targets import Kind


@pytest.mark.parametrize(
    ("kind", "values", "outputs", "likelihood"),
    [
        ("classes", [0, 2, 1], 3, Categorical(3)),
        ("classes", [[0.2, 0.8], [1.0, 0.0]], 2, Categorical(2)),
        ("labels", [[0, 1, 1], [0, 0, 0]], 3, Bernoulli(3)),
        ("values", [[0.5, -2.0]], 2, Gaussian((1.0, 1.0))),
        ("pixel_classes", [[[0, -1], [4, 2]]], 5, Categorical(5)),
        ("pixel_values", [[[[0.5, np.nan]]]], 1, Gaussian((1.0,))),
    ],
)
def test_kinds(kind: Kind, values: Any, outputs: int, likelihood: object) -> None:  # noqa: ANN401
    targets = Targets.of(kind, values)
    assert (len(targets), targets.outputs, targets.likelihood()) == (len(values), outputs, likelihood)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("classes", [0, -1], "classes start at 0; found -1"),
        ("classes", [0, 0], "a task needs at least 2 classes; found 1"),
        ("classes", [0.5, 1], "classes must be integers; found 0.5"),
        ("classes", [], "non-empty array"),
        ("labels", [[0, 2]], "labels are 0 or 1; found 2"),
        ("values", [[np.nan]], "values must be finite; found nan"),
        ("pixel_classes", [[1, 2]], "pixel_classes must be a non-empty array of 3 dimensions"),
        ("words", [1], "kind: expected one of classes, labels"),
    ],
)
def test_invalid_labels_are_refused(kind: Any, values: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=message):
        Targets.of(kind, values)


def test_unknown_pixels_do_not_count() -> None:
    classes = Targets.of("pixel_classes", [[[0, -1], [1, 2]]])
    assert classes.counted().tolist() == [[True, False, True, True]]
    values = np.ones((1, 2, 2, 2))
    values[0, 1, 0, 0] = np.nan
    assert Targets.of("pixel_values", values).counted().tolist() == [[False, True, True, True]]


def test_resizing_takes_the_nearest_pixel() -> None:
    picture = np.arange(64).reshape(1, 8, 8)
    found = Targets.of("pixel_classes", picture).at_side(4).values[0]
    np.testing.assert_array_equal(found, picture[0, 1::2, 1::2])
    larger = Targets.of("pixel_classes", picture).at_side(16).values[0]
    np.testing.assert_array_equal(larger, np.kron(picture[0], np.ones((2, 2), int)))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (torch.tensor([0, 1, 2, 1]), "classes"),
        (torch.tensor([[0, 1], [1, 1], [0, 0], [1, 0]]), "labels"),
        (torch.rand(4, 2), "values"),
        (torch.zeros(4, 6, 6, dtype=torch.long) + torch.arange(4)[:, None, None], "pixel_classes"),
        (torch.rand(4, 1, 6, 6), "pixel_values"),
    ],
)
def test_kind_follows_from_shape(labels: torch.Tensor, kind: str) -> None:
    task = as_task(TensorDataset(torch.rand(4, 3, 8, 8), labels))
    assert task.targets.kind == kind
    assert task.images[2].shape == (3, 8, 8)


def test_labels_are_found_without_reading_images() -> None:
    class Torchvisions:
        """Like torchvision's data sets."""

        targets = (2, 0, 1)

        def __len__(self) -> int:
            return 3

        def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
            raise AssertionError

    assert as_task(Torchvisions()).targets.values.tolist() == [2, 0, 1]


def task(labels: list[int]) -> LabelledTask:
    images = ImageArrays(np.zeros((len(labels), 4, 4)), 4)
    return LabelledTask("t", images, Targets.of("classes", labels), np.arange(len(labels)))


def test_a_sample_has_the_exact_size_and_is_stratified() -> None:
    whole = task([0] * 60 + [1] * 30 + [2] * 10)
    for count in (10, 20, 50):
        part = whole.sample(count, seed=count)
        assert len(part.rows) == len(set(part.rows)) == count
        np.testing.assert_allclose(
            np.bincount(part.targets.values, minlength=3) / count, [0.6, 0.3, 0.1], atol=0.06
        )
    assert whole.first(70).targets.values.tolist() == [0] * 60 + [1] * 10
    assert whole.sample(1000) is whole


def test_missing_images_are_refused() -> None:
    images = ImageArrays(np.zeros((3, 4, 4)), 4)
    with pytest.raises(InputError, match="task t: expected image indices below 3"):
        LabelledTask("t", images, Targets.of("classes", [0, 1]), np.array([0, 3]))
    with pytest.raises(InputError, match="task t: 1 images, 2 labels"):
        LabelledTask("t", images, Targets.of("classes", [0, 1]), np.array([0]))
