"""Distances against scipy and numerical integrals; their invariants; what they refuse."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import correlation, cosine
from scipy.stats import entropy

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Embedding, distance, norm
from lightning_taskonomy.task2vec.distances import (
    DIRECTED,
    KINDS,
    asymmetric_distance,
    distance_matrix,
    domain_distances,
    nearest,
    normalised,
    trivial,
)
from lightning_taskonomy.task2vec.embedding import Vector

SYMMETRIC = sorted(set(KINDS) - DIRECTED)
positive = arrays(np.float64, 7, elements=st.floats(0.01, 100))


def embedding(
    hessian: npt.ArrayLike, scale: npt.ArrayLike | None = None, domain: Vector | None = None, **meta: str
) -> Embedding:
    values = np.asarray(hessian, dtype=float)
    given = {"name": "a", "has_prior": scale is not None, "method": "exact", **meta}
    return Embedding(values, np.ones_like(values) if scale is None else np.asarray(scale), given, domain)


def random(seed: int, scale: float = 0.05) -> Embedding:
    generator = np.random.default_rng(seed)
    return embedding(generator.gamma(1.5, size=40), np.full(40, scale), name=f"task {seed}")


def test_against_scipy() -> None:
    a, b = random(0), random(1)
    h, g = a.hessian, b.hessian
    total = h + g
    bare = [Embedding(h, a.scale), Embedding(g, b.scale)]
    assert distance(bare[0], bare[1]) == pytest.approx(
        cosine(h / (total + 1e-8), g / (total + 1e-8)), rel=1e-12
    )
    assert distance(a, b) == pytest.approx(cosine(h / total, g / total))
    assert distance(a, b, "normalized_cosine") == pytest.approx(cosine(0.05 / h, 0.05 / g))
    assert distance(a, b, "correlation") == pytest.approx(correlation(1 / h, 1 / g))
    shares = np.stack([h / total, 1 - h / total])
    assert distance(a, b, "entropy") == pytest.approx(np.log(2) - entropy(shares).mean())


def divergence(v: float, w: float) -> float:
    """KL of two centred normal distributions by summing on a grid."""
    x, step = np.linspace(-12 * np.sqrt(v), 12 * np.sqrt(v), 20_001, retstep=True)
    log_p, log_q = (-(x**2) / 2 / s - np.log(2 * np.pi * s) / 2 for s in (v, w))
    return float((np.exp(log_p) * (log_p - log_q)).sum() * step)


def test_divergences_against_integrals() -> None:
    a, b = embedding([0.5, 4.0, 1.0]), embedding([2.0, 3.0, 1.0])
    variances = list(zip(1 / a.hessian, 1 / b.hessian, strict=True))
    there = [divergence(v, w) for v, w in variances]
    back = [divergence(w, v) for v, w in variances]
    assert distance(a, b, "asymmetric_kl") == pytest.approx(sum(there), rel=1e-5)
    assert distance(a, b, "kl") == pytest.approx(sum(map(max, there, back)), rel=1e-5)
    middle = [(divergence(v, (v + w) / 2) + divergence(w, (v + w) / 2)) / 2 for v, w in variances]
    assert distance(a, b, "jsd") == pytest.approx(np.mean(middle), rel=1e-5)


@given(positive, positive)
@settings(max_examples=50, deadline=None)
def test_symmetric_distances_are_symmetric_and_none_is_negative(h: Vector, g: Vector) -> None:
    a, b = embedding(h, np.ones(7)), embedding(g, np.ones(7))
    for kind in SYMMETRIC:
        assert distance(a, b, kind) == pytest.approx(distance(b, a, kind), rel=1e-6, abs=1e-9)
        assert distance(a, b, kind) > -1e-9
    assert distance(a, b, "asymmetric_kl") > -1e-9


@given(positive)
@settings(max_examples=50, deadline=None)
def test_a_task_has_distance_0_from_itself(h: Vector) -> None:
    for kind in set(KINDS) - {"asymmetric", "correlation"}:
        assert distance(embedding(h), embedding(h), kind) == pytest.approx(0, abs=1e-6)


@given(positive, positive, st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_cosine_does_not_depend_on_the_unit(h: Vector, g: Vector, unit: float) -> None:
    found = distance(embedding(unit * h), embedding(unit * g))
    assert found == pytest.approx(distance(embedding(h), embedding(g)), abs=1e-6)


def test_norm_is_the_sum() -> None:
    assert norm(embedding([1.0, 2.5, 0.0])) == 3.5


def test_asymmetric_prefers_of_two_equally_near_the_one_further_from_the_trivial_task() -> None:
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    new = embedding([1.0, 1.0, 1.0, 1.0], prior)
    # Other filters of a task equal everywhere: equally near it.
    experts = [embedding(np.where(np.arange(4) == place, 3.0, 1.0), prior) for place in range(4)]
    np.testing.assert_allclose([distance(expert, new) for expert in experts], distance(experts[0], new))
    apart = [cosine(h / (h + prior), prior / (h + prior)) for h in (expert.hessian for expert in experts)]
    found = [distance(expert, new, "asymmetric") for expert in experts]
    assert list(np.argsort(found)) == list(np.argsort(apart)[::-1])
    np.testing.assert_allclose(found, distance(experts[0], new) - 0.15 * np.array(apart))
    assert asymmetric_distance(experts[0], new, alpha=0) == distance(experts[0], new)


def test_small_information_is_not_drowned_by_the_references_constant() -> None:
    a, b = embedding([1e-11, 3e-11]), embedding([3e-11, 1e-11])
    assert distance(a, b) == pytest.approx(cosine([0.25, 0.75], [0.75, 0.25]))
    bare = [Embedding(task.hessian, task.scale) for task in (a, b)]
    assert distance(bare[0], bare[1]) == pytest.approx(cosine([1e-11, 3e-11], [3e-11, 1e-11]), rel=0.01)


def test_trivial_task_is_the_prior() -> None:
    a = random(0)
    np.testing.assert_array_equal(trivial(a).hessian, a.scale)
    prior_alone = embedding(a.scale, a.scale)
    assert distance(prior_alone, trivial(a)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", ["asymmetric"])
def test_without_a_prior_there_is_no_trivial_task(kind: str) -> None:
    drawn = embedding([1.0, 2.0], name="birds", method="montecarlo")
    with pytest.raises(
        InputError, match=r"birds: the trivial task is not defined for the method montecarlo wit"
    ):
        distance(drawn, drawn, kind)


@pytest.mark.parametrize(
    ("a", "b", "kind", "message"),
    [
        (
            embedding([1.0]),
            embedding([1.0]),
            "euclid",
            "expected one of cosine, asymmetric, .* found 'euclid'",
        ),
        (embedding([1.0]), embedding([1.0, 2.0]), "cosine", "lengths differ"),
        (embedding([1.0]), embedding([1.0], method="batch"), "cosine", "method differ .exact and batch"),
        (embedding([1.0], probe="x"), embedding([1.0], probe="y"), "cosine", "probe differ .x and y"),
        (embedding([0.0, 1]), embedding([1.0, 2.0]), "kl", "1 filters have no information"),
    ],
)
def test_incomparable_embeddings_are_refused(a: Embedding, b: Embedding, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        distance(a, b, kind)


def test_matrix_and_nearest() -> None:
    tasks = [random(seed) for seed in range(5)]
    matrix = distance_matrix(tasks, "asymmetric")
    assert matrix.shape == (5, 5)
    assert matrix[1, 3] == distance(tasks[1], tasks[3], "asymmetric")
    found = nearest(tasks[0], tasks[1:], count=3)
    order = np.argsort([distance(other, tasks[0]) for other in tasks[1:]])
    assert [name for name, _ in found] == [f"task {place + 1}" for place in order[:3]]


def test_normalised_filters_have_mean_square_1() -> None:
    tasks = [random(seed) for seed in range(4)]
    tasks.append(embedding(np.zeros(40), np.ones(40)))
    np.testing.assert_allclose(np.square(normalised(tasks)).mean(0), 1)


def test_domains_are_compared_by_their_angle() -> None:
    tasks = [embedding([1.0], domain=np.array(values, float)) for values in ([1, 0], [2, 0], [1, 1])]
    expected = 1 - 1 / np.sqrt(2)
    np.testing.assert_allclose(domain_distances(tasks)[0], [0, 0, expected], atol=1e-12)
    with pytest.raises(InputError, match="expected mean features"):
        domain_distances([*tasks, embedding([1.0])])
