import numpy as np
import pytest

from benchmarks.coverage import World, simulated
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.recommendation import Recommendation


def test_best_transfer_is_recommended_with_its_gain() -> None:
    recommendation = Recommendation.of(losses_with(reshading=0.4, depth=0.55, both=0.3))
    assert recommendation.sources == ("reshading", "depth")
    table = losses_with(reshading=0.4, depth=0.55, both=0.3)
    ((_, losses),) = table.blocks()
    scratch, both = (losses[:, table.contenders.index(name)] for name in ("pixels", "reshading+depth"))
    assert recommendation.gain == pytest.approx(np.mean(both < scratch))
    assert recommendation.interval is not None
    low, high = recommendation.interval
    assert low < recommendation.gain < high
    # Far ahead of the others, on unrelated images: the binomial's interval.
    deviation = np.sqrt(recommendation.gain * (1 - recommendation.gain) / 2_000)
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert recommendation.expected == pytest.approx(recommendation.gain, abs=deviation / 5)
    assert recommendation.is_sure
    assert recommendation.alike == ()
    assert recommendation.sentence(800).startswith(
        "For my_task with 800 images start from reshading + depth; expect to beat scratch on "
        f"{100 * recommendation.expected:.0f} % of images ({100 * low:.0f} to {100 * high:.0f} %, 2,000 "
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
    assert recommendation.interval is not None
    assert recommendation.interval.high < 0.5
    assert recommendation.sentence(800).startswith("For my_task with 800 images start from scratch: ")


def test_equals_are_named() -> None:
    recommendation = Recommendation.of(losses_with(reshading=0.4, depth=0.9, both=0.4))
    assert len(recommendation.alike) == 1
    assert recommendation.sentence().endswith(
        f" {' + '.join(recommendation.alike[0].split('+'))} may do as well."
    )


def test_few_groups_give_no_interval() -> None:
    table = losses_with(reshading=0.4, depth=0.9, both=0.3)
    ((images, losses),) = table.blocks()
    grouped = [str(int(image) % 4) for image in images]
    recommendation = Recommendation.of(
        LossTable.from_arrays("my_task", images, table.contenders, losses, grouped)
    )
    assert (recommendation.interval, recommendation.is_sure) == (None, False)
    assert "2,000 images of 4 groups judged, too few groups for an interval: 5" in recommendation.sentence()


def test_ties_are_half() -> None:
    losses = np.tile([[0.5, 0.5]], (10, 1))
    table = LossTable.from_arrays("t", [str(n) for n in range(10)], ["pixels", "a"], losses)
    recommendation = Recommendation.of(table)
    assert recommendation.gain == 0.5
    assert recommendation.interval is not None
    assert recommendation.interval.low < 0.5 < recommendation.interval.high
    assert recommendation.alike == ()


@pytest.mark.parametrize(("images", "won"), [(20, 20), (300, 300), (300, 0)])
def test_nothing_is_certain_from_images_alone(images: int, won: int) -> None:
    losses = np.column_stack([np.full(images, 0.5), np.where(np.arange(images) < won, 0.1, 0.9)])
    keys = [f"{n % 10}/{n}" for n in range(images)]
    recommendation = Recommendation.of(LossTable.from_arrays("t", keys, ["pixels", "a"], losses))
    assert recommendation.interval is not None
    low, high = recommendation.interval
    assert 0 <= low < high <= 1
    # The rule of three: 3 of as many more images may go the other way.
    assert high - low >= 3 / images
    assert recommendation.is_sure == (won > 0)


def test_table_without_scratch_or_transfers_is_refused() -> None:
    for contenders, reason in (
        (["a", "b"], "expected a column 'pixels'"),
        (["pixels", "self"], "expected transfers"),
    ):
        table = LossTable.from_arrays("t", ["1"], contenders, np.zeros((1, 2)))
        with pytest.raises(InputError, match=reason):
            Recommendation.of(table)


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        World("equal to scratch", 25, 256, 256, 0.0),
        World("equal to scratch", 25, 240, 12, 0.5),
        World("a little apart", 5, 200, 20, 0.5),
        World("apart", 5, 200, 20, 0.0),
        World("nearly always", 5, 100, 10, 0.5),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(world: World) -> None:
    outcomes = [outcome for seed in range(300) if (outcome := simulated(world, 10_000 + seed)) is not None]
    assert len(outcomes) == 300
    # 300 simulations of 95 % vary by 1.3 %; of 2 %, by 0.8 %.
    assert np.mean([outcome.held for outcome in outcomes]) >= 0.915
    assert np.mean([outcome.fixed_held for outcome in outcomes]) >= 0.915
    assert np.mean([outcome.affinity_held for outcome in outcomes]) >= 0.915
    assert np.mean([outcome.sure for outcome in outcomes]) <= 0.04
    assert np.mean([outcome.best_missed for outcome in outcomes]) <= 0.04
    assert np.mean([bool(outcome.first) for outcome in outcomes]) <= 0.04


def losses_with(reshading: float, depth: float, both: float) -> LossTable:
    """Losses around those means; scratch's is 0.7, so is every deviation 0.2."""
    means = {"self": 0.1, "pixels": 0.7, "average": 1.0, "random": 0.8}
    means |= {"reshading": reshading, "depth": depth, "reshading+depth": both}
    noise = np.random.default_rng(0).normal(0, 0.2, (2_000, len(means)))
    losses = np.array(list(means.values())) + noise
    return LossTable.from_arrays("my_task", [str(n) for n in range(2_000)], list(means), losses)
