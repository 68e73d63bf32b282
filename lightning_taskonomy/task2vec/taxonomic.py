"""Do nearby embeddings belong to related species? The values of the paper's Fig. 2, left."""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.task2vec.distances import Matrix

RANKS = ("kingdom", "phylum", "class", "order")
_COUNTS = (1, 3, 5, 10, 20, 30, 50, 100, 200)


def taxonomic_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """0 for tasks of one order, 1 of one class, 2 of one phylum, 3 of one kingdom, else 4.

    Args:
        a: Kingdom, phylum, class and order of a task, as in its `meta["taxonomy"]`.
        b: The same of another task.
    """
    shared = [first == second for first, second in zip(a, b, strict=True)]
    return len(RANKS) - (shared.index(False) if False in shared else len(RANKS))


def mean_taxonomic_distances(
    matrix: Matrix, lineages: Sequence[Sequence[str]]
) -> list[tuple[int, float, float]]:
    """Mean taxonomic distance of the k nearest tasks, and of the k most related ones, averaged over tasks.

    Args:
        matrix: Distances between embeddings.
        lineages: Kingdom, phylum, class and order of each task.

    Returns:
        (k, by embedding, by taxonomy) for several k.
    """
    related = np.array([[taxonomic_distance(a, b) for b in lineages] for a in lineages], dtype=float)
    count = len(lineages)
    rows = []
    for k in sorted({*(k for k in _COUNTS if k < count - 1), count - 1}):
        means = []
        for by in (matrix, related):
            kept = by + np.diag(np.full(count, np.inf))  # a task is not its own neighbour
            near = np.argsort(kept, axis=1, kind="stable")[:, :k]
            means.append(float(np.take_along_axis(related, near, axis=1).mean()))
        rows.append((k, means[0], means[1]))
    return rows
