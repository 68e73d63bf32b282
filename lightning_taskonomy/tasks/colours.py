"""Colorization: from lightness to a distribution over 313 colour bins (Zhang et al., ECCV 2016)."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lightning_taskonomy.core.resizing import resized
from lightning_taskonomy.tasks.scales import ShareOfClasses
from lightning_taskonomy.tasks.task import Example, Stored, ViewLabels

Floats = npt.NDArray[np.float32]

SIZE_DIVISOR = 4
_NEIGHBOURS = 10
_SPREAD = 5.0
_STEP = 10
# The bins within the sRGB gamut, in CIE Lab: for each a from -90 to 100, the smallest and the largest b.
_LEAST_B = (
    50,
    20,
    0,
    -20,
    -30,
    -40,
    -50,
    -50,
    -60,
    -70,
    -80,
    -80,
    -90,
    -100,
    -100,
    -110,
    -110,
    -110,
    -110,
    -90,
)
_MOST_B = (90, 90, 90, 90, 100, 100, 100, 100, 100, 100, 90, 90, 90, 90, 80, 80, 80, 70, 70, 0)
BINS: Floats = np.array(
    [
        (-90 + _STEP * place, b)
        for place, (least, most) in enumerate(zip(_LEAST_B, _MOST_B, strict=True))
        for b in range(least, most + 1, _STEP)
    ],
    np.float32,
)
"""Centres of the bins, (313, 2): a and b."""


def read_colorization(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Lightness, −1 to 1, and soft bins at a quarter of the size: the 10 nearest, with Gaussian weights."""
    rgb = views[0]["rgb"]
    lightness = lab(resized(rgb, size))[..., 0] / np.float32(50) - np.float32(1)
    colours = lab(resized(rgb, size // SIZE_DIVISOR))[..., 1:]
    return Example((lightness[None],), Stored(soft_bins(colours), ShareOfClasses(len(BINS))))


def soft_bins(colours: Floats) -> Floats:
    """The 10 bins nearest to each pixel's (a, b), followed by their probabilities, (H, W, 20)."""
    distances, bins = _tree().query(colours, k=_NEIGHBOURS)
    shares = np.exp(-np.square(distances) / (2 * _SPREAD**2))
    return np.concatenate([bins, shares / shares.sum(axis=-1, keepdims=True)], axis=-1, dtype=np.float32)


def rarity_weights(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights of the bins, larger for rare colours and 1 on average over all pixels (section 2.2).

    The frequencies are smoothed over neighbouring bins and averaged with the uniform distribution.

    Args:
        shares: Frequency of each bin in a data set, (313,), summing to 1.
    """
    apart = np.linalg.norm(BINS[:, None] - BINS[None, :], axis=-1)
    near = np.exp(-np.square(apart) / (2 * _SPREAD**2))
    smoothed = shares @ (near / near.sum(axis=1, keepdims=True))
    weights = 1 / (0.5 * smoothed + 0.5 / len(BINS))
    return np.asarray(weights / (weights @ shares))


def lab(rgb: npt.NDArray[np.generic]) -> Floats:
    """Convert sRGB values from 0 to 255 to CIE Lab under D65, (…, 3)."""
    linear = _linear_light()
    if rgb.dtype == np.uint8:
        light = linear[rgb]
    else:
        light = np.interp(np.asarray(rgb, np.float32), np.arange(256), linear).astype(np.float32)
    xyz = light @ _TO_XYZ
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def rgb_of_lab(values: Floats) -> npt.NDArray[np.uint8]:
    """Convert CIE Lab to 8-bit sRGB, (…, 3); colours outside the gamut are clipped."""
    y = (values[..., 0] + 16) / 116
    root = np.stack([y + values[..., 1] / 500, y, y - values[..., 2] / 200], axis=-1)
    xyz = np.where(root > 6 / 29, root**3, (116 * root - 16) * 27 / 24389)
    light = np.clip(xyz @ np.linalg.inv(_TO_XYZ), 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * coded), np.uint8)


# IEC 61966-2-1, divided by the white point D65, so that white is (1, 1, 1).
_TO_XYZ = (
    np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    / np.array([[0.95047], [1.0], [1.08883]])
).T.astype(np.float32)


@cache
def _tree() -> "cKDTree":
    return cKDTree(BINS)


@cache
def _linear_light() -> Floats:
    coded = np.arange(256) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)
