"""Tasks whose label is the image itself: autoencoding, denoising, in-painting."""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.tasks.pictures import COLOUR, colour_input
from lightning_taskonomy.tasks.task import Example, Stored, ViewLabels

NOISE_VARIANCE = 0.01
"""Variance of the Gaussian noise for denoising, for images from 0 to 1."""


def read_autoencoding(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """An example whose input and target are the same image."""
    picture = colour_input(views[0]["rgb"], size)
    return Example((picture,), picture)


def read_denoising(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """An example with a noisy image as input and the clean one as target."""
    picture = colour_input(views[0]["rgb"], size)
    noise = random.standard_normal(picture.values.shape, np.float32) * np.float32(
        255 * np.sqrt(NOISE_VARIANCE)
    )
    return Example((Stored(np.clip(picture.values + noise, 0, 255), COLOUR),), picture)


def read_inpainting(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """An example whose input has zeros in its central half, in each direction; the target is the image."""
    picture = colour_input(views[0]["rgb"], size)
    holed = picture.values.astype(np.float32)
    quarter = size // 4
    holed[quarter : size - quarter, quarter : size - quarter] = COLOUR.zero
    return Example((Stored(holed, COLOUR),), picture)
