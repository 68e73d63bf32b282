"""Pictures at another size."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.tasks.scales import Linear
from lightning_taskonomy.tasks.task import Stored

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]

COLOUR = Linear(127.5, 127.5)
"""8 bits as −1 to 1."""


def central_square(values: Picture) -> Picture:
    """The largest square in the middle of a picture: its proportions stay as they are."""
    height, width = values.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return values[top : top + side, left : left + side]


def nearest(values: Picture, size: int) -> Picture:
    """A label at another size without making up values, for ids and codes; (size, size)."""
    values = central_square(values)
    if values.shape[:2] == (size, size):
        return values
    rows, columns = (_centres(side, size) for side in values.shape[:2])
    return np.asarray(values[rows[:, None], columns[None, :]])


def smooth(values: Picture, size: int) -> Picture:
    """A picture or label at another size, averaged or interpolated; (size, size) or (size, size, C).

    As it is where the size stays, else floating-point numbers.
    """
    values = central_square(values)
    if values.shape[:2] == (size, size):
        return values
    given = np.asarray(values, np.float32)
    planes = given[..., None] if given.ndim == 2 else given
    way = Image.Resampling.BOX if min(given.shape[:2]) >= size else Image.Resampling.BILINEAR
    made = [
        np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., n])).resize((size, size), way))
        for n in range(planes.shape[2])
    ]
    return np.stack(made, axis=-1) if given.ndim == 3 else made[0]


def colour_input(rgb: Picture, size: int) -> Stored:
    """A photo as input, −1 to 1.

    Several tasks of one view ask for the same one after another, and get the same object.
    """
    global _latest
    if _latest is None or _latest[0] is not rgb or _latest[1] != size:
        _latest = rgb, size, Stored(smooth(rgb, size), COLOUR)
    return _latest[2]


_latest: tuple[Picture, int, Stored] | None = None


def _centres(given: int, wanted: int) -> npt.NDArray[np.int64]:
    return np.minimum(((np.arange(wanted) + 0.5) * given / wanted).astype(np.int64), given - 1)
