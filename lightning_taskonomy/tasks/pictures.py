"""Photos as networks take them."""

from lightning_taskonomy.core.resizing import Picture, resized
from lightning_taskonomy.tasks.scales import Linear
from lightning_taskonomy.tasks.task import Stored

COLOUR = Linear(127.5, 127.5)
"""8 bits as −1 to 1."""


def colour_input(rgb: Picture, size: int) -> Stored:
    """A photo as input, −1 to 1.

    Several tasks of one view ask for the same one after another, and get the same object.
    """
    global _latest
    if _latest is None or _latest[0] is not rgb or _latest[1] != size:
        _latest = rgb, size, Stored(resized(rgb, size), COLOUR)
    return _latest[2]


_latest: tuple[Picture, int, Stored] | None = None
