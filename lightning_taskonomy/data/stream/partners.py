"""The other views of an example with two or three: of the same point, overlapping, or of another point."""

import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.data.shards.index import Lists, SplitIndex
from lightning_taskonomy.tasks.task import Task

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


class Span(NamedTuple):
    """A range of samples in the index of a split.

    Attributes:
        first: place of the first one.
        end: place after the last one; None for all that follow.
    """

    first: int = 0
    end: int | None = None


WHOLE_SPLIT = Span()


def needed_domains(task: Task) -> tuple[str, ...]:
    """The domains that a task reads of each of its views."""
    return tuple(dict.fromkeys(("rgb", *task.domains)))


class Partners:
    """Chooses the views of examples among the samples of a split.

    Args:
        index: of the split, in which the views of a point stand together.
        within: the samples that examples are made of; partners come from these too, so that a small set is
            closed under its pairs.
    """

    def __init__(self, index: SplitIndex, within: Span = WHOLE_SPLIT) -> None:
        self.index, self.within = index, within
        self._held: dict[tuple[str, ...], Flags] = {}

    def eligible(self, task: Task) -> Flags:
        """Samples that have every label the task needs, and the partners it needs, (N,)."""
        held = self._holding(task)
        if task.views == 1:
            return held
        if task.partners == "overlapping":
            return held & (self._count(held, self._overlapping.bounds, self._overlapping.values) >= 1)
        siblings = self._count(held, self._points, np.arange(len(held)))[self._point_of]
        return np.asarray(held & (siblings >= task.views) & self._others_exist(task, held))

    def views(self, task: Task, sample: int, random: np.random.Generator) -> list[int]:
        """The views of an eligible sample's example, the sample first.

        Args:
            task: that needs them.
            sample: its place in the index.
            random: makes the choice.
        """
        if task.views == 1:
            return [sample]
        held = self._holding(task)
        if task.partners == "overlapping":
            bounds, values = self._overlapping
            candidates = values[bounds[sample] : bounds[sample + 1]]
            return [sample, int(random.choice(candidates[held[candidates]]))]
        if task.partners == "same_or_other_point" and random.random() < 0.5:
            return [sample, self._of_another_point(sample, held, random)]
        point = int(self._point_of[sample])
        span = np.arange(self._points[point], self._points[point + 1])
        others = span[held[span] & (span != sample)]
        return [sample, *random.choice(others, task.views - 1, replace=False).tolist()]

    def _of_another_point(self, sample: int, held: Flags, random: np.random.Generator) -> int:
        """A view of another point of the same building, or of any where the building has no other point."""
        order, starts, building_of = self._buildings
        building = building_of[sample]
        for candidates in (order[starts[building] : starts[building + 1]], order):
            # A few random ones nearly always suffice; all are tried only where almost none qualifies.
            few = candidates[random.integers(len(candidates), size=16)]
            for those in (few, random.permutation(candidates) if len(candidates) < 10_000 else few):
                good = those[held[those] & (self._point_of[those] != self._point_of[sample])]
                if len(good):
                    return int(good[0])
        raise ValueError("expected another point in the split")

    def _others_exist(self, task: Task, held: Flags) -> bool:
        if task.partners != "same_or_other_point":
            return True
        return len(np.unique(self._point_of[held])) > 1

    def _holding(self, task: Task) -> Flags:
        domains = needed_domains(task)
        if domains not in self._held:
            held = np.zeros(len(self.index.keys), np.bool_)
            held[slice(*self.within)] = True
            for domain in domains:
                held &= self.index.present.get(domain, np.zeros(len(held), np.bool_))
            self._held[domains] = held
        return self._held[domains]

    @staticmethod
    def _count(held: Flags, bounds: Integers, values: Integers) -> Integers:
        """How many members of each list are held."""
        total = np.concatenate([[0], np.cumsum(held[values])])
        return np.asarray(total[bounds[1:]] - total[bounds[:-1]])

    @cached_property
    def _points(self) -> Integers:
        """Where each point's views begin, and the end, (points + 1,)."""
        starts = np.flatnonzero(self.index.keys.starts("_view_"))
        return np.append(starts, len(self.index.keys))

    @cached_property
    def _point_of(self) -> npt.NDArray[np.int32]:
        """The point of each sample, (N,)."""
        return np.repeat(np.arange(len(self._points) - 1, dtype=np.int32), np.diff(self._points))

    @cached_property
    def _overlapping(self) -> Lists:
        lists = self.index.overlapping
        if lists is None:
            raise ValueError("expected an index read with its overlapping views")
        return lists

    @cached_property
    def _buildings(self) -> tuple[Integers, Integers, npt.NDArray[np.int32]]:
        """Samples ordered by building, where each building's begin, and the building of each sample."""
        building_of = self.index.keys.buildings()
        order = np.argsort(building_of, kind="stable")
        starts = np.searchsorted(building_of[order], np.arange(building_of.max() + 2))
        return order, starts, building_of


def task_seed(task: Task) -> int:
    """A seed per task, so that its randomness does not depend on which other tasks are read."""
    return zlib.crc32(task.name.encode())


def overlap_is_needed(tasks: Sequence[Task]) -> bool:
    """Whether some of the tasks need views of other points that overlap."""
    return any(task.views > 1 and task.partners == "overlapping" for task in tasks)
