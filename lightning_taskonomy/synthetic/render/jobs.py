"""Rendering in parallel: the same files for any number of workers, nothing done twice after a restart."""

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.splits import write_splits
from lightning_taskonomy.data.folder.writing import view_is_finished, write_labels
from lightning_taskonomy.synthetic.render.prepared import prepare
from lightning_taskonomy.synthetic.render.scene import Scene
from lightning_taskonomy.synthetic.render.view_labels import render_view
from lightning_taskonomy.synthetic.render.viewpoints import plan_views
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions

_NOTE = "rendered.json"
"""In the folder: which label conventions its views follow."""


class Building(Protocol):
    """Something a scene can be made from; it travels to worker processes, so it is small."""

    @property
    def name(self) -> str:
        """The building's name in file names: no dots, no slashes."""

    @property
    def seed(self) -> int:
        """Decides where pictures of it are taken."""

    def load(self) -> Scene:
        """Make or read the scene."""


@dataclass(frozen=True)
class Pictures:
    """How many pictures of each building.

    Attributes:
        points: points per building.
        views: pictures of each point.
        size: pixels per side.
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
    """Some of the views of one building: every `step`-th from `first`."""

    building: Building
    pictures: Pictures
    root: Path
    first: int
    step: int


def render_buildings(
    buildings: Sequence[Building], pictures: Pictures, root: Path, workers: int | None = None
) -> None:
    """Render every label of every view of some buildings into a folder, and write `splits.csv`.

    Args:
        buildings: what to render.
        pictures: how many pictures, and how large.
        root: the data folder; views found there are not made again.
        workers: processes; by default as many as this process may use cores.

    Raises:
        InputError: a scene cannot be read, has no place for cameras, a file cannot be written, or the folder
            holds views whose labels follow other conventions.
    """
    _claim(root, [building.name for building in buildings])
    count = workers if workers is not None else len(os.sched_getaffinity(0))
    pieces = -(-count // len(buildings))
    parts = [
        _Part(building, pictures, root, first, pieces) for building in buildings for first in range(pieces)
    ]
    total = len(buildings) * pictures.points * pictures.views
    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("rendering", total=total)
        for _ in _finished_views(parts, count):
            progress.advance(bar)
    write_splits(root / "splits.csv", [building.name for building in buildings])


def _claim(root: Path, buildings: Sequence[str]) -> None:
    """Note by which conventions a folder is rendered; views of earlier ones are not mixed with new ones."""
    note = root / _NOTE
    if not note.exists():
        if any(label_path(root, "point_info", name, 0, 0).parent.is_dir() for name in buildings):
            require_conventions(None, str(root), "render to another folder")
        write_text(note, json.dumps({"conventions": LABEL_CONVENTIONS}) + "\n")
        return
    try:
        found = json.loads(note.read_text(encoding="utf-8")).get("conventions")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{note}: not written by this command ({error})") from error
    require_conventions(found, str(root), "render to another folder")


def _finished_views(parts: Sequence[_Part], workers: int) -> Iterator[None]:
    """Render the parts, yielding once per finished view."""
    if workers == 1:
        for part in parts:
            for _ in _render_part(part):
                yield
        return
    # A fresh interpreter per worker: Embree and numba keep threads and locks that do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ticks = context.Queue()
    with ProcessPoolExecutor(min(workers, len(parts)), context, _keep_ticks, (ticks,)) as pool:
        waiting = [pool.submit(_render_part_in_worker, part) for part in parts]
        try:
            while not all(future.done() for future in waiting) or not ticks.empty():
                failed = [future for future in waiting if future.done() and future.exception()]
                if failed:
                    break
                with suppress(Empty):
                    ticks.get(timeout=0.2)
                    yield
            for future in waiting:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


_ticks: "Queue[None] | None" = None


def _keep_ticks(ticks: "Queue[None]") -> None:
    global _ticks
    _ticks = ticks


def _render_part_in_worker(part: _Part) -> None:
    for _ in _render_part(part):
        if _ticks is not None:
            _ticks.put(None)


def _render_part(part: _Part) -> Iterator[None]:
    building, pictures = part.building, part.pictures
    everything = [
        (number // pictures.views, number % pictures.views)
        for number in range(pictures.points * pictures.views)
    ]
    mine = set(everything[part.first :: part.step])
    missing = {key for key in mine if not view_is_finished(part.root, building.name, *key)}
    for _ in range(len(mine) - len(missing)):
        yield
    if not missing:
        return
    prepared = prepare(building.load())
    random = np.random.default_rng([building.seed, 77])
    for view in plan_views(prepared, pictures.points, pictures.views, pictures.size, random, building.name):
        key = (view.target.number, view.number)
        if key in missing:
            made = render_view(prepared, view, building.seed * 1_000_003 + key[0] * 1009 + key[1])
            write_labels(part.root, building.name, *key, made)
            yield
