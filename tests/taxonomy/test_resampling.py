import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, Tournament
from lightning_taskonomy.taxonomy import resampling as module
from lightning_taskonomy.taxonomy.ahp import affinities, affinities_of_many
from lightning_taskonomy.taxonomy.resampling import GroupCounts, Groups, resampled


def table(images: int, contenders: int, groups: int, seed: int, values: int = 6) -> LossTable:
    """Losses with many ties, groups of unequal sizes."""
    rng = np.random.default_rng(seed)
    losses = rng.integers(0, values, (images, contenders)).astype(float)
    keys = [f"b{rng.integers(groups)}/{index}" for index in range(images)]
    names = ["self", "pixels", *(f"t{index}" for index in range(contenders - 2))]
    return LossTable.from_arrays("target", keys, names, losses)


@given(st.integers(2, 8), st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_wins_are_counted_in_each_group(contenders: int, count: int, seed: int) -> None:
    own = table(40, contenders, count, seed)
    groups = Groups.of([own])
    counts = GroupCounts.of(own, groups)
    ((keys, losses),) = own.blocks()
    halves = np.zeros_like(counts.halves)
    images = np.zeros(groups.count)
    pairs = list(zip(*np.triu_indices(contenders, 1), strict=True))
    for key, row in zip(keys, losses, strict=True):
        place = groups.places[key.split("/")[0]]
        images[place] += 1
        for pair, (i, j) in enumerate(pairs):
            halves[place, pair] += 2 * (row[i] < row[j]) + (row[i] == row[j])
    np.testing.assert_array_equal(counts.halves, halves)
    np.testing.assert_array_equal(counts.images, images)


def test_resampled_win_rates_are_those_of_a_table_that_repeats_its_groups() -> None:
    own = table(200, 5, 8, seed=1)
    groups = Groups.of([own])
    counts = GroupCounts.of(own, groups)
    weights = groups.weights(20, seed=2)
    assert (weights.sum(axis=1) == groups.count).all()
    rates = np.concatenate(list(counts.win_rates(weights)))
    ((keys, losses),) = own.blocks()
    place = np.array([groups.places[key.split("/")[0]] for key in keys])
    for drawn, found in zip(weights, rates, strict=True):
        rows = np.repeat(losses, drawn[place].astype(int), axis=0)
        repeated = LossTable.from_arrays("t", [str(n) for n in range(len(rows))], own.contenders, rows)
        # One image more, of random outcome, moves a share by less than its weight.
        np.testing.assert_allclose(
            found, Tournament.from_losses(repeated).win_rates, atol=counts.design_effect / len(rows)
        )


@given(st.integers(2, 30), st.integers(0, 10_000), st.floats(0.1, 4))
@settings(max_examples=30, deadline=None)
def test_affinities_of_many_are_those_of_each(contenders: int, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    rates = np.full((4, contenders, contenders), 0.5)
    for own in rates:
        for i, j in zip(*np.triu_indices(contenders, 1), strict=True):
            own[i, j] = 1 / (1 + np.exp(rng.normal(0, spread)))
            own[j, i] = 1 - own[i, j]
    found = affinities_of_many(rates.astype(np.float32), affinities(rates[0]))
    np.testing.assert_allclose(found, [affinities(own) for own in rates], rtol=1e-3)


def test_design_effect_of_identical_images_is_their_number() -> None:
    """Images of a group that all go the same way are one image: the variance is as many times larger."""
    rng = np.random.default_rng(0)
    groups, images = 50, 7
    losses = np.repeat(rng.random((groups, 6)), images, axis=0)
    keys = [f"{index // images}/{index}" for index in range(len(losses))]
    own = LossTable.from_arrays("t", keys, list("abcdef"), losses)
    counts = GroupCounts.of(own, Groups.of([own]))
    assert counts.design_effect == pytest.approx(images * groups / (groups - 1), rel=1e-5)


def test_unrelated_images_have_no_design_effect() -> None:
    rng = np.random.default_rng(1)
    keys = [f"{index % 40}/{index}" for index in range(800)]
    own = LossTable.from_arrays("t", keys, list("abcdef"), rng.random((800, 6)))
    assert GroupCounts.of(own, Groups.of([own])).design_effect == pytest.approx(1, abs=0.2)


def test_log_affinities_vary_as_those_of_new_tables() -> None:
    """The spread over resamplings against that over tables drawn afresh from the same buildings' world."""
    rng = np.random.default_rng(3)

    def draw() -> LossTable:
        group = np.arange(400) % 40
        losses = np.array([0.0, 0.5, 1.0]) + rng.normal(0, 0.5, (40, 3))[group] + rng.normal(0, 1, (400, 3))
        return LossTable.from_arrays("t", [f"{g}/{n}" for n, g in enumerate(group)], list("abc"), losses)

    afresh = np.array([np.log(Tournament.from_losses(draw()).affinities()) for _ in range(300)])
    again = np.mean([resampled([draw()], 200)[0].log_affinities.std(axis=0) for _ in range(20)], axis=0)
    np.testing.assert_allclose(again, afresh.std(axis=0), rtol=0.12)


def test_the_same_groups_are_drawn_for_every_target() -> None:
    own = table(60, 4, 5, seed=4)
    other = LossTable("other", own.contenders, own.blocks, own.origin, own.groups)
    first, second = resampled([own, other], 30, seed=1)
    np.testing.assert_allclose(first.log_affinities, second.log_affinities)


def test_many_groups_share_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GROUPS", 60)
    own = LossTable.from_arrays("t", [str(n) for n in range(150)], ["a", "b"], np.random.rand(150, 2))
    groups = Groups.of([own])
    assert (groups.count, len(groups.places)) == (60, 150)
    assert set(groups.places.values()) == set(range(60))
    counts = GroupCounts.of(own, groups)
    assert counts.images.sum() == 150
    assert counts.images.min() >= 2


def test_halves_of_the_groups_are_tournaments_of_their_own() -> None:
    own = table(120, 4, 6, seed=5, values=1000)
    groups = Groups.of([own])
    (held,) = resampled([own], 100, seed=7)
    ((keys, losses),) = own.blocks()
    place = np.array([groups.places[key.split("/")[0]] for key in keys])
    split = groups.splits(7)[0].astype(bool)
    for side, chosen in enumerate((split[place], ~split[place])):
        half = LossTable.from_arrays(
            "t", [key for key, one in zip(keys, chosen, strict=True) if one], own.contenders, losses[chosen]
        )
        np.testing.assert_allclose(held.halves[side, 0], Tournament.from_losses(half).affinities(), rtol=1e-3)


def test_a_contender_is_found_whatever_the_order_of_its_sources() -> None:
    losses = np.random.default_rng(0).random((10, 3))
    own = LossTable.from_arrays("t", [str(n) for n in range(10)], ["self", "a+b", "c"], losses)
    (held,) = resampled([own], 10)
    assert held.places([("b", "a"), ("c",)]).tolist() == [1, 2]
    with pytest.raises(InputError, match=r"losses of t: no contender a\+c"):
        held.places([("a", "c")])
