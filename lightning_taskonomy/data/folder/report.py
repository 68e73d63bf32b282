"""What a check of a data folder found: counts, and problems by kind."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

WITHOUT_ROOM, OUTSIDE, INVERTED = "record without its room", "camera outside its room", "normals inverted"
WARNINGS = frozenset({"missing label", "view without partner", WITHOUT_ROOM, OUTSIDE, INVERTED})
"""Kinds that do not fail a check: gaps, as in the real set, and labels of other conventions than its own."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file, a view or a list.

    Attributes:
        kind: what is wrong, in a few words shared by all problems of the kind.
        path: the file or folder, relative to the root; or the key of a view.
        found: what was found there.
    """

    kind: str
    path: str
    found: str


@dataclass
class Report:
    """What a folder holds and what is wrong with it.

    Attributes:
        layout: of the folder.
        views: by building.
        points: by building.
        labels: by domain, then by building.
        splits: the split of each listed building.
        problems: in the order of their paths.
    """

    layout: str
    views: dict[str, int] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def damage(self) -> list[Problem]:
        """The problems that are more than warnings."""
        return [problem for problem in self.problems if problem.kind not in WARNINGS]

    def kinds(self) -> Mapping[str, int]:
        """How many problems of each kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def as_json(self) -> dict[str, Any]:
        """The whole report, ready for JSON."""
        return {**asdict(self), "kinds": dict(self.kinds()), "damaged": len(self.damage)}

    def text(self, show: int) -> str:
        """The report as lines of text.

        Args:
            show: how many problems of each kind are listed.
        """
        total = sum(self.views.values())
        lines = [f"{self.layout} layout, {len(self.views)} buildings, {total} views", *self._buildings()]
        width = max(map(len, self.labels))
        for domain, counts in self.labels.items():
            held = sum(counts.values())
            lines.append(
                f"  {domain:<{width}}  {held:>8}" + (f"  ({total - held} missing)" if held < total else "")
            )
        return "\n".join([*lines, *problem_lines(self.problems, show)])

    def _buildings(self) -> list[str]:
        """A line per building: its split, views, points and labels."""
        width = max(map(len, self.views))
        rows = []
        for name, views in self.views.items():
            labels = sum(counts[name] for counts in self.labels.values())
            split = self.splits.get(name, "-")
            rows.append(
                f"  {name:<{width}}  {split:<5}  {views} views of {self.points[name]} points, {labels} labels"
            )
        return rows


def problem_lines(problems: Sequence[Problem], show: int) -> list[str]:
    """A paragraph per kind of problem, the most frequent first; `show` of each kind are listed."""
    lines = []
    for kind, count in Counter(problem.kind for problem in problems).most_common():
        lines.append(f"{kind}: {count}")
        alike = [problem for problem in problems if problem.kind == kind]
        lines += [f"  {problem.path}: {problem.found}" for problem in alike[:show]]
        if count > show:
            lines.append(f"  … and {count - show} more")
    return lines or ["no problems"]
