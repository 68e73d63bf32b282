from collections.abc import Mapping, Sequence

import numpy as np
import torch

from lightning_taskonomy.data.stream.batches import Stacking
from lightning_taskonomy.data.stream.handover import LeftBatch, Slots, batch_bytes
from lightning_taskonomy.tasks.scales import Linear
from lightning_taskonomy.tasks.task import Example, Stored

HALF = Linear(0.0, 2.0)
DOUBLE = Linear(0.0, 0.5)


def places(given: Mapping[str, Sequence[Example]]) -> dict[str, list[list[int]]]:
    return {task: [[n, n + 10] for n in range(len(its))] for task, its in given.items()}


def ordinary(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype)


def examples(random: np.random.Generator, count: int = 3) -> dict[str, list[Example]]:
    made: dict[str, list[Example]] = {"one": [], "two": []}
    for _ in range(count):
        rgb = Stored(random.integers(0, 255, (4, 4, 3)).astype(np.uint8), HALF)
        depth = random.integers(0, 9000, (4, 4)).astype(np.uint16)
        ids = random.integers(0, 99, (4, 4)).astype(np.uint8)
        made["one"].append(Example((rgb,), Stored(depth, HALF), depth > 4000))
        made["two"].append(Example((rgb, Stored(rgb.values[::-1], HALF)), ids))
    return made


def test_stored_numbers_are_scaled_and_ids_are_whole_numbers() -> None:
    given = examples(np.random.default_rng(0))
    batch = Stacking(ordinary).batch(["a", "b", "c"], given, places(given)).finished()
    assert batch["key"] == ["a", "b", "c"]
    for n, example in enumerate(given["one"]):
        (rgb, _), (depth, _) = example.inputs[0], example.target
        np.testing.assert_array_equal(batch["one"]["input"][n, 0], rgb.transpose(2, 0, 1) / 2)
        np.testing.assert_array_equal(batch["one"]["target"][n], depth[None] / 2)
        np.testing.assert_array_equal(batch["one"]["mask"][n], depth > 4000)
        np.testing.assert_array_equal(batch["two"]["input"][n, 1], rgb[::-1].transpose(2, 0, 1) / 2)
        np.testing.assert_array_equal(batch["two"]["target"][n], given["two"][n].target)
    assert batch["two"]["target"].dtype == torch.int64
    assert "mask" not in batch["two"]
    assert batch["one"]["views"].tolist() == [[0, 10], [1, 11], [2, 12]]


def test_what_tasks_share_travels_once_and_may_be_scaled_in_two_ways() -> None:
    random = np.random.default_rng(0)
    values = [random.integers(0, 255, (4, 4, 3)).astype(np.uint8) for _ in range(3)]
    given = {
        "half": [Example((Stored(value, HALF),), Stored(value, HALF)) for value in values],
        "double": [Example((Stored(value, HALF),), Stored(value, DOUBLE)) for value in values],
    }
    batch = Stacking(ordinary).batch(["a", "b", "c"], given, places(given))
    assert len(batch.tensors) == 4  # numbers with views and without; places of each task
    finished = batch.finished()
    assert finished["half"]["input"] is finished["double"]["input"]
    torch.testing.assert_close(4 * finished["half"]["target"], finished["double"]["target"])


def test_pictures_of_which_some_were_resized_become_floating_point_numbers() -> None:
    whole, resized = np.full((4, 4, 3), 7, np.uint8), np.full((4, 4, 3), 7.5, np.float32)
    given = {"one": [Example((Stored(x, HALF),), np.zeros(2, np.float32)) for x in (whole, resized)]}
    batch = Stacking(ordinary).batch(["a", "b"], given, places(given)).finished()
    assert batch["one"]["input"][:, 0, 0, 0, 0].tolist() == [3.5, 3.75]


def test_a_batch_left_in_a_slot_is_the_same_batch() -> None:
    given = examples(np.random.default_rng(1))
    expected = Stacking(ordinary).batch(["a", "b", "c"], given, places(given))
    slots = Slots(2, batch_bytes(expected))
    writer = slots.writer(1)
    left = writer.left(Stacking(writer.allocate).batch(["a", "b", "c"], given, places(given)))
    assert isinstance(left, LeftBatch)
    assert not left.batch.tensors
    taken = slots.taken(left)
    for one, other in zip(taken.tensors, expected.tensors, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    copied, finished = taken.copied(), taken.finished()
    slots.memory.zero_()
    for one, other in zip(copied.tensors, expected.tensors, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    for task, parts in expected.finished().items():
        for name in parts if task != "key" else ():
            torch.testing.assert_close(finished[task][name], parts[name], rtol=0, atol=0)


def test_a_batch_too_large_for_its_slot_goes_whole() -> None:
    given = examples(np.random.default_rng(1))
    expected = Stacking(ordinary).batch(["a", "b", "c"], given, places(given))
    slots = Slots(1, batch_bytes(expected) // 2)
    writer = slots.writer(0)
    whole = writer.left(Stacking(writer.allocate).batch(["a", "b", "c"], given, places(given)))
    assert not isinstance(whole, LeftBatch)
    slots.memory.zero_()
    for one, other in zip(whole.tensors, expected.tensors, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
