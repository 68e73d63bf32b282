"""Tournaments counted in parts, by several processes or batches, and summed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from lightning_taskonomy.taxonomy.ahp import Floats
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float64,
        some.tuples(some.integers(1, 30), some.integers(2, 6)),
        elements=some.sampled_from([0.0, 0.5, 1.0, 1.0 + 1e-12, 3.0]),
    ),
    some.integers(0, 30),
)
def test_parts_add_up_to_the_whole(losses: Floats, cut: int) -> None:
    images, contenders = losses.shape
    names = [f"task{number}" for number in range(contenders)]
    keys = [f"ash/point_{number}_view_0" for number in range(images)]
    whole = Tournament.from_losses(LossTable.from_arrays("reshade", keys, names, losses))
    halves = np.zeros((contenders, contenders), np.int64)
    for part in (losses[:cut], losses[cut:]):
        if len(part):
            count_half_wins(part, halves)
    found = Tournament.from_counts("reshade", names, halves, losses.sum(axis=0), images)
    np.testing.assert_array_equal(found.win_rates, whole.win_rates)
    np.testing.assert_allclose(found.mean_losses, whole.mean_losses)
    assert (found.contenders, found.images, found.dropped) == (whole.contenders, images, 0)
