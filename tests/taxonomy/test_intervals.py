import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lightning_taskonomy.taxonomy.intervals import (
    Luck,
    Sample,
    alike,
    chosen_again,
    luck_of_choice,
    positive_interval,
    share_interval,
    shrunken,
)


@given(st.integers(200, 5000), st.floats(0.1, 0.9))
def test_shares_of_unrelated_images_get_wilsons_interval(images: int, share: float) -> None:
    sample = Sample(images, images)
    found = share_interval(share, Luck(0.0, share * (1 - share) / images), sample)
    expected = stats.binomtest(round(share * images), images).proportion_ci(0.95, "wilson")
    assert found.low == pytest.approx(expected.low, abs=2.5 / images)
    assert found.high == pytest.approx(expected.high, abs=2.5 / images)


@given(st.floats(0, 1), st.floats(-0.3, 0.3), st.floats(1e-8, 0.2), st.integers(5, 500), st.floats(1, 30))
def test_no_share_is_certain(share: float, mean: float, variance: float, groups: int, effect: float) -> None:
    low, high = share_interval(share, Luck(mean, variance), Sample(groups * 5, groups, effect))
    assert 0 <= low < high <= 1


def test_a_share_of_one_leaves_what_the_design_effect_leaves() -> None:
    """Wilson's interval of n wins of n is 1 / (1 + t² / n), with n images over their design effect."""
    sample = Sample(600, 12, 4.0)
    low, high = share_interval(1.0, Luck(0.0, 0.0), sample)
    assert high == 1
    independent = 600 / 4.0 * 601 / 600
    assert low == pytest.approx(1 / (1 + stats.t.ppf(0.975, 11) ** 2 / independent), rel=1e-3)


def test_what_a_choice_flatters_by_is_taken_off() -> None:
    sample = Sample(1000, 100)
    flattered = share_interval(0.6, Luck(0.05, 0.0005), sample)
    plain = share_interval(0.55, Luck(0.0, 0.0005), sample)
    assert flattered.low == pytest.approx(plain.low, abs=0.002)
    assert flattered.high == pytest.approx(plain.high, abs=0.002)


def test_positive_numbers_get_an_interval_of_their_logarithm() -> None:
    low, high = positive_interval(0.2, Luck(0.1, 0.04), Sample(100, 11))
    reach = stats.t.ppf(0.975, 10) * 0.2
    assert math.log(low) == pytest.approx(math.log(0.2) - 0.1 - reach)
    assert math.log(high) == pytest.approx(math.log(0.2) - 0.1 + reach)
    shifted = positive_interval(0.2, Luck(0.1, 0.04), Sample(100, 11), shift=-0.5)
    assert shifted.high == high
    assert math.log(shifted.low) == pytest.approx(math.log(low) - 0.5)


def test_values_that_chance_has_driven_apart_are_moved_together() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.1, (1000, 30))
    equal = 1 + rng.normal(0, 0.1, 30)
    assert np.ptp(shrunken(equal, errors)) < 0.6 * np.ptp(equal)
    apart = np.linspace(-10, 10, 30)
    np.testing.assert_allclose(shrunken(apart, errors), apart, rtol=0.01)
    # Where truths vary as much as chance does, half of the variance is chance's.
    both = np.mean([shrunken(rng.normal(0, math.sqrt(0.02), 30), errors).var(ddof=1) for _ in range(60)])
    assert both == pytest.approx(0.01, rel=0.2)


def test_the_best_of_equals_is_flattered_by_the_mean_of_the_largest() -> None:
    rng = np.random.default_rng(1)
    errors = rng.normal(0, 1, (20_000, 10))
    luck = luck_of_choice(0, chosen_again(np.full(10, 3.0), errors), errors)
    largest = rng.normal(0, 1, (20_000, 10)).max(axis=1)
    assert luck.mean == pytest.approx(largest.mean(), abs=0.02)
    assert luck.variance == pytest.approx((3 * largest.var() + 1) / 4, abs=0.02)


def test_others_far_behind_do_not_make_equals_differ() -> None:
    errors = np.random.default_rng(4).normal(0, 1, (5_000, 20))
    seen = np.r_[np.random.default_rng(5).normal(0, 1, 10), np.linspace(-200, -100, 10)]
    few = luck_of_choice(0, chosen_again(seen[:10], errors[:, :10]), errors[:, :10])
    many = luck_of_choice(0, chosen_again(seen, errors), errors)
    assert many.mean == pytest.approx(few.mean, abs=1e-12)
    assert many.mean > 1


def test_one_far_ahead_is_not_flattered() -> None:
    errors = np.random.default_rng(2).normal(0, 1, (5_000, 10))
    values = np.r_[100.0, np.zeros(9)]
    luck = luck_of_choice(0, chosen_again(values, errors), errors)
    assert luck.mean == pytest.approx(0, abs=0.05)
    assert luck.variance == pytest.approx(1, abs=0.1)


def test_those_that_cannot_be_told_from_the_best() -> None:
    errors = np.random.default_rng(3).normal(0, 0.1, (2_000, 5))
    values = np.array([0.0, 2.0, 2.05, 1.9, -3.0])
    assert alike(values, errors, Sample(400, 40)).tolist() == [2, 1, 3]
    # With two groups nothing is told apart.
    assert alike(values, errors, Sample(400, 2)).tolist() == [2, 1, 3, 0, 4]


@pytest.mark.slow
@pytest.mark.parametrize("groups", [8, 40])
def test_the_best_is_missed_no_more_often_than_said(groups: int) -> None:
    """Independent normal errors, their covariance estimated by resampling; equal truths: the worst case."""
    rng = np.random.default_rng(groups)
    missed = alone = 0
    rounds = 600
    for _ in range(rounds):
        seen = rng.normal(0, 1, (groups, 6))
        drawn = rng.multinomial(groups, np.full(groups, 1 / groups), 300)
        sample = Sample(groups, groups)
        kept = alike(seen.mean(axis=0), sample.errors(drawn @ seen / groups), sample)
        missed += 0 not in kept
        alone += len(kept) == 1
    assert missed / rounds <= 0.025  # 1 %, and three standard deviations of it
    assert alone / rounds <= 0.025
