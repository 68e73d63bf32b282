"""`data rooms`: procedural buildings with every label, in Taskonomy's folder layout."""

from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.jobs import Pictures, render_buildings
from lightning_taskonomy.synthetic.rooms.furniture_catalogue import read_catalogues
from lightning_taskonomy.synthetic.rooms.house import House


def rooms(
    out: Path,
    buildings: int = 4,
    points: int = 12,
    views: int = 3,
    size: int = 256,
    seed: int = 0,
    furniture: Path | None = None,
    workers: int | None = None,
) -> None:
    """Render furnished rooms with every label of the dictionary, in Taskonomy's folder layout.

    Views that an earlier, interrupted run with the same options has finished are kept. The same seed always
    gives the same files.

    Args:
        out: folder to write to.
        buildings: how many buildings; splits.csv divides them into train, val and test.
        points: points per building that cameras look at.
        views: pictures of each point.
        size: pixels per side.
        seed: chooses the buildings and everything in them.
        furniture: folder with catalogues of furniture models (*.sh3f) as Debian's sweethome3d-furniture
            installs them; their models then stand in for procedural furniture of the same kind and size.
        workers: processes, by default one per core.

    Raises:
        InputError: a number is too small, a catalogue is malformed, or the folder cannot be written to.
    """
    if buildings < 1:
        raise InputError(f"buildings: expected at least 1, got {buildings}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, got {seed}")
    if furniture is not None:
        read_catalogues(furniture)
    houses = [House(seed, number, furniture) for number in range(buildings)]
    render_buildings(houses, Pictures(points, views, size), out, workers)
    print(f"written: {out}: {buildings * points * views} views of {buildings} buildings, splits.csv")
