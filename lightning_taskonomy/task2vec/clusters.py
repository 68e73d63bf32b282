"""Clusters of similar tasks, and maps of tasks in two dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.distances import Matrix


@dataclass(frozen=True)
class Clusters:
    """Hierarchical clustering with complete linkage; leaves are ordered so that similar tasks are adjacent.

    Attributes:
        names: Task names.
        linkage: The linkage matrix, as scipy defines it.
    """

    names: tuple[str, ...]
    linkage: Matrix

    @classmethod
    def of(cls, names: Sequence[str], matrix: Matrix) -> "Clusters":
        """Cluster tasks by their distances; asymmetric distances are averaged over both directions.

        Raises:
            InputError: fewer than two tasks.
        """
        if len(names) < 2:
            raise InputError(f"embeddings: expected two tasks or more, found {len(names)}")
        condensed = squareform(_symmetric(matrix), checks=False)
        linkage = hierarchy.linkage(condensed, "complete", optimal_ordering=True)
        return cls(tuple(names), np.asarray(linkage, dtype=np.float64))

    @property
    def order(self) -> list[int]:
        """Indices of the tasks from one end of the tree to the other."""
        return [int(place) for place in hierarchy.leaves_list(self.linkage)]

    def labels(self, count: int) -> list[int]:
        """The cluster of each task when the tree is cut into `count`, numbered from 0 along the order.

        Raises:
            InputError: `count` is below 1 or exceeds the number of tasks.
        """
        if not 1 <= count <= len(self.names):
            raise InputError(f"clusters: expected 1 to {len(self.names)}, found {count}")
        found = hierarchy.fcluster(self.linkage, count, "maxclust")
        numbers = {int(label): number for number, label in enumerate(dict.fromkeys(found[self.order]))}
        return [numbers[int(label)] for label in found]

    def groups(self, count: int) -> list[list[str]]:
        """Task names by cluster when the tree is cut into `count`."""
        labels = self.labels(count)
        groups: list[list[str]] = [[] for _ in range(max(labels) + 1)]
        for place in self.order:
            groups[labels[place]].append(self.names[place])
        return groups

    def segments(self) -> tuple[list[list[tuple[float, float]]], float]:
        """Polylines of the dendrogram, with leaves at 0, 1, … along the order, and its height."""
        across = dict(zip(self.order, map(float, range(len(self.names))), strict=True))
        height = dict.fromkeys(across, 0.0)
        lines = []
        for number, (first, second, distance, _) in enumerate(self.linkage, start=len(self.names)):
            a, b = int(first), int(second)
            corners = [
                (across[a], height[a]),
                (across[a], distance),
                (across[b], distance),
                (across[b], height[b]),
            ]
            lines.append([(float(x), float(y)) for x, y in corners])
            across[number], height[number] = (across[a] + across[b]) / 2, float(distance)
        return lines, float(self.linkage[:, 2].max())


def plane(matrix: Matrix) -> Matrix:
    """Classical multidimensional scaling to two dimensions (Torgerson, 1952), (tasks, 2).

    The sign of each axis is chosen so that its positive side has more weight.
    """
    squared = np.square(_symmetric(matrix))
    centring = np.eye(len(squared)) - 1 / len(squared)
    values, vectors = np.linalg.eigh(-centring @ squared @ centring / 2)
    first = np.argsort(values)[::-1][:2]
    places: npt.NDArray[np.float64] = vectors[:, first] * np.sqrt(np.maximum(values[first], 0))
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 1)))
    signs = np.where(np.sum(places**3, axis=0) < 0, -1.0, 1.0)
    oriented: Matrix = places * signs
    return oriented


def _symmetric(matrix: Matrix) -> Matrix:
    mean = (matrix + matrix.T) / 2
    np.fill_diagonal(mean, 0)
    if mean.min() < -1e-9:
        return _lifted(mean)
    positive: Matrix = np.maximum(mean, 0)
    return positive


def _lifted(matrix: Matrix) -> Matrix:
    """Shift all but the diagonal so that the minimum is 0: asymmetric distances may be negative."""
    lifted: Matrix = matrix - matrix.min()
    np.fill_diagonal(lifted, 0)
    return lifted
