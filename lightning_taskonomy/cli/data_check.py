"""`data check`: verify a folder of pictures and labels."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path

from lightning_taskonomy.cli.option_types import Positional
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.data.folder.check import check_folder
from lightning_taskonomy.data.folder.report import Problem, Report
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.shards.index import SplitIndex
from lightning_taskonomy.data.shards.verify import is_packed, planned_checks, verify_shards


def check(
    folder: Positional[Path],
    json: Path | None = None,
    split: Path | None = None,
    workers: int | None = None,
    show: int = 20,
) -> None:
    """Read every file of a data folder, or of packed shards, and report what is there, missing and damaged.

    Both layouts are read, Omnidata's and the original one. Missing labels, views without a partner and
    records without room, box or vanishing points are reported but do no harm. Cameras outside their rooms and
    normals towards the camera are reported, too: such labels are meant otherwise than Taskonomy's. For
    anything else the exit status is 2. Shards are compared with their index.

    Args:
        folder: pictures with labels, or the folder that data pack wrote
        json: where to write the whole report as JSON
        split: list of splits to compare with, or tiny, medium, full or fullplus for the official list of that
            name in the folder; by default the one found there, if any
        workers: processes; by default one per core
        show: how many problems of each kind to print
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, found {workers}")
    count = workers or len(os.sched_getaffinity(0))
    if is_packed(folder):
        _check_shards(folder, json, count, show)
        return
    buildings = len(DataFolder.open(folder).buildings)
    with progress("checking buildings", buildings) as step:
        report = check_folder(folder, count, split, lambda _: step())
    if json is not None:
        write_text(json, dumps(report.as_json(), indent=2) + "\n")
    print(summary(report, show))
    if report.damage:
        damaged = len(report.damage)
        raise InputError(f"{folder}: {damaged} problem{'s' * (damaged > 1)} beyond warnings, see above")


def summary(report: Report, show: int) -> str:
    """A report in lines for the terminal."""
    total = sum(report.views.values())
    lines = [f"{report.layout} layout, {len(report.views)} buildings, {total} views", *_buildings(report)]
    width = max(map(len, report.labels))
    for domain, counts in report.labels.items():
        held = sum(counts.values())
        lines.append(
            f"  {domain:<{width}}  {held:>8}" + (f"  ({total - held} missing)" if held < total else "")
        )
    return "\n".join([*lines, *_problems(report.problems, show)])


def _buildings(report: Report) -> list[str]:
    """A line per building: its split, views, points and labels."""
    width = max(map(len, report.views))
    rows = []
    for name, views in report.views.items():
        labels = sum(counts[name] for counts in report.labels.values())
        split = report.splits.get(name, "-")
        rows.append(
            f"  {name:<{width}}  {split:<5}  {views} views of {report.points[name]} points, {labels} labels"
        )
    return rows


def _problems(problems: Sequence[Problem], show: int) -> list[str]:
    """A paragraph per kind of problem, the most frequent first."""
    lines = []
    for kind, count in Counter(problem.kind for problem in problems).most_common():
        lines.append(f"{kind}: {count}")
        alike = [problem for problem in problems if problem.kind == kind]
        lines += [f"  {problem.path}: {problem.found}" for problem in alike[:show]]
        if count > show:
            lines.append(f"  … and {count - show} more")
    return lines or ["no problems"]


def _check_shards(folder: Path, json: Path | None, workers: int, show: int) -> None:
    indices = [SplitIndex.read(path.parent) for path in sorted(folder.glob("*/index.json"))]
    checks = [check for index in indices for check in planned_checks(index)]
    with progress("checking shards", len(checks)) as step:
        problems = verify_shards(checks, workers, step)
    if json is not None:
        report = {
            "splits": {
                index.split: {
                    "samples": len(index.keys),
                    "shards": len(index.samples),
                    "labels": {domain: int(held.sum()) for domain, held in index.present.items()},
                }
                for index in indices
            },
            "problems": [asdict(problem) for problem in problems],
        }
        write_text(json, dumps(report, indent=2) + "\n")
    for index in indices:
        print(f"{index.split}: {len(index.keys)} views in {len(index.samples)} shards")
    print("\n".join(_problems(problems, show)))
    if problems:
        raise InputError(f"{folder}: {len(problems)} problem{'s' * (len(problems) > 1)}, see above")
