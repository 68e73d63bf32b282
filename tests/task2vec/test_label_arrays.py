"""Labels of every usual shape and type, and the notes about each."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import LabelledTask, Probe, as_task, embed
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.label_arrays import read_labels
from tests.task2vec.slow_loop import class_pictures, small_net

NUMBERS = np.array([0, 2, 1, 1, 0, 2])


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        NUMBERS.tolist(),
        NUMBERS.astype(np.uint8),
        NUMBERS.astype(np.float32),
        NUMBERS[:, None],
        NUMBERS[:, None].astype(float),
        NUMBERS[:, None, None],
        np.eye(3)[NUMBERS],
        np.eye(3, dtype=bool)[NUMBERS],
        np.array(["ant", "bee", "cat"])[NUMBERS],
        np.array(["ant", "bee", "cat"])[NUMBERS][:, None],
        np.array([b"ant", b"bee", b"cat"])[NUMBERS],
        np.array(["ant", "bee", "cat"], dtype=object)[NUMBERS],
        np.array([b"ant", b"bee", b"cat"], dtype=object)[NUMBERS],
        NUMBERS.astype(object),
        NUMBERS * 1_000_000,
        NUMBERS * 7 - 20,
        torch.from_numpy(NUMBERS),
    ],
)
def test_classes_of_any_shape_and_type_are_the_same_task(values: Any) -> None:  # noqa: ANN401
    found = read_labels(values, "y")
    assert found.targets.kind == "classes"
    assert found.targets.outputs == 3
    np.testing.assert_array_equal(found.targets.values, NUMBERS)
    np.testing.assert_array_equal(found.rows, np.arange(6))


@pytest.mark.parametrize(
    ("values", "kind", "shape"),
    [
        ([True, False, True], "classes", (3,)),
        (np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]]), "labels", (3, 3)),
        (np.array([[0.0, 1.0], [1.0, 1.0]]), "labels", (2, 2)),
        (np.array([0.5, 1.25, 3.0]), "values", (3, 1)),
        (np.array([[0.5], [1.25]]), "values", (2, 1)),
        (np.array([[3, 1], [5, 4]]), "values", (2, 2)),
        (np.arange(12).reshape(3, 2, 2) % 2, "pixel_classes", (3, 2, 2)),
        (np.arange(12.0).reshape(3, 2, 2) % 3, "pixel_classes", (3, 2, 2)),
        (np.arange(12).reshape(3, 1, 2, 2) % 2, "pixel_classes", (3, 2, 2)),
        (np.arange(12).reshape(3, 2, 2, 1) % 2, "pixel_classes", (3, 2, 2)),
        (np.arange(12).reshape(3, 2, 2) / 2, "pixel_values", (3, 1, 2, 2)),
        (np.random.default_rng(0).random((2, 3, 8, 9)), "pixel_values", (2, 3, 8, 9)),
        (np.random.default_rng(0).random((2, 8, 9, 3)), "pixel_values", (2, 3, 8, 9)),
    ],
)
def test_other_kinds(values: Any, kind: str, shape: tuple[int, ...]) -> None:  # noqa: ANN401
    found = read_labels(values, "y").targets
    assert (found.kind, found.values.shape) == (kind, shape)


@pytest.mark.parametrize(
    ("values", "rows", "classes", "note"),
    [
        ([0.0, 1.0, np.nan, 1.0], [0, 1, 3], [0, 1, 1], "1 images without a label left out"),
        ([0, 1, None, 2], [0, 1, 3], [0, 1, 2], "1 images without a label left out"),
        (["b", "", "a", None], [0, 2], [1, 0], "2 images without a label left out"),
        ([0, 1, -1, 2], [0, 1, 3], [0, 1, 2], "-1 interpreted as unknown, beside 3 classes"),
        ([0, 1, -100, 2], [0, 1, 3], [0, 1, 2], "-100 interpreted as unknown, beside 3 classes"),
        ([0, 1, 255, 2], [0, 1, 3], [0, 1, 2], "255 interpreted as unknown, beside 3 classes"),
        ([5, 20, 65_535], [0, 1], [0, 1], "65535 interpreted as unknown, beside 2 classes"),
        ([-1, 1, -1], [0, 1, 2], [0, 1, 0], "2 classes occur, numbered -1 to 1; renumbered"),
        ([0, 255, 0], [0, 1, 2], [0, 1, 0], "2 classes occur, numbered 0 to 255; renumbered"),
        ([0, 128, 255], [0, 1, 2], [0, 1, 2], "3 classes occur, numbered 0 to 255; renumbered"),
        (
            [0, 4_000_000_000, 7],
            [0, 1, 2],
            [0, 2, 1],
            "3 classes occur, numbered 0 to 4000000000; renumbered",
        ),
    ],
)
def test_unknown_labels_are_left_out_and_classes_renumbered(
    values: list[Any], rows: list[int], classes: list[int], note: str
) -> None:
    found = read_labels(values, "y")
    assert found.rows.tolist() == rows
    assert found.targets.values.tolist() == classes
    assert note in found.notes


def test_all_of_256_classes_are_kept() -> None:
    found = read_labels(np.arange(512) % 256, "y")
    assert (found.targets.outputs, found.notes) == (256, ())


@pytest.mark.parametrize("unknown", [255, -1, -100, 65_535])
def test_class_maps_may_have_unknown_pixels(unknown: int) -> None:
    maps = np.random.default_rng(0).integers(0, 3, (5, 4, 4)) * 10
    maps[:, :2] = unknown
    found = read_labels(maps, "seg").targets
    assert found.outputs == 3
    assert (found.values[:, :2] == -1).all()
    np.testing.assert_array_equal(found.values[:, 2:], maps[:, 2:] // 10)
    np.testing.assert_array_equal(read_labels(maps.astype(float), "seg").targets.values, found.values)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30))
def test_renumbering_keeps_equal_labels_equal(values: list[int]) -> None:
    if len(set(values) - {-1, -100, 255, 65_535}) < 2:
        return
    found = read_labels(values, "y")
    kept = [values[row] for row in found.rows]
    numbers = found.targets.values.tolist()
    assert set(numbers) == set(range(found.targets.outputs))
    names = found.classes if found.classes is not None else list(range(found.targets.outputs))
    assert [names[number] for number in numbers] == kept


@pytest.mark.parametrize(
    ("values", "kind", "line"),
    [
        ([3, 3, 3], None, "y: a task needs at least 2 classes; found 1"),
        (["a"] * 4, None, "y: a task needs at least 2 classes; found 1"),
        (
            [f"a chair, no. {n}" for n in range(30)],
            None,
            "y: 30 different names for 30 images are not classes",
        ),
        ([None, None], None, "y: expected numbers or names, .*found nothing but null"),
        ([{"a": 1}, {"a": 2}], None, "y: expected numbers or names, .*found dict"),
        ([["a", "b"], ["b", "c"]], None, r"y: expected one name per image, found shape \(2, 2\)"),
        ([[1, 2], [3]], None, "y: expected labels of one shape; found several"),
        ([1 + 2j, 3], None, "y: expected numbers or names, found complex128"),
        ([], None, r"y: expected a label per image, found shape \(0,\)"),
        (5, None, r"y: expected a label per image, found shape \(\)"),
        (np.zeros((2, 2, 2, 2, 2)), None, "y: expected labels of 1 to 4 dimensions"),
        ([[0.5, 2.0]] * 3, None, "y: every image has the same label; expected labels that differ"),
        ([[np.inf, 2.0], [1.0, 2.0]], None, "y: values must be finite; found inf"),
        ([0.5, 1.5], "classes", "y: classes must be integers; found 0.5"),
        ([0, 1], "words", "y: expected a kind of classes, labels"),
        (["a", "b"], "values", "y: expected numbers"),
        ([0, 2], "labels", "y: labels are 0 or 1; found 2"),
        (np.full((3, 4, 4), 7), None, "y: a task needs at least 2 classes; found 1"),
        (np.full((3, 4, 4), -1), None, "y: a task needs at least 2 classes; found 0"),
    ],
)
def test_what_is_no_label_gets_one_line_with_the_name(values: Any, kind: Any, line: str) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=f"^{line}") as error:
        read_labels(values, "y", kind)
    assert "\n" not in str(error.value)


def test_interpretations_of_labels_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    images = ImageArrays(np.zeros((4, 4, 4)), 4)
    task = LabelledTask.of("birds", images, np.array([7, 900, -1, 7]))
    assert task.rows.tolist() == [0, 1, 3]
    assert task.about["classes"] == [7, 900]
    assert "task birds: -1 interpreted as unknown, beside 2 classes" in caplog.text
    assert "task birds: 2 classes occur, numbered 7 to 900; renumbered" in caplog.text
    with pytest.raises(InputError, match="task birds: 4 images, 3 labels"):
        LabelledTask.of("birds", images, [0, 1, 2])


def test_data_sets_with_names_and_gaps_are_embedded() -> None:
    pictures, labels = class_pictures(18)
    plain = embed(
        Probe(small_net(), "last"), TensorDataset(pictures, labels), head_epochs=1, epoch_samples=128
    )
    for values in (labels[:, None].float(), labels * 10**6, nn.functional.one_hot(labels)):
        data = TensorDataset(pictures, values)
        found = embed(Probe(small_net(), "last"), data, head_epochs=1, epoch_samples=128)
        np.testing.assert_array_equal(found.hessian, plain.hessian)
    names = np.array(["ant", "bee", "cat"])[labels.numpy()]
    listed = as_task([(picture, str(name)) for picture, name in zip(pictures, names, strict=True)])
    found = embed(Probe(small_net(), "last"), listed, head_epochs=1, epoch_samples=128)
    np.testing.assert_array_equal(found.hessian, plain.hessian)


def test_a_kept_classifier_has_its_own_class_indices() -> None:
    """Classes 0 and 2 of the probe's three: noise is fitted on the true labels, in the probe's indices."""
    pictures, labels = class_pictures(18)
    chosen = labels != 1
    options: dict[str, Any] = {
        "method": "variational",
        "head_epochs": 0,
        "epoch_samples": 64,
        "balanced": False,
    }
    found = embed(Probe(small_net(), "last"), TensorDataset(pictures[chosen], labels[chosen]), **options)
    shares = nn.functional.one_hot(labels[chosen], 3) * 0.9 + 0.1 / 3
    expected = embed(
        Probe(small_net(), "last"), TensorDataset(pictures[chosen], shares), kind="classes", **options
    )
    other = embed(
        Probe(small_net(), "last"), TensorDataset(pictures[chosen], labels[chosen].clamp(max=1)), **options
    )
    near, far = (abs(each.hessian - found.hessian).sum() for each in (expected, other))
    assert near < far
