"""Rendering views with all labels: views per second and core, and the time of each part.

python -m benchmarks.render [VIEWS]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.data.folder.writing import write_labels
from lightning_taskonomy.synthetic.render import view_labels
from lightning_taskonomy.synthetic.render.jobs import Pictures, render_buildings
from lightning_taskonomy.synthetic.render.prepared import prepare
from lightning_taskonomy.synthetic.render.viewpoints import plan_views
from lightning_taskonomy.synthetic.rooms.house import House

PARTS = (
    "surfaces_along",
    "photograph",
    "edge_texture",
    "edge_occlusion",
    "keypoints2d",
    "keypoints3d",
    "segment_unsup2d",
    "segment_unsup25d",
    "point_info",
    "class_object",
    "class_scene",
)
VIEWS_OF_A_BUILDING = 36


def parts_of_a_view(views: int) -> None:
    """Milliseconds of CPU per view of each part."""
    prepare(House(0, 1).load())  # compiles
    start = time.process_time()
    prepared = prepare(House(0, 1).load())
    building = (time.process_time() - start) / VIEWS_OF_A_BUILDING
    planned = list(plan_views(prepared, views, 1, 256, np.random.default_rng(1), "house"))
    view_labels.render_view(prepared, planned[0], 0)  # compiles
    spent = dict.fromkeys(PARTS, 0.0)

    def timed(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:  # noqa: ANN401 - whatever the part takes and returns
            start = time.process_time()
            try:
                return part(*given)
            finally:
                spent[name] += time.process_time() - start

        return call

    for name in PARTS:
        setattr(view_labels, name, timed(name, getattr(view_labels, name)))
    start = time.process_time()
    made = [view_labels.render_view(prepared, view, 0) for view in planned]
    rendering = time.process_time() - start
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for number, labels in enumerate(made):
            write_labels(Path(folder), "house", number, 0, labels)
    writing = time.process_time() - start
    whole = building + (rendering + writing) / views
    print(f"one core: {1000 * whole:.0f} ms of CPU per view, of which")
    for name, seconds in sorted(spent.items(), key=lambda entry: -entry[1]):
        print(f"  {name:<18}{1000 * seconds / views:6.1f} ms")
    print(f"  {'the rest':<18}{1000 * (rendering - sum(spent.values())) / views:6.1f} ms")
    print(f"  {'its building':<18}{1000 * building:6.1f} ms, at {VIEWS_OF_A_BUILDING} views each")
    print(f"  {'writing files':<18}{1000 * writing / views:6.1f} ms")


def whole_command(buildings: int) -> None:
    """Views per second of the whole command on two processes, from an empty folder."""
    pictures = Pictures(12, 3, 256)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        render_buildings([House(0, number) for number in range(buildings)], pictures, Path(folder), 2)
        seconds = time.perf_counter() - start
    views = buildings * VIEWS_OF_A_BUILDING
    print(
        f"two processes, {buildings} buildings: {views} views in {seconds:.0f} s, "
        f"{views / seconds:.1f} views/s"
    )


if __name__ == "__main__":
    parts_of_a_view(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
    whole_command(4)
