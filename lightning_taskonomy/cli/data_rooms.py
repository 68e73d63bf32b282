"""`data rooms`: procedural buildings with every label, in Taskonomy's folder layout."""

from pathlib import Path

from lightning_taskonomy.data.render.jobs import Pictures, render_buildings
from lightning_taskonomy.data.rooms.house import House
from lightning_taskonomy.errors import InputError


def rooms(
    out: Path,
    buildings: int = 4,
    points: int = 12,
    views: int = 3,
    size: int = 256,
    seed: int = 0,
    workers: int | None = None,
) -> None:
    """Render furnished rooms with every label of the dictionary, in Taskonomy's folder layout.

    Views that an earlier, interrupted run has finished are kept. The same seed always gives the same files.

    Args:
        out: folder to write to.
        buildings: how many buildings; splits.csv divides them into train, val and test.
        points: points per building that cameras look at.
        views: pictures of each point.
        size: pixels per side.
        seed: chooses the buildings and everything in them.
        workers: processes, by default one per core.

    Raises:
        InputError: a number is too small, or the folder cannot be written to.
    """
    if buildings < 1:
        raise InputError(f"buildings: expected at least 1, got {buildings}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, got {seed}")
    render_buildings(
        [House(seed, number) for number in range(buildings)], Pictures(points, views, size), out, workers
    )
    print(f"written: {out}: {buildings * points * views} views of {buildings} buildings, splits.csv")
