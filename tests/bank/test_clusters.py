import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from lightning_taskonomy.bank.clusters import SAME_UP_TO, segments_of


def test_threshold_is_where_the_network_cannot_tell() -> None:
    assert 2 / (1 + np.exp(SAME_UP_TO)) == 0.5


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 8), st.integers(0, 1000))
def test_well_separated_segments_are_found(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = np.repeat(np.repeat(random.integers(0, count, (8, 8)), 4, axis=0), 4, axis=1)
    centres = 2 * np.eye(64)[random.permutation(64)[:count]]
    embedding = (centres[ids] + 0.03 * random.standard_normal((32, 32, 64))).transpose(2, 0, 1)
    assert adjusted_rand_score(ids.ravel(), segments_of(embedding).ravel()) == 1


def test_one_segment_stays_whole() -> None:
    embedding = 0.01 * np.random.default_rng(0).standard_normal((64, 32, 32))
    assert not segments_of(embedding).any()


def test_segments_are_numbered_by_size() -> None:
    embedding = np.zeros((3, 20, 20))
    embedding[0, :5] = 5
    embedding[1, :2] = 5
    segments = segments_of(embedding)
    assert np.bincount(segments.ravel()).tolist() == [300, 60, 40]


def test_number_of_segments_is_limited() -> None:
    embedding = np.random.default_rng(0).standard_normal((64, 40, 40)) * 5
    assert segments_of(embedding, most=7).max() < 7
