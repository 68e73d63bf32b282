"""The order of tasks: which task a step is for, and that an interrupted epoch resumes where it stopped."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.batches import PackedBatch
from lightning_taskonomy.switching.data.switched_loader import SwitchedLoader, Switching, joined, shares
from lightning_taskonomy.switching.data.taskonomy import SwitchingTaskonomy
from tests.data.small_folder import label_file, make_folder

TASKS = ["normal", "depth_zbuffer", "edge_texture"]


class Numbers:
    """A loader of single numbers."""

    resumed_at: int | None = None

    def __init__(self, name: str, length: int) -> None:
        self.name, self.length, self.epochs = name, length, 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Any:  # noqa: ANN401 - a generator
        self.epochs += 1
        for place in range(self.length):
            yield {"key": [f"{self.name}{place}"], self.name: {"epoch": self.epochs}}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def loader(switching: Switching, seed: int = 0) -> SwitchedLoader:
    lengths = {"a": 3, "b": 5, "c": 2}
    return SwitchedLoader({name: Numbers(name, length) for name, length in lengths.items()}, switching, seed)


def test_an_epoch_has_every_tasks_whole_set_in_one_block() -> None:
    orders = set()
    for epoch in range(20):
        turns = [names[0] for names in loader("epoch").turns(epoch)]
        blocks = [(name, len(list(block))) for name, block in itertools.groupby(turns)]
        assert sorted(blocks) == [("a", 3), ("b", 5), ("c", 2)]
        orders.add("".join(name for name, _ in blocks))
    assert orders == {"".join(order) for order in itertools.permutations("abc")}


def test_a_task_per_batch_takes_every_batch_once_and_mixes_tasks() -> None:
    turns = [names[0] for names in loader("batch").turns(4)]
    assert sorted(turns) == sorted("aaabbbbbcc")
    assert len(list(itertools.groupby(turns))) > 3
    assert turns != [names[0] for names in loader("batch").turns(5)]
    assert turns != [names[0] for names in loader("batch", seed=1).turns(4)]
    assert turns == [names[0] for names in loader("batch").turns(4)]


def test_a_mixed_epoch_is_as_long_as_the_longest_task() -> None:
    mixed = loader("mixed")
    batches: list[Any] = list(mixed)
    assert len(mixed) == len(batches) == 5
    assert [batch["key"] for batch in batches][:2] == [["a0", "b0", "c0"], ["a1", "b1", "c1"]]
    assert batches[4]["key"] == ["a1", "b4", "c0"]  # those with fewer start over
    assert batches[4]["a"] == {"epoch": 2}


@given(batch_size=st.integers(1, 50), tasks=st.integers(1, 12))
def test_shares_of_a_mixed_batch(batch_size: int, tasks: int) -> None:
    names = [str(task) for task in range(tasks)]
    if batch_size < tasks:
        with pytest.raises(InputError, match=f"batch_size: expected at least {tasks}"):
            shares(batch_size, names)
        return
    found = shares(batch_size, names)
    assert list(found) == names
    assert sum(found.values()) == batch_size
    assert max(found.values()) - min(found.values()) <= 1


def test_packed_batches_join_as_finished_ones_do() -> None:
    def packed(name: str, offset: int) -> PackedBatch:
        tensors = [torch.arange(2) + offset, torch.ones(2, 3) * offset]
        return PackedBatch(
            [f"{name}0", f"{name}1"], tensors, {name: {"input": (1, None), "target": (0, None)}}
        )

    parts = [packed("a", 5), packed("b", 7)]
    together = joined(parts)
    assert isinstance(together, PackedBatch)
    found, expected = together.finished(), joined([part.finished() for part in parts])
    assert isinstance(expected, dict)
    assert found["key"] == expected["key"] == ["a0", "a1", "b0", "b1"]
    for name in ("a", "b"):
        for part in ("input", "target"):
            torch.testing.assert_close(found[name][part], expected[name][part])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("turns")
    source = make_folder(root / "in", points=3, views=3, size=16)
    label_file(source, "ash", 0, 0, "edge_texture").unlink()
    split_of = {"ash": "train", "birch": "val", "cedar": "test"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=4)).run(1)
    return root / "out"


def data(packed: Path, switching: Switching, batch_size: int = 2) -> SwitchingTaskonomy:
    module = SwitchingTaskonomy(
        str(packed), TASKS, size=16, batch_size=batch_size, num_workers=0, switching=switching
    )
    module.setup("fit")
    return module


@pytest.mark.parametrize("switching", ["epoch", "batch"])
def test_every_task_sees_its_own_pictures_once(packed: Path, switching: Switching) -> None:
    seen: dict[str, list[str]] = {name: [] for name in TASKS}
    for batch in data(packed, switching).train_dataloader():
        (task,) = batch.keys() - {"key"}
        seen[task] += batch["key"]
        assert batch[task]["input"].shape == (2, 1, 3, 16, 16)
    assert {name: len(set(keys)) for name, keys in seen.items()} == dict.fromkeys(TASKS, 8)
    assert {len(keys) for keys in seen.values()} == {8}
    # An image without the label is left out for that task only.
    assert "ash/point_0_view_0" not in seen["edge_texture"]


def test_mixed_batches_have_pictures_for_each_task(packed: Path) -> None:
    batch = next(iter(data(packed, "mixed", batch_size=7).train_dataloader()))
    assert {name: len(batch[name]["input"]) for name in TASKS} == {
        "normal": 3,
        "depth_zbuffer": 2,
        "edge_texture": 2,
    }
    assert len(batch["key"]) == 7


def test_all_labels_of_the_same_pictures(packed: Path) -> None:
    module = data(packed, "all")
    for loader in (module.train_dataloader(), module.val_dataloader(), module.predict_dataloader()):
        batch = next(iter(loader))
        assert all(batch[name]["input"] is batch[TASKS[0]]["input"] for name in TASKS)


@pytest.mark.parametrize("switching", ["epoch", "batch", "mixed", "all"])
@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_an_interrupted_epoch_goes_on(packed: Path, switching: Switching, done: int) -> None:
    def keys(batches: Any) -> list[list[str]]:  # noqa: ANN401 - any iterable
        return [[*batch["key"], *sorted(batch)] for batch in batches]

    size = 3 if switching == "mixed" else 2
    whole = data(packed, switching, size).train_dataloader()
    first, second = keys(whole), keys(whole)
    interrupted = data(packed, switching, size)
    running = iter(interrupted.train_dataloader())
    started = [next(running) for _ in range(done)]
    resumed = data(packed, switching, size)
    resumed.load_state_dict(interrupted.state_dict())
    after = resumed.train_dataloader()
    assert keys(started) == first[:done]
    rest = [first[done:], second] if done < len(first) else [second]
    assert [keys(after) for _ in rest] == rest


def test_a_place_among_other_tasks_is_refused(packed: Path) -> None:
    state = data(packed, "epoch")
    state.train_dataloader()
    other = SwitchingTaskonomy(str(packed), TASKS[:2], size=16, batch_size=2, num_workers=0)
    other.load_state_dict(state.state_dict())
    with pytest.raises(InputError, match="expected one of tasks normal, depth_zbuffer, found"):
        other.train_dataloader()


def test_tasks_of_several_views_are_refused(packed: Path) -> None:
    with pytest.raises(InputError, match="one view, found fixated_pose"):
        SwitchingTaskonomy(str(packed), ["depth_zbuffer", "fixated_pose"])


@pytest.mark.parametrize("switching", ["epoch", "mixed", "all"])
def test_training_for_some_of_the_tasks(packed: Path, switching: Switching) -> None:
    module = SwitchingTaskonomy(
        str(packed),
        TASKS,
        size=16,
        batch_size=2,
        num_workers=0,
        switching=switching,
        train_tasks=TASKS[1:2],
    )
    module.setup("fit")
    assert {name for batch in module.train_dataloader() for name in batch} == {"key", TASKS[1]}
    assert {name for batch in module.val_dataloader() for name in batch} == {"key", *TASKS}
    with pytest.raises(InputError, match="train_tasks: expected some of"):
        SwitchingTaskonomy(str(packed), TASKS, train_tasks=["reshading"])


def test_evaluation_has_every_picture_once(packed: Path) -> None:
    found = [key for batch in data(packed, "epoch").val_dataloader() for key in batch["key"]]
    assert len(found) == len(set(found)) == 9
