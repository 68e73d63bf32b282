"""The similarity tree: tasks clustered by how they transfer to others (Fig. 13)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.taxonomy.transfers import Transfers

Floats = NDArray[np.float64]

VARIANTS = ("class_selected",)
"""Published variants of another task (100 of the 1000 object classes): the tree shows each task once."""
_COMMON_TARGETS = 3
"""The fewest targets on which two sources are compared: with two, any correlation is 1 or −1."""


@dataclass(frozen=True)
class SimilarityTree:
    """Agglomerative clustering of source tasks.

    Attributes:
        tasks: the N clustered tasks, by name.
        linkage: scipy's linkage matrix of N − 1 merges, (N − 1, 4).
    """

    tasks: tuple[str, ...]
    linkage: Floats

    @classmethod
    def from_transfers(cls, transfers: Transfers, left_out: Sequence[str] = ()) -> "SimilarityTree":
        """Cluster by correlation distance of the transferring-out patterns, with average linkage.

        A pattern is a source's column of first-order affinities, without baselines, renormalised and
        standardised per target over the sources. A pair is compared on the targets that both sources have.

        Args:
            transfers: the table.
            left_out: sources to leave out.

        Raises:
            InputError: fewer than two sources, or two with fewer than three common targets.
        """
        tasks, patterns = transfer_patterns(transfers, left_out)
        if len(tasks) < 2:
            raise InputError(f"{transfers.origin}: expected first-order transfers from two sources or more")
        distances = np.zeros((len(tasks), len(tasks)))
        for first in range(len(tasks)):
            for second in range(first + 1, len(tasks)):
                common = ~np.isnan(patterns[:, first] + patterns[:, second])
                if common.sum() < _COMMON_TARGETS:
                    raise InputError(
                        f"{transfers.origin}: {tasks[first]} and {tasks[second]} have first-order transfers "
                        f"to {common.sum()} common targets; expected at least {_COMMON_TARGETS}"
                    )
                distance = 1 - _correlation(patterns[common, first], patterns[common, second])
                distances[first, second] = distances[second, first] = max(distance, 0.0)
        linkage = hierarchy.linkage(squareform(distances), "average")
        return cls(tasks, np.asarray(linkage, np.float64))

    @property
    def order(self) -> tuple[str, ...]:
        """The tasks from the top of the drawn tree to its bottom: similar ones are adjacent."""
        return tuple(self.tasks[index] for index in hierarchy.leaves_list(self.linkage))

    def newick(self) -> str:
        """The tree in Newick format; the length of a branch is half the distance it spans."""
        heights = np.concatenate([np.zeros(len(self.tasks)), self.linkage[:, 2] / 2])
        written = [_quoted(task) for task in self.tasks]
        for row, (left, right) in enumerate(self.linkage[:, :2].astype(int)):
            height = heights[len(self.tasks) + row]
            parts = (f"{written[child]}:{height - heights[child]:.6g}" for child in (left, right))
            written.append(f"({','.join(parts)})")
        return written[-1] + ";"

    def clusters(self, count: int) -> tuple[tuple[str, ...], ...]:
        """Cut the tree into `count` clusters, in the tree's order.

        Raises:
            InputError: `count` is not from 1 to the number of tasks.
        """
        if not 1 <= count <= len(self.tasks):
            raise InputError(f"clusters: expected a number from 1 to {len(self.tasks)}, found {count}")
        labels = dict(zip(self.tasks, hierarchy.cut_tree(self.linkage, [count])[:, 0].tolist(), strict=True))
        groups: dict[int, list[str]] = {}
        for task in self.order:
            groups.setdefault(labels[task], []).append(task)
        return tuple(tuple(group) for group in groups.values())

    def save(self, folder: str | Path, clusters: int) -> None:
        """Write `tree.json`, `tree.svg` and `tree.png` into a folder.

        Raises:
            InputError: an impossible number of clusters, or the folder cannot be written to.
        """
        from lightning_taskonomy.taxonomy.figures.style import save_figure  # matplotlib is slow to import
        from lightning_taskonomy.taxonomy.figures.tree import draw_tree

        groups = self.clusters(clusters)
        folder = make_folder(Path(folder))
        content = {"newick": self.newick(), "clusters": [list(group) for group in groups]}
        write_text(folder / "tree.json", json.dumps(content, indent=2) + "\n")
        save_figure(draw_tree(self, groups), folder / "tree")


def transfer_patterns(transfers: Transfers, left_out: Sequence[str] = ()) -> tuple[tuple[str, ...], Floats]:
    """The sources by name, (S,), and their standardised affinities to every target, (T, S).

    NaN where a source was not transferred to a target. The fully supervised network is left out.
    """
    rows = [
        row
        for row in transfers.candidates()
        if row.order == 1 and not row.is_self and row.sources[0] not in left_out
    ]
    sources = tuple(sorted({row.sources[0] for row in rows}))
    targets = sorted({row.target for row in rows})
    affinity = np.full((len(targets), len(sources)), np.nan)
    for row in rows:
        affinity[targets.index(row.target), sources.index(row.sources[0])] = row.affinity
    sums = np.nansum(affinity, axis=1, keepdims=True)
    affinity = np.divide(affinity, sums, out=np.full_like(affinity, np.nan), where=sums > 0)
    spread = np.array([np.nanstd(row) if np.isfinite(row).any() else 0.0 for row in affinity])
    varied = affinity[spread > 0]  # a target with equal affinities carries no information
    centred = varied - np.nanmean(varied, axis=1, keepdims=True) if len(varied) else varied
    return sources, centred / spread[spread > 0, None]


def order_of_tasks(transfers: Transfers) -> tuple[str, ...]:
    """All tasks of a table, similar ones together: those of the tree, then the rest by name.

    A table too small for a tree is ordered by name.
    """
    try:
        first = SimilarityTree.from_transfers(transfers).order
    except InputError:
        first = ()
    return (*first, *(task for task in transfers.tasks if task not in first))


def _correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation; 0 where one of the two is constant."""
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0 else 0.0


def _quoted(task: str) -> str:
    """A Newick label: quoted if it has a character that is special in Newick."""
    plain = not set(task) & set(" ()[]{}:;,'\"")
    return task if plain else "'" + task.replace("'", "''") + "'"
