import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.taxonomy.ahp import CLIP, affinities, distance, rescaled

Floats = np.ndarray


def principal_eigenvector(win_rates: Floats) -> Floats:
    """The principal eigenvector from a dense eigendecomposition."""
    clipped = np.clip(win_rates, CLIP, 1 - CLIP)
    values, vectors = np.linalg.eig(clipped / clipped.T)
    vector = np.abs(vectors[:, np.argmax(values.real)].real)
    return np.asarray(vector / vector.sum())


def completed(upper: Floats) -> Floats:
    """Win rates from their upper triangle: W + Wᵀ = 1."""
    above = np.triu(upper, 1)
    return np.asarray(above + np.tril(1 - above.T, -1) + 0.5 * np.eye(len(upper)))


def ranked(contenders: int) -> Floats:
    """Win rates that follow from hidden skills of very different sizes."""
    skill = 4 * np.random.default_rng(1).standard_normal(contenders)
    return np.asarray(1 / (1 + np.exp(skill[None, :] - skill[:, None])))


def cyclic(contenders: int) -> Floats:
    """Each contender always beats the half that follows it: no ranking exists."""
    ahead = (np.arange(contenders)[None, :] - np.arange(contenders)[:, None]) % contenders
    return completed(((ahead > 0) & (ahead <= contenders // 2)).astype(float))


@pytest.mark.parametrize("contenders", [2, 3, 4, 7, 60, 150])
@pytest.mark.parametrize("kind", ["random", "ranked", "cyclic", "unbeaten"])
def test_equals_the_dense_eigenvector(contenders: int, kind: str) -> None:
    rng = np.random.default_rng(contenders)
    win_rates = {
        "random": completed(rng.random((contenders, contenders))),
        "ranked": ranked(contenders),
        "cyclic": cyclic(contenders),
        "unbeaten": completed(np.ones((contenders, contenders))),
    }[kind]
    found = affinities(win_rates)
    assert np.abs(found - principal_eigenvector(win_rates)).max() <= 1e-8
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ranked", "random"])
def test_equals_the_dense_eigenvector_of_1500_contenders(kind: str) -> None:
    win_rates = ranked(1500) if kind == "ranked" else completed(np.random.default_rng(0).random((1500, 1500)))
    assert np.abs(affinities(win_rates) - principal_eigenvector(win_rates)).max() <= 1e-8


def test_consistent_ratios_give_back_the_weights_behind_them() -> None:
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    win_rates = weights[:, None] / (weights[:, None] + weights[None, :])
    assert affinities(win_rates) == pytest.approx(weights)


@given(st.integers(0, 1000), st.integers(2, 12))
def test_follows_a_permutation_of_the_contenders(seed: int, contenders: int) -> None:
    rng = np.random.default_rng(seed)
    win_rates = completed(rng.random((contenders, contenders)))
    order = rng.permutation(contenders)
    permuted = affinities(win_rates[np.ix_(order, order)])
    assert permuted == pytest.approx(affinities(win_rates)[order], abs=1e-12)


def test_rescaling_gives_the_lowest_loss_one_and_the_highest_zero() -> None:
    assert rescaled(np.array([3.0, 1.0, 2.0])) == pytest.approx([0.0, 1.0, 0.5])
    assert rescaled(np.array([2.0, 2.0])) == pytest.approx([1.0, 1.0])


def test_distance_is_the_exponential_of_minus_beta_times_affinity() -> None:
    assert distance(np.array([0.0, 0.05, 1.0])) == pytest.approx([1.0, np.exp(-1), np.exp(-20)])
