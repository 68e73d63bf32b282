import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.recommendation import Recommendation, bootstrap_shares


def test_shares_are_distributed_like_those_of_a_slow_bootstrap() -> None:
    random = np.random.default_rng(0)
    points = np.array([1.0] * 60 + [0.5] * 25 + [0.0] * 15)
    slow = np.array([random.choice(points, len(points)).mean() for _ in range(20_000)])
    fast = bootstrap_shares(np.array([60, 25, 15]), 20_000, seed=1)
    assert fast.mean() == pytest.approx(slow.mean(), abs=0.002)
    assert fast.std() == pytest.approx(slow.std(), rel=0.03)
    levels = [0.025, 0.25, 0.5, 0.75, 0.975]
    np.testing.assert_allclose(np.quantile(fast, levels), np.quantile(slow, levels), atol=0.006)


@given(st.integers(100, 5000), st.floats(0.2, 0.95))
def test_width_without_ties_is_that_of_the_binomial(images: int, share: float) -> None:
    won = round(share * images)
    shares = bootstrap_shares(np.array([won, 0, images - won]), 20_000, seed=0)
    exact = math.sqrt(won / images * (1 - won / images) / images)
    assert shares.mean() == pytest.approx(won / images, abs=6 * exact / math.sqrt(20_000))
    assert shares.std() == pytest.approx(exact, rel=0.05)


def test_interval_holds_the_true_share_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = []
    for round_ in range(400):
        won = int(random.binomial(800, 0.8))
        shares = bootstrap_shares(np.array([won, 0, 800 - won]), 2_000, seed=round_)
        low, high = np.quantile(shares, [0.025, 0.975])
        held.append(low <= 0.8 <= high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_best_transfer_is_recommended_with_its_gain() -> None:
    recommendation = Recommendation.of(losses_with(reshading=0.4, depth=0.55, both=0.3))
    assert recommendation.sources == ("reshading", "depth")
    table = losses_with(reshading=0.4, depth=0.55, both=0.3)
    ((_, losses),) = table.blocks()
    scratch, both = (losses[:, table.contenders.index(name)] for name in ("pixels", "reshading+depth"))
    assert recommendation.gain == pytest.approx(np.mean(both < scratch))
    assert recommendation.low < recommendation.gain < recommendation.high
    assert recommendation.next_best == "reshading"
    assert recommendation.is_sure
    margin = round(100 * (recommendation.high - recommendation.low) / 2)
    assert recommendation.sentence(800).startswith(
        "For my_task with 800 images start from reshading + depth; expect to beat scratch on "
        f"{100 * recommendation.gain:.0f} % ± {margin} % of images (2,000 judged)."
    )


def test_special_contenders_are_never_recommended() -> None:
    table = losses_with(reshading=0.9, depth=0.9, both=0.9)
    assert Recommendation.of(table).sources[0] in ("reshading", "depth")


def test_order_can_be_limited() -> None:
    table = losses_with(reshading=0.4, depth=0.5, both=0.3)
    assert Recommendation.of(table, max_order=1).sources == ("reshading",)


def test_what_may_be_luck_is_called_so() -> None:
    recommendation = Recommendation.of(losses_with(reshading=0.7, depth=0.72, both=0.7))
    assert not recommendation.is_sure
    assert "which may be luck" in recommendation.sentence()


def test_what_loses_to_scratch_is_not_recommended() -> None:
    recommendation = Recommendation.of(losses_with(reshading=1.6, depth=1.8, both=1.7))
    assert recommendation.high < 0.5
    assert recommendation.sentence(800).startswith("For my_task with 800 images start from scratch: ")


def test_equals_are_named() -> None:
    text = Recommendation.of(losses_with(reshading=0.4, depth=0.9, both=0.4)).sentence()
    assert text.endswith("may do as well.")


def test_ties_are_half() -> None:
    losses = np.tile([[0.5, 0.5]], (10, 1))
    table = LossTable.from_arrays("t", [str(n) for n in range(10)], ["pixels", "a"], losses)
    recommendation = Recommendation.of(table)
    assert (recommendation.gain, recommendation.low, recommendation.high) == (0.5, 0.5, 0.5)
    assert recommendation.next_best is None


def test_table_without_scratch_or_transfers_is_refused() -> None:
    for contenders, reason in (
        (["a", "b"], "expected a column 'pixels'"),
        (["pixels", "self"], "expected transfers"),
    ):
        table = LossTable.from_arrays("t", ["1"], contenders, np.zeros((1, 2)))
        with pytest.raises(InputError, match=reason):
            Recommendation.of(table)


def losses_with(reshading: float, depth: float, both: float) -> LossTable:
    """Losses around those means; scratch's is 0.7, so is every deviation 0.2."""
    means = {"self": 0.1, "pixels": 0.7, "average": 1.0, "random": 0.8}
    means |= {"reshading": reshading, "depth": depth, "reshading+depth": both}
    noise = np.random.default_rng(0).normal(0, 0.2, (2_000, len(means)))
    losses = np.array(list(means.values())) + noise
    return LossTable.from_arrays("my_task", [str(n) for n in range(2_000)], list(means), losses)
