from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, Tournament
from lightning_taskonomy.taxonomy.losses import BLOCK_ROWS, Floats


def table_of(losses: Floats, contenders: list[str] | None = None) -> LossTable:
    images = [f"image{index}" for index in range(len(losses))]
    names = contenders or [f"c{index}" for index in range(losses.shape[1])]
    return LossTable.from_arrays("target", images, names, losses)


def exact_win_rate(losses: Floats, first: int, second: int) -> Fraction:
    """One image at a time, in fractions."""
    halves = 0
    for own, other in losses[:, [first, second]].tolist():
        halves += 2 if own < other else 1 if own == other else 0
    return Fraction(halves, 2 * len(losses))


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(2, 6)),
        elements=st.sampled_from([0.0, -0.0, 0.1, 0.2, 1e-300, 1e300, 3.5]),
    )
)
def test_win_rates_are_exact_ties_half(losses: Floats) -> None:
    rates = Tournament.from_losses(table_of(losses)).win_rates
    for first in range(losses.shape[1]):
        for second in range(losses.shape[1]):
            expected = exact_win_rate(losses, first, second)
            assert rates[first, second] == float(expected)
    np.testing.assert_array_equal(rates + rates.T, 1)


@pytest.mark.parametrize("count", [127, 128, 150])
@pytest.mark.parametrize("tied", [False, True])
def test_many_contenders_agree_with_pairwise_comparison(count: int, tied: bool) -> None:
    rng = np.random.default_rng(count)
    losses = rng.random((300, count))
    if tied:
        losses = np.round(losses, 2)
    rates = Tournament.from_losses(table_of(losses)).win_rates
    wins = (losses[:, :, None] < losses[:, None, :]).sum(axis=0)
    ties = (losses[:, :, None] == losses[:, None, :]).sum(axis=0)
    np.testing.assert_array_equal(rates, (2 * wins + ties) / (2 * len(losses)))


def test_a_pair_agrees_with_the_mann_whitney_style_count_of_scipy() -> None:
    rng = np.random.default_rng(1)
    losses = np.round(rng.random((500, 2)), 1)
    differences = losses[:, 1] - losses[:, 0]
    expected = (np.sign(differences).sum() / len(losses) + 1) / 2
    assert Tournament.from_losses(table_of(losses)).win_rates[0, 1] == pytest.approx(expected, abs=1e-15)
    assert stats.rankdata(losses[0]).sum() == 3  # two contenders always share ranks 1 and 2


def test_several_blocks_give_the_same_as_one_image_at_a_time() -> None:
    rng = np.random.default_rng(2)
    losses = np.round(rng.random((BLOCK_ROWS + 100, 3)), 2)
    rates = Tournament.from_losses(table_of(losses)).win_rates
    assert rates[0, 2] == float(exact_win_rate(losses, 0, 2))
    assert rates[2, 1] == float(exact_win_rate(losses, 2, 1))


def test_the_order_of_images_and_monotone_scales_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    losses = rng.random((200, 5))
    rates = Tournament.from_losses(table_of(losses)).win_rates
    shuffled = Tournament.from_losses(table_of(np.exp(3 * losses[rng.permutation(200)]))).win_rates
    np.testing.assert_array_equal(rates, shuffled)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_named(bad: float) -> None:
    losses = np.random.default_rng(4).random((10, 3))
    losses[7, 1] = bad
    with pytest.raises(
        InputError, match=r"target target, image image7, contender c1: expected a finite loss"
    ):
        Tournament.from_losses(table_of(losses))


def test_incomplete_images_are_dropped_and_counted_on_request() -> None:
    losses = np.random.default_rng(5).random((50, 3))
    damaged = losses.copy()
    damaged[[3, 20], [0, 2]] = np.nan
    result = Tournament.from_losses(table_of(damaged), drop_incomplete=True)
    complete = Tournament.from_losses(table_of(np.delete(losses, [3, 20], axis=0)))
    assert (result.images, result.dropped) == (48, 2)
    np.testing.assert_array_equal(result.win_rates, complete.win_rates)
    np.testing.assert_allclose(result.mean_losses, complete.mean_losses)


def test_no_complete_image_is_an_error() -> None:
    with pytest.raises(InputError, match="no complete row; all 2 images are incomplete"):
        Tournament.from_losses(table_of(np.full((2, 2), np.nan)), drop_incomplete=True)


def test_a_repeated_image_is_named_even_in_another_block() -> None:
    images = [f"image{index}" for index in range(BLOCK_ROWS + 5)]
    images[-1] = "image3"
    losses = np.random.default_rng(6).random((len(images), 2))
    with pytest.raises(InputError, match="image image3 appears in more than one row"):
        Tournament.from_losses(LossTable.from_arrays("target", images, ["a", "b"], losses))


def test_transfers_carry_affinity_gain_and_quality() -> None:
    losses = np.random.default_rng(7).random((100, 4))
    result = Tournament.from_losses(table_of(losses, ["self", "pixels", "a", "a+b"]))
    rows = {row.label: row for row in result.transfers()}
    assert sum(row.affinity or 0 for row in rows.values()) == pytest.approx(1)
    assert rows["a+b"].sources == ("a", "b")
    assert rows["a"].gain == (losses[:, 2] < losses[:, 1]).mean()
    assert rows["a"].quality == (losses[:, 2] < losses[:, 0]).mean()
    assert rows["self"].quality == 0.5


def test_win_rates_against_absent_contenders_are_unknown() -> None:
    result = Tournament.from_losses(table_of(np.random.default_rng(8).random((10, 2)), ["a", "b"]))
    assert {(row.gain, row.quality) for row in result.transfers()} == {(None, None)}
