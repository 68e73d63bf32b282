"""Means over images: batches of any sizes, of one rank."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning.strategies import SingleDeviceStrategy

from lightning_taskonomy.training.means_over_images import MeansOverImages

ROWS = st.lists(st.tuples(st.floats(0, 1e6, width=32), st.floats(-1, 1, width=32)), min_size=1, max_size=9)


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_batches_make_no_difference(batches: list[list[tuple[float, float]]]) -> None:
    means = MeansOverImages(columns=2)
    for batch in batches:
        means.add(torch.tensor(batch))
    found = means.of_all_ranks(SingleDeviceStrategy(torch.device("cpu")))
    assert found is not None
    expected = np.mean([row for batch in batches for row in batch], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_without_an_image_there_is_no_mean() -> None:
    assert MeansOverImages().of_all_ranks(SingleDeviceStrategy(torch.device("cpu"))) is None
