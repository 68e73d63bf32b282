"""Photometric augmentation as in the published training: light, colours and sharpness."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

Photo = npt.NDArray[np.uint8]
Change = Callable[[Photo, np.random.Generator], Photo]

_NOISE_CHANCE, _CHANCE = 0.2, 0.9
_TILES, _CODES = 8, 256


def changed(rgb: Photo, random: np.random.Generator) -> Photo:
    """Noise with probability 0.2; and a change of light, of sharpness and of colour, each with 0.9."""
    if random.random() < _NOISE_CHANCE:
        rgb = noise(rgb, random)
    for choices in (_LIGHT, _SHARPNESS, _COLOUR):
        if random.random() < _CHANCE:
            rgb = choices[random.integers(len(choices))](rgb, random)
    return rgb


def noise(rgb: Photo, random: np.random.Generator) -> Photo:
    """Gaussian noise with a deviation of 1 to 5 % of the scale, equal in all channels of a pixel."""
    deviation = random.uniform(0.01, 0.05) * 255
    return _bytes(rgb + random.normal(0, deviation, (*rgb.shape[:2], 1)))


def local_contrast(rgb: Photo, random: np.random.Generator) -> Photo:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of luminance in 8×8 tiles, limit 1 to 4."""
    from skimage.exposure import equalize_adapthist  # takes half a second to import; only training needs it

    luminance, *chroma = Image.fromarray(rgb).convert("YCbCr").split()
    tile = tuple(max(side // _TILES, 1) for side in rgb.shape[:2])
    limit = random.uniform(1, 4) / _CODES
    equal = equalize_adapthist(np.asarray(luminance), tile, limit, _CODES)
    equalised = Image.merge("YCbCr", (Image.fromarray(_bytes(equal * 255)), *chroma))
    return np.asarray(equalised.convert("RGB"))


def brightness(rgb: Photo, random: np.random.Generator) -> Photo:
    """Brighter or darker by up to a fifth of the scale."""
    return _bytes(rgb + 255 * random.uniform(-0.2, 0.2))


def gamma(rgb: Photo, random: np.random.Generator) -> Photo:
    """Gamma correction with an exponent from 0.8 to 1.2."""
    return _bytes(255 * (rgb / 255) ** random.uniform(0.8, 1.2))


def sharpen(rgb: Photo, random: np.random.Generator) -> Photo:
    """Blended with a sharpened copy, which has a weight of 20 to 50 %."""
    weight, centre = random.uniform(0.2, 0.5), random.uniform(8.5, 9.0)
    kernel = np.full((3, 3), -1.0)
    kernel[1, 1] = centre
    sharpened = ndimage.convolve(rgb.astype(np.float32), kernel[..., None], mode="mirror")
    return _bytes((1 - weight) * rgb + weight * sharpened)


def blur(rgb: Photo, random: np.random.Generator) -> Photo:
    """The mean over 3×3 pixels."""
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.BoxBlur(1)))


def motion_blur(rgb: Photo, random: np.random.Generator) -> Photo:
    """The mean over three pixels in a row, a column or a diagonal."""
    kernel = np.zeros((3, 3))
    lines = (
        [(1, 0), (1, 1), (1, 2)],
        [(0, 1), (1, 1), (2, 1)],
        [(0, 0), (1, 1), (2, 2)],
        [(0, 2), (1, 1), (2, 0)],
    )
    for row, column in lines[random.integers(len(lines))]:
        kernel[row, column] = 1 / 3
    return _bytes(ndimage.convolve(rgb.astype(np.float32), kernel[..., None], mode="mirror"))


def contrast(rgb: Photo, random: np.random.Generator) -> Photo:
    """Contrast about the mean, increased or decreased by up to a fifth."""
    mean = rgb.mean()
    return _bytes(mean + random.uniform(0.8, 1.2) * (rgb - mean))


def hue_and_saturation(rgb: Photo, random: np.random.Generator) -> Photo:
    """Shifts of hue by up to 40 degrees, of saturation by up to 30 and of value by up to 20 of 255."""
    planes = np.asarray(Image.fromarray(rgb).convert("HSV")).astype(np.int16)
    hue = (planes[..., 0] + round(random.uniform(-40, 40) * _CODES / 360)) % _CODES
    rest = np.clip(planes[..., 1:] + np.rint(random.uniform((-30, -20), (30, 20))).astype(np.int16), 0, 255)
    turned = np.concatenate([hue[..., None], rest], axis=-1).astype(np.uint8)
    return np.asarray(Image.fromarray(turned, "HSV").convert("RGB"))


def _bytes(levels: npt.NDArray[np.floating]) -> Photo:
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)


_LIGHT: tuple[Change, ...] = (local_contrast, brightness, gamma)
_SHARPNESS: tuple[Change, ...] = (sharpen, blur, motion_blur)
_COLOUR: tuple[Change, ...] = (contrast, hue_and_saturation)
