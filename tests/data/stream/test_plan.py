import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.plan import MIXED_SHARDS, EpochPlan

shards = st.lists(st.integers(1, 40), min_size=1, max_size=30)


@settings(deadline=None)
@given(shards, st.integers(1, 7), st.integers(1, 6), st.integers(0, 3))
def test_an_evaluation_epoch_visits_every_sample_once(
    samples: list[int], batch: int, world: int, epoch: int
) -> None:
    plan = EpochPlan(tuple(samples), batch, world, 0, shuffled=False)
    seen: list[int] = []
    for rank in range(world):
        batches = plan.batches(epoch, rank)
        assert len(batches) == plan.steps(rank)
        assert all(1 <= len(part) <= batch for part in batches)
        seen += [int(sample) for part in batches for sample in part]
    assert sorted(seen) == list(range(sum(samples)))


@settings(deadline=None)
@given(shards, st.integers(1, 5), st.integers(1, 4), st.integers(0, 5), st.integers(0, 9))
def test_training_steps_are_full_equal_and_disjoint(
    samples: list[int], batch: int, world: int, epoch: int, seed: int
) -> None:
    if sum(samples) < batch * world:
        with pytest.raises(InputError, match="batch_size"):
            EpochPlan(tuple(samples), batch, world, seed, shuffled=True)
        return
    plan = EpochPlan(tuple(samples), batch, world, seed, shuffled=True)
    ranks = [plan.batches(epoch, rank) for rank in range(world)]
    assert {len(batches) for batches in ranks} == {sum(samples) // (batch * world)} == {plan.steps(0)}
    dealt = [int(sample) for batches in ranks for part in batches for sample in part]
    assert len(dealt) == len(set(dealt)) == plan.steps(0) * batch * world
    assert set(dealt) <= set(range(sum(samples)))
    assert sum(samples) - len(dealt) < batch * world


@settings(deadline=None)
@given(shards, st.integers(0, 20), st.booleans())
def test_resuming_is_the_rest_of_the_same_epoch(samples: list[int], start: int, shuffled: bool) -> None:
    plan = EpochPlan(tuple(samples), 1, 1, 4, shuffled)
    whole, rest = plan.batches(3, 0), plan.batches(3, 0, start)
    assert [part.tolist() for part in rest] == [part.tolist() for part in whole[start:]]


def test_epochs_and_seeds_differ_and_repeat() -> None:
    plan = EpochPlan((50,) * 20, 10, 2, 1, shuffled=True)
    assert plan.order(0).tolist() == plan.order(0).tolist()
    assert plan.order(0).tolist() != plan.order(1).tolist()
    assert plan.order(0).tolist() != EpochPlan((50,) * 20, 10, 2, 2, shuffled=True).order(0).tolist()


def test_shards_are_mixed_within_groups_and_among_groups() -> None:
    plan = EpochPlan((100,) * 32, 10, 1, 0, shuffled=True)
    order = plan.order(0) // 100
    first = order[: 100 * MIXED_SHARDS]
    assert len(set(first.tolist())) == MIXED_SHARDS
    assert len(set(first[:64].tolist())) == MIXED_SHARDS  # a batch or two see all shards of the group
    assert set(first.tolist()) != set((plan.order(1) // 100)[: 100 * MIXED_SHARDS].tolist())


@pytest.mark.parametrize("world", [1, 8, 64, 512])
def test_four_million_samples_are_divided_exactly(world: int) -> None:
    samples = (2048,) * 1953 + (256,)
    plan = EpochPlan(samples, 32, world, 0, shuffled=True)
    steps = plan.steps(0)
    assert steps == 4_000_000 // (32 * world)
    order = plan.order(1)
    assert (np.bincount(order) == 1).all()
    assert len(order) == sum(samples) == 4_000_000
    firsts = [plan.steps(rank) for rank in range(world)]
    assert set(firsts) == {steps}


def test_fingerprints_tell_orders_apart() -> None:
    base = EpochPlan((10, 10), 2, 2, 0, shuffled=True)
    others = [
        EpochPlan((10, 11), 2, 2, 0, shuffled=True),
        EpochPlan((10, 10), 2, 2, 1, shuffled=True),
        EpochPlan((10, 10), 2, 2, 0, shuffled=False),
    ]
    assert len({plan.fingerprint for plan in [base, *others]}) == 4
    for batch_size, world in ((4, 2), (2, 1)):
        assert base.fingerprint == EpochPlan((10, 10), batch_size, world, 0, shuffled=True).fingerprint


@given(
    total=st.integers(8, 60),
    before=st.tuples(st.integers(1, 4), st.integers(1, 2)),
    after=st.tuples(st.integers(1, 4), st.integers(1, 2)),
    share=st.floats(0, 1, exclude_max=True),
)
def test_an_epoch_goes_on_by_samples_with_any_batches(
    total: int, before: tuple[int, int], after: tuple[int, int], share: float
) -> None:
    old = EpochPlan((total,), *before, 0, shuffled=True)
    new = EpochPlan((total,), *after, 0, shuffled=True)
    done = int(share * old.steps(0)) * old.batch_of_all
    start, later = new.place_after(done)
    order = new.order(3).tolist()
    parts = [new.batches(3, rank, start, later) for rank in range(new.world_size)]
    assert {len(part) for part in parts} == {new.steps(0) - start}
    assert len(parts[0]) >= 1
    dealt = [int(sample) for step in zip(*parts, strict=True) for batch in step for sample in batch]
    assert all(len(batch) == new.batch_size for part in parts for batch in part)
    first = min(done, total - new.batch_of_all)
    assert dealt == order[first : first + len(dealt)]
    assert first + len(dealt) + new.batch_of_all > total  # what is left over makes no step
    if old == new:
        assert (start, later) == (done // new.batch_of_all, 0)
