"""Parallel rendering: files do not depend on the number of workers, and restarts repeat no finished view."""

import json
import multiprocessing
import os
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder, write_text
from lightning_taskonomy.core.processes import worker_pool
from lightning_taskonomy.core.signals import signals_held
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.splits import write_splits
from lightning_taskonomy.data.folder.writing import view_is_finished, write_labels
from lightning_taskonomy.synthetic.render.around import plan_views_around
from lightning_taskonomy.synthetic.render.prepared import prepare
from lightning_taskonomy.synthetic.render.scene import Scene
from lightning_taskonomy.synthetic.render.view_labels import render_view
from lightning_taskonomy.synthetic.render.viewpoints import plan_views
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions

_NOTE = "rendered.json"
"""File in the folder with the label conventions, sources and settings of its views."""
_LONGEST_SHOWN = 40


class Building(Protocol):
    """A source of a scene; it is pickled for worker processes, so it should be small."""

    @property
    def name(self) -> str:
        """The building's name in file names: no dots, no slashes."""

    @property
    def seed(self) -> int:
        """Seed of its viewpoints."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that determines its images, as JSON values, by name for messages."""

    def load(self) -> Scene:
        """Generate or read the scene."""


@dataclass(frozen=True)
class Pictures:
    """Number and size of the images of each building.

    Attributes:
        points: Points per building.
        views: Images of each point.
        size: Pixels per side.
    """

    points: int
    views: int
    size: int

    def __post_init__(self) -> None:
        for name, least in (("points", 1), ("views", 1), ("size", 32)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: expected at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True)
class _Part:
    """Some of the views of one building: every `step`-th, starting at `first`."""

    building: Building
    pictures: Pictures
    root: Path
    first: int
    step: int


