"""Verifying a data folder: what is there, what is missing, what is damaged."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.data.domains import DEPTH_INVALID
from lightning_taskonomy.data.folder.label_check import Values, check_label
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.report import Problem, Report
from lightning_taskonomy.data.folder.split_lists import find_splits, wrong_official_count
from lightning_taskonomy.data.folder.splits import read_splits
from lightning_taskonomy.data.folder.views import DataFolder

Size = tuple[int, int]
"""Width and height in pixels."""

Finding = tuple[Path, str, str]
"""The file, the kind of damage, and what was found."""

_SWAPPED_FRACTION = 0.01
"""Fraction of pixels nearer than their z-depth above which the two depth images are taken to be swapped."""


def check_folder(
    root: Path, workers: int, splits: Path | None = None, after_each: Callable[[int], None] = lambda _: None
) -> Report:
    """Read every file of a folder.

    Args:
        root: the folder, in either layout.
        workers: processes; each takes a building at a time.
        splits: a list of splits to compare with; by default the one found in the folder, if there is one.
        after_each: called with the number of views after each building, to show progress.

    Raises:
        InputError: not a data folder, or no such list of splits.
    """
    folder = DataFolder.open(root)
    list_of_splits = find_splits(root, splits)
    report = Report(folder.layout, labels={domain: {} for domain in folder.domains})
    found: dict[str, _Building] = {}
    buildings = [(folder, name) for name in folder.buildings]
    for building in in_processes(_Building, buildings, workers):
        found[building.name] = building
        after_each(building.views)
    for name, building in sorted(found.items()):
        report.views[name] = building.views
        report.points[name] = building.points
        for domain, count in building.labels.items():
            report.labels[domain][name] = count
        report.problems += building.problems
    if list_of_splits is not None:
        report.splits, problems = _check_splits(folder, list_of_splits)
        report.problems += problems
    report.problems.sort(key=lambda problem: (problem.path, problem.kind))
    return report


class _Building:
    """Counts and problems of one building."""

    def __init__(self, folder: DataFolder, name: str) -> None:
        views = folder.labels(name)
        self.name = name
        self.views = len(views)
        self.points = len({view.point for view in views})
        self.labels: Counter[str] = Counter(dict.fromkeys(folder.domains, 0))
        self.problems = _problems_of_names(folder, name)
        sizes: dict[Path, Size] = {}
        for view, files in views.items():
            self.labels.update(files.keys())
            self.problems += _gaps(folder, view, files)
            findings, own_sizes = check_view(view, files)
            self.problems += [Problem(kind, _under(folder, path), found) for path, kind, found in findings]
            sizes |= own_sizes
        if "point_info" in folder.domains:  # without cameras there are no pairs
            self.problems += _without_partner(views)
        self.problems += _odd_sizes(folder, sizes)


def _problems_of_names(folder: DataFolder, building: str) -> list[Problem]:
    strays, repeated = folder.stray_files(building), folder.repeated_files(building)
    return [
        *(Problem("stray file", _under(folder, path), "its name is not that of a label") for path in strays),
        *(
            Problem("repeated label", _under(folder, path), "the view has this label twice")
            for path in repeated
        ),
    ]


def _gaps(folder: DataFolder, view: ViewName, files: Mapping[str, Path]) -> Iterator[Problem]:
    for domain in folder.domains:
        if domain not in files:
            place = _under(folder, folder.folder_of(view.building, domain))
            yield Problem("missing label", f"{place}/point_{view.point}_view_{view.view}", f"no {domain}")


def _without_partner(views: Mapping[ViewName, Mapping[str, Path]]) -> list[Problem]:
    """Views without a pose pair, which needs images and cameras of two views of a point."""
    posed = {view for view, files in views.items() if "rgb" in files and "point_info" in files}
    of_point = Counter(view.point for view in posed)
    return [
        Problem("view without partner", view.key, "no other view of its point with rgb and point_info")
        for view in views
        if of_point[view.point] - (view in posed) < 1
    ]


def _odd_sizes(folder: DataFolder, sizes: Mapping[Path, Size]) -> list[Problem]:
    """Images whose size differs from that of most images of their building."""
    if not sizes:
        return []
    (usual, _), *_ = Counter(sizes.values()).most_common(1)
    return [
        Problem(
            "wrong size",
            _under(folder, path),
            f"expected {usual[0]} x {usual[1]} as the others, found {size[0]} x {size[1]}",
        )
        for path, size in sizes.items()
        if size != usual
    ]


def _check_splits(folder: DataFolder, path: Path) -> tuple[dict[str, str], list[Problem]]:
    try:
        splits = read_splits(path)
    except InputError as error:
        return {}, [Problem("bad list of splits", path.name, str(error))]
    absent = sorted(set(splits) - set(folder.buildings))
    unlisted = sorted(set(folder.buildings) - set(splits))
    short = wrong_official_count(path, splits)
    problems = [
        *(Problem("building without folder", path.name, building) for building in absent),
        *(Problem("building in no split", path.name, building) for building in unlisted),
        *([Problem("list of splits cut short", path.name, short)] if short else []),
    ]
    return {name: splits[name] for name in folder.buildings if name in splits}, problems


def _under(folder: DataFolder, path: Path) -> str:
    return str(path.relative_to(folder.root))


def check_view(view: ViewName, files: Mapping[str, Path]) -> tuple[list[Finding], dict[Path, Size]]:
    """Read all labels of a view.

    Args:
        view: its name.
        files: its label files, by domain.

    Returns:
        What is wrong, and the sizes of the images that can be read.
    """
    findings: list[Finding] = []
    pictures: dict[str, Values] = {}
    for domain, path in files.items():
        defects, values = check_label(path, domain, view)
        findings += [(path, kind, found) for kind, found in defects]
        if values is not None:
            pictures[domain] = values
    findings += _swapped_depths(pictures, files)
    return findings, {
        files[domain]: (values.shape[1], values.shape[0]) for domain, values in pictures.items()
    }


def _swapped_depths(pictures: Mapping[str, Values], files: Mapping[str, Path]) -> Iterator[Finding]:
    """A surface is never nearer to the camera than its z-depth: if it seems so, the files are swapped."""
    distance, depth = pictures.get("depth_euclidean"), pictures.get("depth_zbuffer")
    if distance is None or depth is None or distance.shape != depth.shape or distance.ndim != 2:
        return
    both = (distance != DEPTH_INVALID) & (depth != DEPTH_INVALID)
    # One unit of rounding in each.
    nearer = both & (distance.astype(np.int64) + 2 < depth.astype(np.int64))
    if nearer.sum() > _SWAPPED_FRACTION * max(1, both.sum()):
        share = nearer.sum() / both.sum()
        yield (
            files["depth_euclidean"],
            "labels disagree",
            f"{share:.0%} of the pixels are nearer than their z-depth; are the two depths swapped?",
        )
