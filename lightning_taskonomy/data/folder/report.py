"""What a check of a data folder found: counts, and problems by kind."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

WITHOUT_ROOM, OUTSIDE, INVERTED = "record without its room", "camera outside its room", "normals inverted"
WARNINGS = frozenset({"missing label", "view without partner", WITHOUT_ROOM, OUTSIDE, INVERTED})
"""Kinds that fail no check: gaps, which the real set has too, and labels meant otherwise than its own."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file, a view or a list.

    Attributes:
        kind: what is wrong, in a few words that are the same for all alike.
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
        splits: by building listed, its split.
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
        """The problems that are no mere warnings."""
        return [problem for problem in self.problems if problem.kind not in WARNINGS]

    def kinds(self) -> Mapping[str, int]:
        """How many problems of each kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def as_json(self) -> dict[str, Any]:
        """The whole report, ready for JSON."""
        return {**asdict(self), "kinds": dict(self.kinds()), "damaged": len(self.damage)}
