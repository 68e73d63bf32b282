"""Pictures at another size, and as numbers that networks take."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]
Formula = Callable[[Floats], Floats]


def nearest(values: Picture, size: int) -> Picture:
    """A label at another size without making up values, for ids and codes; (size, size)."""
    if values.shape[:2] == (size, size):
        return values
    rows, columns = (_centres(side, size) for side in values.shape[:2])
    return np.asarray(values[rows[:, None], columns[None, :]])


def smooth(values: Picture, size: int) -> Floats:
    """A picture or label at another size, averaged or interpolated; (size, size) or (size, size, C)."""
    given = np.asarray(values, np.float32)
    if given.shape[:2] == (size, size):
        return given
    planes = given[..., None] if given.ndim == 2 else given
    way = Image.Resampling.BOX if min(given.shape[:2]) >= size else Image.Resampling.BILINEAR
    made = [
        np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., n])).resize((size, size), way))
        for n in range(planes.shape[2])
    ]
    return np.stack(made, axis=-1) if given.ndim == 3 else made[0]


def mapped(values: Picture, size: int, formula: Formula) -> Floats:
    """A label at another size with a formula applied to each value, (size, size) or (C, size, size).

    Where the size stays, every stored number has its result looked up: a tenth of the arithmetic.
    """
    stays = values.shape[:2] == (size, size) and values.dtype in (np.uint8, np.uint16)
    given: Picture = values if stays else smooth(values, size)
    planes = np.ascontiguousarray(given.transpose(2, 0, 1)) if given.ndim == 3 else given
    if stays:
        return _table(formula, np.dtype(values.dtype).name).take(planes)
    return np.asarray(formula(planes), np.float32)


@lru_cache(maxsize=64)
def _table(formula: Formula, kind: str) -> Floats:
    return np.asarray(formula(np.arange(np.iinfo(kind).max + 1, dtype=np.float32)), np.float32)


def colour_input(rgb: Picture, size: int) -> Floats:
    """A photo as input, −1 to 1, (3, size, size); not to be written into.

    Several tasks of one view ask for the same one after another, and get the same array.
    """
    global _latest
    if _latest is None or _latest[0] is not rgb or _latest[1] != size:
        made = mapped(rgb, size, _colour)
        made.flags.writeable = False
        _latest = rgb, size, made
    return _latest[2]


_latest: tuple[Picture, int, Floats] | None = None


def _colour(values: Floats) -> Floats:
    return values / np.float32(127.5) - np.float32(1)


def _centres(given: int, wanted: int) -> npt.NDArray[np.int64]:
    return np.minimum(((np.arange(wanted) + 0.5) * given / wanted).astype(np.int64), given - 1)