def render_buildings(
    buildings: Sequence[Building], pictures: Pictures, root: Path, workers: int | None = None
) -> None:
    """Render all labels of all views of some buildings into a folder, and write `splits.csv`.

    Args:
        buildings: The buildings to render.
        pictures: Number and size of images.
        root: The data folder; views that exist there are not rendered again.
        workers: Number of processes; by default the number of cores available to this process.

    Raises:
        InputError: a scene cannot be read or has no room for cameras, a file cannot be written, or the folder
            has views with other label conventions or other settings.
    """
    count = workers if workers is not None else len(os.sched_getaffinity(0))
    pieces = -(-count // len(buildings))
    parts = [
        _Part(building, pictures, root, first, pieces) for building in buildings for first in range(pieces)
    ]
    total = len(buildings) * pictures.points * pictures.views
    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with output_folder(root):
        names = _claim(root, buildings, pictures)
        notes: set[str] = set()
        try:
            with (
                Progress(*columns, console=console, disable=not console.is_terminal) as progress,
                closing(
                    _finished_views(parts, count)
                ) as finished,  # its workers also stop after an error here
            ):
                bar = progress.add_task("rendering", total=total)
                for note in finished:
                    progress.advance(bar, note is None)
                    if note is not None and note not in notes:
                        notes.add(note)
                        print(note, file=sys.stderr)
        except BaseException:
            if not any(_has_views(root, name) for name in names):
                (root / _NOTE).unlink(missing_ok=True)
            raise
        write_splits(root / "splits.csv", names)


def _claim(root: Path, buildings: Sequence[Building], pictures: Pictures) -> list[str]:
    """Write the folder's sources and settings; returns the names of all buildings in it.

    Raises:
        InputError: it has views with other conventions or settings, or of a building that has changed.
    """
    note = root / _NOTE
    how: dict[str, Any] = asdict(pictures)
    settings = {building.name: json.loads(json.dumps(dict(building.settings))) for building in buildings}
    held = _read_note(note)
    if held is None and any(_has_views(root, name) for name in settings):
        require_conventions(None, str(root), "render to another folder")
    if held is not None:
        require_conventions(held.get("conventions"), str(root), "render to another folder")
    noted: dict[str, Any] = {} if held is None else held.get("buildings", {})
    there = [name for name in {**noted, **settings} if _has_views(root, name)]
    before = {"pictures": how} if held is None or not there else held
    for name, found in (before.get("pictures", {})).items():
        if found != how.get(name):
            raise InputError(
                f"{root}: holds {there[0]} at {name} {found}, not {how.get(name)}; choose another folder"
            )
    for name in there:
        if name not in noted or "pictures" not in before:
            raise InputError(f"{root}: holds views of {name} without their settings; choose another folder")
        if name in settings and settings[name] != noted[name]:
            raise InputError(f"{root}: holds {_difference(name, noted[name], settings[name])}")
    kept = {name: noted[name] for name in there} | settings
    content = {"conventions": LABEL_CONVENTIONS, "pictures": how, "buildings": kept}
    write_text(note, json.dumps(content, indent=1) + "\n")
    return list(kept)


def _difference(name: str, held: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Describe how a building's settings differ."""
    key = next(key for key in {**held, **wanted} if held.get(key) != wanted.get(key))
    found, expected = held.get(key), wanted.get(key)
    if all(value is None or isinstance(value, bool | int | float | str) for value in (found, expected)):
        long = max(len(str(found)), len(str(expected))) > _LONGEST_SHOWN
        difference = f"with another {key}" if long else f"with {key} {found}, not {expected}"
    else:
        difference = f"with another {key}"
    return f"{name} {difference}; choose another folder"


def _read_note(note: Path) -> dict[str, Any] | None:
    if not note.exists():
        return None
    try:
        held: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        _ = {**held.get("pictures", {})}, {name: {**of} for name, of in held.get("buildings", {}).items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{note}: not written by this command ({error})") from error
    return held


def _has_views(root: Path, building: str) -> bool:
    folders = [label_path(root, domain, building, 0, 0).parent for domain in DOMAINS]
    return any(next(folder.glob("point_*"), None) is not None for folder in folders if folder.is_dir())


def _finished_views(parts: Sequence[_Part], workers: int) -> Generator[str | None]:
    """Render the parts, yielding None for each finished view, and notes about scenes."""
    if workers == 1:
        for part in parts:
            yield from _render_part(part)
        return
    ticks: Queue[str | None] = multiprocessing.get_context("spawn").Queue()
    with worker_pool(min(workers, len(parts)), _keep_ticks, (ticks,)) as pool:
        with signals_held():  # submitting starts the workers
            waiting = [pool.submit(_render_part_in_worker, part) for part in parts]
        while not all(future.done() for future in waiting) or not ticks.empty():
            if any(future.done() and future.exception() for future in waiting):
                break
            with suppress(Empty):
                yield ticks.get(timeout=0.2)
        for future in waiting:
            if future.done():
                future.result()


_ticks: "Queue[str | None] | None" = None


def _keep_ticks(ticks: "Queue[str | None]") -> None:
    global _ticks
    _ticks = ticks


def _render_part_in_worker(part: _Part) -> None:
    for note in _render_part(part):
        if _ticks is not None:
            _ticks.put(note)


def _render_part(part: _Part) -> Iterator[str | None]:
    building, pictures = part.building, part.pictures
    everything = [
        (number // pictures.views, number % pictures.views)
        for number in range(pictures.points * pictures.views)
    ]
    mine = set(everything[part.first :: part.step])
    missing = {key for key in mine if not view_is_finished(part.root, building.name, *key)}
    for _ in range(len(mine) - len(missing)):
        yield None
    if not missing:
        return
    scene = building.load()
    yield from scene.notes
    prepared = prepare(scene)
    random = np.random.default_rng([building.seed, 77])
    plan = plan_views_around if scene.outside else plan_views
    for view in plan(prepared, pictures.points, pictures.views, pictures.size, random, building.name):
        key = (view.target.number, view.number)
        if key in missing:
            labels = render_view(prepared, view, building.seed * 1_000_003 + key[0] * 1009 + key[1])
            write_labels(part.root, building.name, *key, labels)
            yield None
