"""Verifying a data folder: what is there, what is missing, what is damaged."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lightning_taskonomy.data.folder.label_check import check_label
from lightning_taskonomy.data.folder.splits import read_splits
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.errors import InputError

GAPS = frozenset({"missing label", "view without partner"})
"""Kinds that the real set has too, and that training copes with; everything else is damage."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file, a view or a list.

    Attributes:
        kind: what is wrong, in a few words that are the same for all alike.
        path: the file or folder, relative to the root.
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
        labels: by domain, then by building.
        problems: in the order of their paths.
    """

    layout: str
    views: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def damage(self) -> list[Problem]:
        """The problems that are no mere gaps."""
        return [problem for problem in self.problems if problem.kind not in GAPS]

    def kinds(self) -> Mapping[str, int]:
        """How many problems of each kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def as_json(self) -> dict[str, Any]:
        """The whole report, ready for JSON."""
        return {**asdict(self), "kinds": dict(self.kinds()), "damaged": len(self.damage)}


def check_folder(
    root: Path, workers: int, splits: Path | None = None, after_each: Callable[[int], None] = lambda _: None
) -> Report:
    """Read every file of a folder.

    Args:
        root: the folder, in either layout.
        workers: processes.
        splits: a list of splits to compare with; by default `splits.csv` in the folder, if there is one.
        after_each: called with the number of views after each building, to show progress.

    Raises:
        InputError: not a data folder.
    """
    folder = DataFolder.open(root)
    report = Report(folder.layout, labels={domain: {} for domain in folder.domains})
    for building, views, labels, problems in _checked(folder, workers):
        report.views[building] = views
        for domain, count in labels.items():
            report.labels[domain][building] = count
        report.problems += problems
        after_each(views)
    report.views = dict(sorted(report.views.items()))
    report.labels = {domain: dict(sorted(counts.items())) for domain, counts in report.labels.items()}
    report.problems += _check_splits(folder, splits or root / "splits.csv", required=splits is not None)
    report.problems.sort(key=lambda problem: (problem.path, problem.kind))
    return report


Checked = tuple[str, int, dict[str, int], list[Problem]]


def _checked(folder: DataFolder, workers: int) -> list[Checked]:
    if workers == 1 or len(folder.buildings) == 1:
        return [_check_building(folder, building) for building in folder.buildings]
    with ProcessPoolExecutor(min(workers, len(folder.buildings)), get_context("spawn")) as pool:
        waiting = [pool.submit(_check_building, folder, building) for building in folder.buildings]
        return [done.result() for done in as_completed(waiting)]


def _check_building(folder: DataFolder, building: str) -> Checked:
    problems = [
        Problem("stray file", str(path.relative_to(folder.root)), "its name is not that of a label")
        for path in folder.stray_files(building)
    ]
    views = folder.labels(building)
    labels: Counter[str] = Counter()
    of_point = Counter(view.point for view in views)
    sizes: dict[Path, tuple[int, int]] = {}
    for view, files in views.items():
        for domain in folder.domains:
            if domain not in files:
                place = folder.folder_of(building, domain).relative_to(folder.root)
                name = f"point_{view.point}_view_{view.view}"
                problems.append(Problem("missing label", f"{place}/{name}", f"no {domain}"))
        for domain, path in files.items():
            labels[domain] += 1
            findings, size = check_label(path, domain, view)
            relative = str(path.relative_to(folder.root))
            problems += [Problem(kind, relative, found) for kind, found in findings]
            if size is not None:
                sizes[path] = size
        if of_point[view.point] == 1:
            problems.append(Problem("view without partner", view.key, "no other view of its point"))
    problems += _odd_sizes(folder, sizes)
    return building, len(views), dict(labels), problems


def _odd_sizes(folder: DataFolder, sizes: Mapping[Path, tuple[int, int]]) -> list[Problem]:
    """Pictures whose size is not the one that most of their building have."""
    if not sizes:
        return []
    (usual, _), *_ = Counter(sizes.values()).most_common(1)
    return [
        Problem(
            "wrong size",
            str(path.relative_to(folder.root)),
            f"expected {usual[0]} x {usual[1]} as the others, found {size[0]} x {size[1]}",
        )
        for path, size in sizes.items()
        if size != usual
    ]


def _check_splits(folder: DataFolder, path: Path, required: bool) -> list[Problem]:
    if not path.exists() and not required:
        return []
    try:
        splits = read_splits(path)
    except InputError as error:
        return [Problem("bad list of splits", path.name, str(error))]
    absent = sorted(set(splits) - set(folder.buildings))
    unlisted = sorted(set(folder.buildings) - set(splits))
    return [
        *(Problem("building without folder", path.name, building) for building in absent),
        *(Problem("building in no split", path.name, building) for building in unlisted),
    ]
