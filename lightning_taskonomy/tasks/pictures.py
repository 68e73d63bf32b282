"""Photos as network inputs."""

from lightning_taskonomy.core.resizing import Picture, resized
from lightning_taskonomy.tasks.scales import Linear
from lightning_taskonomy.tasks.task import Stored

COLOUR = Linear(127.5, 127.5)
"""From 8 bits to −1 to 1."""


def colour_input(rgb: Picture, size: int) -> Stored:
    """A photo as input, −1 to 1.

    Consecutive calls for the same photo, by several tasks of a view, return the same object.
    """
    global _latest
    if _latest is None or _latest[0] is not rgb or _latest[1] != size:
        _latest = rgb, size, Stored(resized(rgb, size), COLOUR)
    return _latest[2]


_latest: tuple[Picture, int, Stored] | None = None
