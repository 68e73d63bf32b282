"""The most common mistakes in custom readers, each reported in the task's terms."""

# ruff: noqa: ANN401 - mistakes have any type

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lightning_taskonomy.tasks import Example, Pixels, Stored, Task, Vector, dictionary
from lightning_taskonomy.tasks.example_check import class_misfit, is_own, misfit, reading_error
from lightning_taskonomy.tasks.losses import CrossEntropy, PixelPairs, l1, l2
from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.scales import Linear
from tests.tasks.test_entries import examples

SIZE = 16
PICTURE = np.zeros((3, SIZE, SIZE), np.float32)


def reader(*_: Any) -> Example:
    raise AssertionError("not read")


def task(output: Pixels | Vector, loss: Any, **more: Any) -> Task:
    return Task("mine", "Mine", (), output, loss, reader, **more)


NUMBER = task(Vector(1), l2)
CLASSES = task(Vector(5), CrossEntropy())
PIXELS = task(Pixels(2), l1)
QUARTERS = task(Pixels(2, 4), l1)
LABELS = task(Pixels(5), CrossEntropy())
SEGMENTS = task(Pixels(8), PixelPairs())
PAIR = task(Vector(6), l1, views=2)


def of(target: Any, mask: Any = None, inputs: Any = (PICTURE,)) -> Example:
    return Example(inputs, target, mask)


def zeros(*shape: int, kind: Any = np.float32) -> Any:
    return np.zeros(shape, kind)


