"""Distances between tasks, and the complexity of a task.

Each distance is a function of two embeddings of the same probe. Here h is the Fisher information (or
precision) of an embedding, s its scale, and v = 1/h the variance of a filter. `cosine` is the paper's
symmetric distance.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.embedding import Embedding, Vector, require_comparable

Matrix = npt.NDArray[np.float64]
EPSILON: Final = 1e-8
"""Added to h_a + h_b before dividing, for embeddings of the reference or of its method."""
ALPHA: Final = 0.15
"""Weight of the distance to the trivial task in the asymmetric distance."""


def _cosine(a: Embedding, b: Embedding) -> float:
    return _cosine_distance(*_shares(a, b))


def _normalized_cosine(a: Embedding, b: Embedding) -> float:
    return _cosine_distance(a.scale / _positive(a), b.scale / _positive(b))


def _correlation(a: Embedding, b: Embedding) -> float:
    first, second = 1 / _positive(a), 1 / _positive(b)
    return _cosine_distance(first - first.mean(), second - second.mean())


def _divergences(v: Vector, w: Vector) -> Vector:
    """KL(N(0, v) ‖ N(0, w)) of every filter."""
    divergences: Vector = (v / w - 1 + np.log(w) - np.log(v)) / 2
    return divergences


def _kl(a: Embedding, b: Embedding) -> float:
    v, w = 1 / _positive(a), 1 / _positive(b)
    return float(np.maximum(_divergences(v, w), _divergences(w, v)).sum())


def _asymmetric_kl(a: Embedding, b: Embedding) -> float:
    return float(_divergences(1 / _positive(a), 1 / _positive(b)).sum())


def _jsd(a: Embedding, b: Embedding) -> float:
    v, w = 1 / _positive(a), 1 / _positive(b)
    middle = (v + w) / 2
    return float(np.mean((_divergences(v, middle) + _divergences(w, middle)) / 2))


def _entropy(a: Embedding, b: Embedding) -> float:
    share = np.where(a.hessian + b.hessian > 0, _shares(a, b)[0], 0.5)
    surprises = [-part * np.log(part, out=np.zeros_like(part), where=part > 0) for part in (share, 1 - share)]
    return float(np.log(2) - np.mean(surprises[0] + surprises[1]))


def _shares(a: Embedding, b: Embedding) -> tuple[Vector, Vector]:
    """h_a / (h_a + h_b) and h_b / (h_a + h_b); 0 where both are 0.

    True information may be far smaller than the reference's constant, which is therefore left out for it.
    """
    unregularised = {"exact", "montecarlo", "variational"}
    methods = {a.meta.get("method"), b.meta.get("method")}
    total = a.hessian + b.hessian + (0.0 if methods <= unregularised else EPSILON)
    known = total > 0
    first, second = (np.divide(h, total, out=np.zeros_like(h), where=known) for h in (a.hessian, b.hessian))
    return first, second


def _asymmetric(a: Embedding, b: Embedding) -> float:
    return asymmetric_distance(a, b)


KINDS: MappingProxyType[str, Callable[[Embedding, Embedding], float]] = MappingProxyType(
    {
        "cosine": _cosine,
        "asymmetric": _asymmetric,
        "normalized_cosine": _normalized_cosine,
        "correlation": _correlation,
        "kl": _kl,
        "asymmetric_kl": _asymmetric_kl,
        "jsd": _jsd,
        "entropy": _entropy,
    }
)
"""The distances by name."""
DIRECTED: Final = frozenset({"asymmetric", "asymmetric_kl"})
"""The asymmetric distances."""


def distance(a: Embedding, b: Embedding, kind: str = "cosine") -> float:
    """The distance between two tasks.

    Args:
        a: A task; for asymmetric distances, the one to transfer from.
        b: Another task, embedded with the same probe and method; the one to transfer to.
        kind: One of `KINDS`.

    Raises:
        InputError: there is no such distance, it is not defined for these embeddings, or they are not
            comparable.
    """
    measure = _measure(kind)
    require_comparable(a, b)
    return measure(a, b)


def norm(a: Embedding) -> float:
    """The complexity of a task: the sum of its embedding (section 3.3).

    Comparable only between embeddings of one probe, method and β. Easy tasks have a small norm.
    """
    return float(np.abs(a.hessian).sum())


def trivial(a: Embedding) -> Embedding:
    """The embedding of the trivial task, in which every filter keeps its prior.

    Args:
        a: An embedding of the same probe and method.

    Raises:
        InputError: the embedding has no prior. Without one the trivial task is the zero vector, which has no
            direction.
    """
    if not a.meta.get("has_prior", False):
        raise InputError(
            f"embedding {a.name}: the trivial task is not defined for the method {a.meta.get('method', '?')} "
            "without a prior; embed with --method variational, or with --prior above 0"
        )
    return replace(a, hessian=a.scale, meta={**a.meta, "name": "trivial"})


def asymmetric_distance(a: Embedding, b: Embedding, alpha: float = ALPHA) -> float:
    """d(a, b) − α d(a, trivial): small if an expert on task `a` is useful for task `b`.

    Of two equally near tasks, the more complex one makes the better expert (section 4).

    Args:
        a: The expert's task.
        b: The new task.
        alpha: α; the paper's 0.15 is for a ResNet-34.

    Raises:
        InputError: the trivial task is not defined for this method of embedding.
    """
    return _cosine(a, b) - alpha * _cosine(a, trivial(a))


def distance_matrix(embeddings: Sequence[Embedding], kind: str = "cosine") -> Matrix:
    """Distances among tasks; entry (i, j) is the distance from i to j.

    Raises:
        InputError: as `distance`.
    """
    return cross_distances(embeddings, embeddings, kind)


def cross_distances(rows: Sequence[Embedding], columns: Sequence[Embedding], kind: str = "cosine") -> Matrix:
    """Distances from some tasks to others, (rows, columns).

    Raises:
        InputError: as `distance`.
    """
    return np.array([[distance(a, b, kind) for b in columns] for a in rows]).reshape(len(rows), len(columns))


def nearest(
    embedding: Embedding, others: Sequence[Embedding], count: int = 5, kind: str = "cosine"
) -> list[tuple[str, float]]:
    """The nearest of some tasks, nearest first, each with its distance as the source of a transfer.

    Raises:
        InputError: as `distance`.
    """
    found = [(other.name, distance(other, embedding, kind)) for other in others]
    return sorted(found, key=lambda pair: pair[1])[:count]


def normalised(embeddings: Sequence[Embedding]) -> Matrix:
    """Embeddings as rows, each filter divided by its root mean square over the tasks, for maps and plots."""
    rows = np.stack([embedding.hessian for embedding in embeddings])
    scale = np.sqrt(np.square(rows).mean(axis=0))
    scaled: Matrix = np.divide(rows, scale, out=np.zeros_like(rows), where=scale > 0)
    return scaled


def domain_distances(embeddings: Sequence[Embedding]) -> Matrix:
    """Domain distances: between mean features of the images, whatever their labels (section 4).

    Raises:
        InputError: an embedding has no domain, or its domain is from another probe.
    """
    domains = [embedding.domain for embedding in embeddings]
    for embedding, domain in zip(embeddings, domains, strict=True):
        if domain is None or domains[0] is None or len(domain) != len(domains[0]):
            raise InputError(
                f"embedding {embedding.name}: expected mean features like the others'; found none"
            )
    return np.array([[_cosine_distance(a, b) for b in domains] for a in domains])  # type: ignore[arg-type]


def _measure(kind: str) -> Callable[[Embedding, Embedding], float]:
    if kind not in KINDS:
        raise InputError(f"distance: expected one of {', '.join(KINDS)}, found {kind!r}")
    return KINDS[kind]


def _cosine_distance(a: Vector, b: Vector) -> float:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(1 - a @ b / lengths) if lengths > 0 else 1.0


def _positive(a: Embedding) -> Vector:
    """The Fisher information, all of it positive."""
    if (a.hessian <= 0).any():
        count = int((a.hessian <= 0).sum())
        raise InputError(
            f"embedding {a.name}: {count} filters have no information, so their variances are infinite; "
            "expected the distance cosine, or embeddings with a --prior above 0"
        )
    return a.hessian
