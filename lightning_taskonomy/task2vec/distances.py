"""Distances between tasks, and how complex a task is.

With h the Fisher information (or precision) of an embedding, s its scale, v = 1/h the variance of a filter:
each distance is a function of two embeddings of the same probe. `cosine` is the paper's symmetric distance.
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
"""Added to the sum of two informations before dividing, for numbers of the reference or of its method."""
ALPHA: Final = 0.15
"""How much the asymmetric distance counts what a task has beyond the trivial one."""


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
    """Each one's part in the information of both; 0 where neither has any.

    True information may be far below the reference's constant, which is then left out.
    """
    own = {"exact", "montecarlo", "variational"}
    total = a.hessian + b.hessian + (0.0 if {a.meta.get("method"), b.meta.get("method")} <= own else EPSILON)
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
"""Those that depend on which task is first."""


def distance(a: Embedding, b: Embedding, kind: str = "cosine") -> float:
    """How far two tasks are apart.

    Args:
        a: A task; where directions matter, the one to transfer from.
        b: Another of the same probe and method; the one to transfer to.
        kind: One of `KINDS`.

    Raises:
        InputError: there is no such distance, it is not defined for these embeddings, or they cannot be
            compared.
    """
    measure = _measure(kind)
    require_comparable(a, b)
    return measure(a, b)


def norm(a: Embedding) -> float:
    """The complexity of a task: the sum of its embedding (section 3.3).

    Only for comparing embeddings of one probe, method and β. Easy tasks have a small one.
    """
    return float(np.abs(a.hessian).sum())


def trivial(a: Embedding) -> Embedding:
    """The embedding of the task that asks for nothing: every filter is as its prior says.

    Args:
        a: An embedding of the same probe and method.

    Raises:
        InputError: the embedding has no prior: without one the trivial task has no information anywhere, and
            no direction.
    """
    if not a.meta.get("has_prior", False):
        raise InputError(
            f"embedding {a.name}: the trivial task is not defined for the method {a.meta.get('method', '?')} "
            "without a prior; embed with --method variational, or with --prior above 0"
        )
    return replace(a, hessian=a.scale, meta={**a.meta, "name": "trivial"})


def asymmetric_distance(a: Embedding, b: Embedding, alpha: float = ALPHA) -> float:
    """How little use an expert of task `a` is to task `b`: d(a, b) − α d(a, trivial).

    Of two tasks equally near, the more complex one makes the better expert (section 4).

    Args:
        a: The expert's task.
        b: The new task.
        alpha: α; the paper's 0.15 is for a ResNet-34.

    Raises:
        InputError: the trivial task is not defined for this way of embedding.
    """
    return _cosine(a, b) - alpha * _cosine(a, trivial(a))


def distance_matrix(embeddings: Sequence[Embedding], kind: str = "cosine") -> Matrix:
    """Distances among tasks; row i, column j is from i to j.

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
    """The nearest of some tasks, nearest first, each with how far it is as the one to transfer from.

    Raises:
        InputError: as `distance`.
    """
    found = [(other.name, distance(other, embedding, kind)) for other in others]
    return sorted(found, key=lambda pair: pair[1])[:count]


def normalised(embeddings: Sequence[Embedding]) -> Matrix:
    """Embeddings as rows, every filter divided by its root mean square over the tasks: for maps and plots."""
    rows = np.stack([embedding.hessian for embedding in embeddings])
    scale = np.sqrt(np.square(rows).mean(axis=0))
    found: Matrix = np.divide(rows, scale, out=np.zeros_like(rows), where=scale > 0)
    return found


def domain_distances(embeddings: Sequence[Embedding]) -> Matrix:
    """Distances by the mean features of the pictures: what they show, whatever the labels ask (section 4).

    Raises:
        InputError: an embedding has no domain, or of another probe.
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
    """Informations whose inverse exists."""
    if (a.hessian <= 0).any():
        count = int((a.hessian <= 0).sum())
        raise InputError(
            f"embedding {a.name}: {count} filters have no information, so that variances are infinite; "
            "expected the distance cosine, or embeddings with a --prior above 0"
        )
    return a.hessian