@pytest.mark.parametrize(
    ("of_task", "example"),
    [
        (NUMBER, of(zeros(1))),
        (NUMBER, of(zeros(1, kind=np.float64))),
        (NUMBER, of(zeros(1), inputs=[colour_input(zeros(20, 20, 3, kind=np.uint8), SIZE)])),
        (CLASSES, of(np.array(4))),
        (CLASSES, of(np.uint8(4))),
        (PIXELS, of(zeros(2, SIZE, SIZE))),
        (PIXELS, of(zeros(2, SIZE, SIZE), zeros(SIZE, SIZE, kind=bool))),
        (PIXELS, of(Stored(zeros(SIZE, SIZE, 2, kind=np.uint16), Linear(0, 1)))),
        (QUARTERS, of(zeros(2, SIZE // 4, SIZE // 4))),
        (LABELS, of(np.full((SIZE, SIZE), 4))),
        (LABELS, of(np.full((SIZE, SIZE), 255), zeros(SIZE, SIZE, kind=bool))),
        (SEGMENTS, of(np.full((SIZE, SIZE), 1000))),
        (PAIR, of(zeros(6), inputs=(PICTURE, PICTURE))),
    ],
)
def test_valid_examples_are_accepted(of_task: Task, example: Example) -> None:
    assert misfit(of_task, example, SIZE) is None


@pytest.mark.parametrize(
    ("of_task", "example", "message"),
    [
        (NUMBER, None, "its reader should return an Example, found None"),
        (NUMBER, (PICTURE, zeros(1)), "its reader should return an Example, found a tuple"),
        (NUMBER, of(0.5), "its output expects a target of shape (1,), float32, found a float"),
        (NUMBER, of(np.float32(0.5)), "expects a target of shape (1,), float32, found () float32"),
        (NUMBER, of(zeros(3)), "expects a target of shape (1,), float32, found (3,) float32"),
        (
            NUMBER,
            of(zeros(1, kind=np.float16)),
            "expects a target of shape (1,), float32, found (1,) float16",
        ),
        (NUMBER, of(zeros(1, kind=np.int64)), "expects a target of shape (1,), float32, found (1,) int64"),
        (NUMBER, of(torch.zeros(1)), "expects a target of shape (1,), float32, found a Tensor"),
        (NUMBER, of([0.5]), "expects a target of shape (1,), float32, found a list"),
        (NUMBER, of(zeros(1), zeros(SIZE, SIZE, kind=bool)), "its output is not an image: expected no mask"),
        (CLASSES, of(np.array(7)), "its output expects classes from 0 to 4, found class 7"),
        (CLASSES, of(np.array(-1)), "its output expects classes from 0 to 4, found class -1"),
        (CLASSES, of(3), "expects class indices of shape (), integers, found a int"),
        (CLASSES, of(np.array([3])), "expects class indices of shape (), integers, found (1,) int64"),
        (CLASSES, of(np.array(3.0)), "expects class indices of shape (), integers, found () float64"),
        (CLASSES, of(np.array(True)), "expects class indices of shape (), integers, found () bool"),
        (LABELS, of(np.full((SIZE, SIZE), 255)), "expects classes from 0 to 4, found class 255"),
        (LABELS, of(zeros(1, SIZE, SIZE, kind=int)), "expects class indices of shape (16, 16), integers"),
        (SEGMENTS, of(zeros(SIZE, SIZE)), "expects segment ids of shape (16, 16), integers"),
        (
            PIXELS,
            of(zeros(SIZE, SIZE, 2)),
            "a target of shape (2, 16, 16), float32, found (16, 16, 2) float32",
        ),
        (QUARTERS, of(zeros(2, SIZE, SIZE)), "a target of shape (2, 4, 4), float32, found (2, 16, 16)"),
        (PIXELS, of(Stored(zeros(SIZE, SIZE, 3, kind=np.uint8), Linear(0, 1))), "found (3, 16, 16) float32"),
        (PIXELS, of(Stored(zeros(2, kind=np.uint8), Linear(0, 1))), "found stored values of shape (2,)"),
        (
            PIXELS,
            of(zeros(2, SIZE, SIZE), zeros(SIZE, SIZE)),
            "a mask of shape (16, 16), bool, found (16, 16) float",
        ),
        (PIXELS, of(zeros(2, SIZE, SIZE), zeros(1, SIZE, SIZE, kind=bool)), "a mask of shape (16, 16), bool"),
        (
            NUMBER,
            of(zeros(1), inputs=(zeros(4, SIZE, SIZE),)),
            "inputs of shape (3, 16, 16), float32, found (4, 16,",
        ),
        (
            NUMBER,
            of(zeros(1), inputs=(zeros(SIZE, SIZE, 3),)),
            "inputs of shape (3, 16, 16), float32, found (16,",
        ),
        (NUMBER, of(zeros(1), inputs=(PICTURE.astype(float),)), "float32, found (3, 16, 16) float64"),
        (NUMBER, of(zeros(1), inputs=(PICTURE.astype(np.uint8),)), "float32, found (3, 16, 16) uint8"),
        (NUMBER, of(zeros(1), inputs=(PICTURE.astype(np.float16),)), "float32, found (3, 16, 16) float16"),
        (NUMBER, of(zeros(1), inputs=PICTURE), "inputs should be a tuple of 1, found a ndarray"),
        (NUMBER, of(zeros(1), inputs=()), "inputs should be 1, one per image, found 0"),
        (PAIR, of(zeros(6)), "inputs should be 2, one per image, found 1"),
        (
            NUMBER,
            of(zeros(1), inputs=(None,)),
            "its network expects inputs of shape (3, 16, 16), float32, found None",
        ),
    ],
)
def test_mismatches_are_described(of_task: Task, example: Any, message: str) -> None:
    found = misfit(of_task, example, SIZE)
    assert found is not None
    assert message in found
    assert "\n" not in found


def test_custom_losses_are_tried() -> None:
    def wrong(output: Any, target: Any, mask: Any = None) -> Any:
        return (output - target).abs().mean()

    def failing(output: Any, target: Any, mask: Any = None) -> Any:
        return output @ target

    losses: dict[str, Callable[..., Any]] = {
        "its loss should return one value per image, shape (1,), found () float32": wrong,
        "its loss fails on the target (RuntimeError in tests/tasks/test_example_check.py, line ": failing,
    }
    for message, loss in losses.items():
        found = misfit(task(Vector(2), loss), of(zeros(2)), SIZE)
        assert found is not None
        assert message in found or message.replace("tests/", "", 1) in found
    assert misfit(task(Vector(2), lambda *_: torch.zeros(1)), of(zeros(7)), SIZE) is None


@pytest.mark.parametrize("name", list(dictionary())[:26])
def test_all_tasks_of_the_dictionary_fit(name: str) -> None:
    assert not is_own(dictionary()[name])
    assert misfit(dictionary()[name], examples(dictionary()[name], 32), 32) is None


def test_later_examples_are_checked_for_classes_only() -> None:
    assert class_misfit(CLASSES, of(np.array(4))) is None
    assert class_misfit(CLASSES, of(np.array(5))) is not None
    assert class_misfit(NUMBER, of(zeros(1))) is None


def test_errors_in_a_reader_name_type_file_and_line() -> None:
    def index() -> None:
        np.zeros(3)[:, 0]

    with pytest.raises(IndexError) as error:
        index()
    line = index.__code__.co_firstlineno + 1
    assert f"IndexError in tests/tasks/test_example_check.py, line {line} (" in reading_error(error.value)
    assert reading_error(ValueError("damaged")) == "cannot be decoded (damaged)"
