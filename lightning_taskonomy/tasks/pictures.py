"""Pictures at another size, and as numbers that networks take."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]


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


def colour_input(rgb: Picture, size: int) -> Floats:
    """A photo as input, −1 to 1, (3, size, size)."""
    return np.ascontiguousarray(smooth(rgb, size).transpose(2, 0, 1)) / np.float32(127.5) - np.float32(1)


def _centres(given: int, wanted: int) -> npt.NDArray[np.int64]:
    return np.minimum(((np.arange(wanted) + 0.5) * given / wanted).astype(np.int64), given - 1)
