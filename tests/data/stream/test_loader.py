import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.data.stream.loader import BrokenSamples, PlannedLoader
from lightning_taskonomy.data.stream.plan import EpochPlan
from lightning_taskonomy.data.stream.reading import BrokenSampleError, ShardSet
from lightning_taskonomy.tasks.losses import l1, l2
from lightning_taskonomy.tasks.task import Example, Pixels, Task, Vector, ViewLabels
from tests.data.small_folder import make_folder


def read_normals(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    def planes(picture: np.ndarray) -> np.ndarray:
        return (picture[:size, :size].transpose(2, 0, 1) / 127.5 - 1).astype(np.float32)

    inputs = tuple(planes(view["rgb"]) for view in views)
    return Example(inputs, planes(views[0]["normal"]), np.ones((size, size), np.bool_))


def read_pair(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    inputs = tuple(view["rgb"][:size, :size].transpose(2, 0, 1).astype(np.float32) for view in views)
    first, second = (view["point_info"]["point_uuid"] for view in views)
    return Example(inputs, np.array([float(first == second) + random.random()], np.float32))


NORMALS = Task("normals", "Normals", ("normal",), Pixels(3), l1, read_normals)
PAIR = Task("pair", "Pair", ("point_info",), Vector(1), l2, read_pair, views=2)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("loader")
    source = make_folder(root / "in", points=6, views=3, domains=("rgb", "normal", "point_info"))
    split_of = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=8)).run(1)
    return root / "out"


def loader(
    packed: Path,
    tasks: Sequence[Task] = (NORMALS,),
    split: str = "train",
    batch: int = 4,
    world: int = 1,
    rank: int = 0,
    workers: int = 0,
    shuffled: bool = True,
    broken_share: float = 0.0,
    seed: int = 0,
) -> PlannedLoader:
    examples = Examples.of(str(packed), split, tasks, 16, 0, same_each_epoch=not shuffled)
    samples = tuple(examples.shards.index.samples.tolist())
    plan = EpochPlan(samples, batch, world, seed, shuffled)
    return PlannedLoader(examples, plan, np.arange(sum(samples)), rank, workers, broken_share)


def keys(batches: PlannedLoader) -> list[list[str]]:
    return [batch["key"] for batch in batches]


def test_a_batch_holds_one_tensor_per_part(packed: Path) -> None:
    batch = next(iter(loader(packed, (NORMALS, PAIR))))
    assert batch["normals"]["input"].shape == (4, 1, 3, 16, 16)
    assert batch["normals"]["target"].shape == (4, 3, 16, 16)
    assert batch["normals"]["mask"].shape == (4, 16, 16)
    assert batch["pair"]["input"].shape == (4, 2, 3, 16, 16)
    assert set(batch["pair"]) == {"input", "target", "views"}
    assert batch["pair"]["views"].shape == (4, 2)
    assert batch["normals"]["input"].dtype == torch.float32
    assert batch["normals"]["mask"].dtype == torch.bool


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_do_not_change_what_is_read(packed: Path, workers: int) -> None:
    expected, found = list(loader(packed, (PAIR,))), list(loader(packed, (PAIR,), workers=workers))
    assert [batch["key"] for batch in found] == [batch["key"] for batch in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one["pair"]["input"], other["pair"]["input"], rtol=0, atol=0)
        torch.testing.assert_close(one["pair"]["target"], other["pair"]["target"], rtol=0, atol=0)


def test_ranks_share_an_epoch_without_overlap(packed: Path) -> None:
    ranks = [keys(loader(packed, batch=3, world=3, rank=rank)) for rank in range(3)]
    assert [len(part) for part in ranks] == [4, 4, 4]
    dealt = [key for part in ranks for batch in part for key in batch]
    assert len(dealt) == len(set(dealt)) == 36


def test_an_evaluation_epoch_is_every_sample_once_for_more_ranks_and_workers_than_shards(
    packed: Path,
) -> None:
    ranks = [
        keys(loader(packed, split="val", batch=2, world=7, rank=rank, workers=2, shuffled=False))
        for rank in range(7)
    ]
    dealt = sorted(key for part in ranks for batch in part for key in batch)
    assert dealt == sorted(ViewName("cedar", point, view).key for point in range(6) for view in range(3))


def test_epochs_differ_in_order_and_in_everything_random_but_not_in_evaluation(packed: Path) -> None:
    training = loader(packed, (PAIR,))
    first, second = list(training), list(training)
    assert [batch["key"] for batch in first] != [batch["key"] for batch in second]
    evaluation = loader(packed, (PAIR,), shuffled=False)
    for one, other in zip(evaluation, evaluation, strict=False):
        assert one["key"] == other["key"]


@pytest.mark.parametrize("done", [0, 1, 4, 8, 9])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_state_resumes_where_it_was_taken(packed: Path, done: int, workers: int) -> None:
    whole = loader(packed)
    epochs = [keys(whole) for _ in range(3)]
    running = loader(packed, workers=workers)
    assert keys(running) == epochs[0]
    batches = iter(running)
    for _ in range(done):
        next(batches)
    state = json.loads(json.dumps(running.state_dict()))
    resumed = loader(packed, workers=workers)
    resumed.load_state_dict(state)
    assert len(resumed) == 9
    rest = keys(resumed)
    if done == 9:  # the epoch was over: go on with the next one
        assert rest == epochs[2]
    else:
        assert rest == epochs[1][done:]
        assert keys(resumed) == epochs[2]


