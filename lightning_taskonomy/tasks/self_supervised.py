"""Tasks whose label is the picture itself: autoencoding, denoising, in-painting."""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.task import Example, ViewLabels

NOISE_VARIANCE = 0.01
"""Of the Gaussian noise that denoising removes, for pictures from 0 to 1."""


def read_autoencoding(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The picture from the picture."""
    picture = colour_input(views[0]["rgb"], size)
    return Example(picture[None], picture)


def read_denoising(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The clean picture from a noisy one."""
    picture = colour_input(views[0]["rgb"], size)
    # Pictures from −1 to 1 are twice as wide as the ones that the variance is told for.
    noise = random.normal(0.0, 2 * np.sqrt(NOISE_VARIANCE), picture.shape).astype(np.float32)
    return Example(np.clip(picture + noise, -1, 1)[None], picture)


def read_inpainting(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The whole picture from one whose central half, in each direction, is zero."""
    picture = colour_input(views[0]["rgb"], size)
    holed = picture.copy()
    quarter = size // 4
    holed[:, quarter : size - quarter, quarter : size - quarter] = 0
    return Example(holed[None], picture)