def test_a_state_goes_on_with_other_batches_and_ranks(packed: Path) -> None:
    running = loader(packed, batch=4)
    batches = iter(running)
    seen = {key for _ in range(2) for key in next(batches)["key"]}
    state = json.loads(json.dumps(running.state_dict()))
    whole = {key for batch in keys(loader(packed, batch=2)) for key in batch}
    ranks = [loader(packed, batch=1, world=2, rank=rank) for rank in range(2)]
    for one in ranks:
        one.load_state_dict(state)
        assert one.resumed_at == 4
    rest = [key for one in ranks for batch in keys(one) for key in batch]
    assert len(rest) == len(set(rest)) == len(whole) - 8
    assert set(rest) == whole - seen


def test_an_epochs_start_is_any_plans(packed: Path) -> None:
    running = loader(packed, batch=2)
    keys(running)
    for other in (loader(packed, batch=3), loader(packed, seed=5)):
        other.load_state_dict(running.state_dict())
        assert other.resumed_at is None
        assert len(keys(other)) == len(other)


def test_the_middle_of_another_order_is_refused(packed: Path) -> None:
    running = loader(packed)
    next(iter(running))
    with pytest.raises(InputError, match="other shards or another seed; begin with its weights"):
        loader(packed, seed=5).load_state_dict(running.state_dict())


def damage(packed: Path, tmp_path: Path, samples: Sequence[int]) -> tuple[Path, list[str]]:
    import shutil

    root = tmp_path / "damaged"
    shutil.copytree(packed, root)
    index = ShardSet(str(root), "train").index
    for sample in samples:
        path = index.path(int(index.shard[sample]), "normal")
        path.chmod(0o644)
        content = bytearray(path.read_bytes())
        start = int(index.offset["normal"][sample])
        content[start : start + 30] = bytes(30)
        path.write_bytes(content)
    return root, [index.keys[sample] for sample in samples]


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_samples_are_named_skipped_and_counted(
    packed: Path, tmp_path: Path, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    root, broken = damage(packed, tmp_path, [3, 17])
    batches = loader(root, workers=workers, broken_share=0.01)
    seen = [key for batch in batches for key in batch["key"]]
    assert len(seen) == 34
    assert not set(seen) & set(broken)
    assert batches.broken.reasons == {"normal: damaged picture": 2}
    assert all(key in caplog.text for key in broken)
    assert "train-000000.tar" in caplog.text


def test_too_many_broken_samples_stop_the_run_with_reasons(packed: Path, tmp_path: Path) -> None:
    root, _ = damage(packed, tmp_path, [3, 17])
    message = r"1 of \d+ samples are broken, more than the share of 0 allowed \(1 x normal: damaged picture\)"
    with pytest.raises(InputError, match=message):
        list(loader(root))


def test_a_label_that_a_task_cannot_use_counts_as_broken(packed: Path) -> None:
    def fails(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
        example = read_normals(views, size, random)
        if random.random() < 0.3:
            raise ValueError("no such angle")
        np.asarray(example.target)[0, 0, 0] = np.nan if random.random() < 0.2 else 0
        return example

    task = Task("fails", "Fails", ("normal",), Pixels(3), l1, fails)
    batches = loader(packed, (task,), broken_share=0.5)
    for batch in batches:
        assert torch.isfinite(batch["fails"]["target"]).all()
    fault = f"ValueError in tests/data/stream/test_loader.py, line {fails.__code__.co_firstlineno + 3}"
    assert set(batches.broken.reasons) == {f"fails: {fault}", "fails: not finite"}


def test_share_of_broken_samples_is_judged_over_a_thousand() -> None:
    counted = BrokenSamples(0.001)
    error = BrokenSampleError("shard", "key", "rgb", "absent")
    counted.count(10, [error])
    counted.count(990, [])
    counted.count(1000, [error])
    with pytest.raises(InputError, match="3 of 2001 samples are broken"):
        counted.count(1, [error])
    with pytest.raises(InputError, match="broken_share: expected a share from 0 to 1, found 2"):
        BrokenSamples(2)


def test_views_of_pairs_look_at_the_same_point(packed: Path) -> None:
    for batch in loader(packed, (PAIR,)):
        assert (batch["pair"]["target"] >= 1).all()
        first, second = batch["pair"]["input"][:, 0], batch["pair"]["input"][:, 1]
        assert (first != second).any(dim=(1, 2, 3)).all()


@pytest.mark.parametrize("packed_batches", [False, True])
def test_batches_that_are_kept_stay_as_they_are(packed: Path, packed_batches: bool) -> None:
    """Workers reuse the same memory for every batch; yielded batches do not share it."""
    alone = loader(packed, (NORMALS, PAIR))
    shared = loader(packed, (NORMALS, PAIR), workers=2)
    shared.packed = packed_batches
    for _ in range(2):
        expected, found = list(alone), list(shared)
        found = [batch.finished() if packed_batches else batch for batch in found]
        for one, other in zip(expected, found, strict=True):
            assert one["key"] == other["key"]
            for name in ("input", "target", "mask"):
                torch.testing.assert_close(other["normals"][name], one["normals"][name], rtol=0, atol=0)


def test_what_is_random_for_a_task_does_not_depend_on_its_neighbours(packed: Path) -> None:
    alone, beside = loader(packed, (PAIR,)), loader(packed, (NORMALS, PAIR))
    for one, other in zip(alone, beside, strict=True):
        torch.testing.assert_close(one["pair"]["target"], other["pair"]["target"], rtol=0, atol=0)
