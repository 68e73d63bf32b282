"""Drawing the outputs and targets of tasks as images.

All scales and palettes are fixed, so that an output and its target can be compared side by side.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.resizing import DEPTH_INVALID_FROM
from lightning_taskonomy.tasks.colours import rgb_of_lab
from lightning_taskonomy.tasks.pixel_labels import SHORTEST_NORMAL
from lightning_taskonomy.tasks.task import Kind

Drawing = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

NEAR_METRES, FAR_METRES = 0.5, 10.0
"""The ends of the depth colour scale."""
_UNITS_PER_METRE, _CODES = 512, 2**16
BARS_HEIGHT, BARS_WIDTH = 96, 256
FULL_DEVIATIONS = 3.0
"""Standardised values are drawn from minus to plus this many deviations: they are rarely larger."""
_STRONGEST_EMBEDDING = 2.0
ANNEALING = 0.38
"""Temperature of the annealed mean of colours; Zhang et al., Colorful Image Colorization, section 2.3."""

_PAPER, _LINE = (255, 255, 255), (190, 194, 199)
_POSITIVE, _NEGATIVE, _BAR = (208, 89, 41), (44, 105, 176), (60, 66, 74)
_NO_SURFACE = (0, 0, 0)

# Ten even steps of viridis (Smith and van der Walt, public domain), which is perceptually uniform.
_FAR_TO_NEAR = np.array(
    [
        (0x44, 0x01, 0x54),
        (0x48, 0x28, 0x78),
        (0x3E, 0x4A, 0x89),
        (0x31, 0x68, 0x8E),
        (0x26, 0x82, 0x8E),
        (0x1F, 0x9E, 0x89),
        (0x35, 0xB7, 0x79),
        (0x6D, 0xCD, 0x59),
        (0xB4, 0xDE, 0x2C),
        (0xFD, 0xE7, 0x25),
    ],
    np.float64,
)

# Background, then sixteen objects; neighbours differ in hue, in lightness or in both.
_CLASS_COLOURS = np.array(
    [
        (205, 205, 205),
        (230, 25, 75),
        (60, 180, 75),
        (255, 225, 25),
        (0, 90, 200),
        (245, 130, 48),
        (145, 30, 180),
        (70, 210, 240),
        (240, 50, 230),
        (190, 240, 70),
        (250, 190, 190),
        (0, 128, 128),
        (150, 100, 40),
        (128, 0, 0),
        (170, 255, 195),
        (128, 128, 0),
        (0, 0, 117),
    ],
    np.uint8,
)


def draw(kind: Kind, values: Tensor) -> Drawing:
    """One output or target as an image, (H, W, 3).

    Args:
        kind: what `values` are:
            `picture`: (1, H, W) grey, (3, H, W) colours, both in [−1, 1]; (2, H, W) standardised curvatures
            as red and green, from −3 to 3.
            `normals`: (3, H, W) directions of any length: x to the right, y down and z into the scene as red,
            green and blue, so that surfaces facing the camera have blue below 127; grey where shorter than
            0.01.
            `depth`: (1, H, W) log-coded depths, 0.5 m bright to 10 m dark; black where there is no surface.
            `classes`: (H, W) class indices, or (K, H, W) logits, of which the largest is drawn.
            `segments`: (H, W) ids, in random colours.
            `embeddings`: (D, H, W), D at least 3, drawn by the image's first three principal components.
            `shares`: (K,) class probabilities as columns from left to right; values that are negative or do
            not sum to 1 are taken as logits.
            `vector`: (n,) values as columns up and down from a middle line, to ±3; lines mark ±1.
        values: of one example, without a batch dimension, of any type.

    Raises:
        ValueError: an unknown kind, or values of another shape.
    """
    if kind not in _DRAWN_BY:
        raise ValueError(f"expected one of {', '.join(_DRAWN_BY)}, found {kind!r}")
    return _DRAWN_BY[kind](values.detach().cpu())


def draw_colorization(lightness: Tensor, shares: Tensor, bin_ab: Tensor) -> Drawing:
    """A grey image with the colours that a network predicts, (H, W, 3).

    Args:
        lightness: L in [−1, 1], (1, H, W); 1 is L = 100.
        shares: probabilities of the colour bins, (Q, h, w), of the image's size or smaller; other values are
            taken as logits.
        bin_ab: a and b of the bins in CIE Lab, (Q, 2).

    Raises:
        ValueError: values of another shape.
    """
    _require(lightness, "lightness of one channel", lightness.ndim == 3 and lightness.shape[0] == 1)
    _require(shares, "shares per pixel", shares.ndim == 3 and bin_ab.shape == (shares.shape[0], 2))
    probabilities = _as_shares(shares.detach().cpu().double())
    annealed = torch.softmax(probabilities.clamp(min=1e-12).log() / ANNEALING, dim=0)
    ab = torch.einsum("qhw,qc->chw", annealed, bin_ab.detach().cpu().double())
    size = (int(lightness.shape[1]), int(lightness.shape[2]))
    ab = functional.interpolate(ab[None], size, mode="bilinear", align_corners=False)[0]
    light = (lightness.detach().cpu().double() + 1) * 50
    return rgb_of_lab(_pixels_last(torch.cat([light, ab])).astype(np.float32))


def _picture(values: Tensor) -> Drawing:
    _require(values, "1, 2 or 3 channels of pixels", values.ndim == 3 and values.shape[0] in (1, 2, 3))
    planes = _pixels_last(values)
    if planes.shape[2] == 2:
        coloured = np.zeros((*planes.shape[:2], 3))
        coloured[..., :2] = (planes / FULL_DEVIATIONS + 1) * 127.5
        return _bytes(coloured)
    return _bytes(np.broadcast_to((planes + 1) * 127.5, (*planes.shape[:2], 3)))


def _normals(values: Tensor) -> Drawing:
    _require(values, "3 channels of pixels", values.ndim == 3 and values.shape[0] == 3)
    directions = functional.normalize(values.double(), dim=0)
    is_direction = torch.linalg.vector_norm(values.double(), dim=0) >= SHORTEST_NORMAL
    return _bytes(_pixels_last(directions * is_direction) * 127 + 127)


def _depth(values: Tensor) -> Drawing:
    _require(values, "1 channel of pixels", values.ndim == 3 and values.shape[0] == 1)
    codes: Floats = values[0].double().numpy()
    near, far = (_code(metres * _UNITS_PER_METRE) for metres in (NEAR_METRES, FAR_METRES))
    place = np.clip((far - codes) / (far - near), 0, 1) * (len(_FAR_TO_NEAR) - 1)
    steps = np.arange(len(_FAR_TO_NEAR))
    colours = np.stack([np.interp(place, steps, _FAR_TO_NEAR[:, n]) for n in range(3)], axis=-1)
    # Half a unit below, because the codes are in single precision.
    colours[codes >= _code(DEPTH_INVALID_FROM - 0.5)] = _NO_SURFACE
    return _bytes(colours)


def _code(units: float) -> float:
    return float(np.log1p(units) / np.log(_CODES))


def _classes(values: Tensor) -> Drawing:
    _require(values, "class numbers or logits per pixel", values.ndim in (2, 3))
    numbers = values.float().argmax(dim=0) if values.ndim == 3 else values.long()
    colours = np.concatenate([_CLASS_COLOURS, _SEGMENT_COLOURS])
    return np.asarray(colours[numbers.numpy() % len(colours)])


def _segments(values: Tensor) -> Drawing:
    _require(values, "ids per pixel", values.ndim == 2)
    return np.asarray(_SEGMENT_COLOURS[values.long().numpy() % len(_SEGMENT_COLOURS)])


def _random_colours() -> Drawing:
    """256 colours of evenly spaced hues and varied lightness, in a fixed random order."""
    numbers = np.arange(256)
    hue = 2 * np.pi * numbers / 256
    light = 105 + 90 * ((numbers * 0.7548776662) % 1.0)
    waves = np.stack([np.cos(hue + shift) for shift in (0.0, 2 * np.pi / 3, 4 * np.pi / 3)], axis=-1)
    order = np.argsort(np.random.PCG64(0).random_raw(256), kind="stable")
    return _bytes(light[:, None] + 75 * waves)[order]


def _embeddings(values: Tensor) -> Drawing:
    _require(values, "3 or more channels of pixels", values.ndim == 3 and values.shape[0] >= 3)
    vectors: Floats = values.double().flatten(1).numpy().T
    centred = vectors - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    # The strongest first. The sign of a component is arbitrary: make its largest entry positive.
    strongest = axes[:, ::-1][:, :3]
    largest = np.abs(strongest).argmax(axis=0)
    strongest = strongest * np.sign(strongest[largest, np.arange(3)])
    # One scale for all three, so that a weak component does not look strong.
    scale = _STRONGEST_EMBEDDING * np.sqrt(max(float(variances[-1]), 1e-24))
    colours = (centred @ strongest / scale + 1) * 127.5
    return _bytes(colours.reshape(*values.shape[1:], 3))


def _shares(values: Tensor) -> Drawing:
    _require(values, "a vector", values.ndim == 1 and len(values) > 0)
    shares: Floats = _as_shares(values.double()).numpy()
    picture = _paper()
    for column in range(BARS_WIDTH):
        # With more classes than columns, the largest of those in the same column.
        first = column * len(shares) // BARS_WIDTH
        last = max((column + 1) * len(shares) // BARS_WIDTH, first + 1)
        height = round(float(shares[first:last].max()) * BARS_HEIGHT)
        picture[BARS_HEIGHT - height :, column] = _BAR
    return picture


def _vector(values: Tensor) -> Drawing:
    _require(
        values, "a vector of at most 128 numbers", values.ndim == 1 and 0 < len(values) <= BARS_WIDTH // 2
    )
    numbers: Floats = np.clip(values.double().numpy() / FULL_DEVIATIONS, -1, 1)
    picture, middle = _paper(), BARS_HEIGHT // 2
    for mark in (-1, 0, 1):
        picture[middle - round(mark / FULL_DEVIATIONS * middle)] = _LINE
    edges = np.linspace(0, BARS_WIDTH, len(numbers) + 1).round().astype(int)
    for number, left, right in zip(numbers, edges[:-1], edges[1:], strict=True):
        gap = (right - left) // 6
        top = middle - round(float(number) * middle)
        colour = _POSITIVE if number > 0 else _NEGATIVE
        picture[min(top, middle) : max(top, middle), left + gap : right - gap] = colour
    return picture


def _paper() -> Drawing:
    return np.full((BARS_HEIGHT, BARS_WIDTH, 3), _PAPER, np.uint8)


def _as_shares(values: Tensor) -> Tensor:
    """Probabilities along dimension 0, normalised; other values by softmax."""
    total = values.sum(dim=0)
    # Probabilities stored in half precision do not sum to 1 exactly.
    if bool((values >= 0).all()) and bool(((total - 1).abs() < 0.02).all()):
        return values / total
    return torch.softmax(values, dim=0)


def _pixels_last(values: Tensor) -> Floats:
    pixels: Floats = values.double().permute(1, 2, 0).numpy()
    return pixels


def _bytes(levels: Floats) -> Drawing:
    """Levels from 0 to 255, rounded and clipped; NaN becomes 0."""
    return np.rint(np.clip(np.nan_to_num(levels, nan=0.0), 0, 255)).astype(np.uint8)


def _require(values: Tensor, expected: str, holds: bool) -> None:
    if not holds:
        raise ValueError(f"expected {expected}, found shape {tuple(values.shape)}")


_SEGMENT_COLOURS = _random_colours()
_DRAWN_BY: Mapping[str, Callable[[Tensor], Drawing]] = {
    "picture": _picture,
    "normals": _normals,
    "depth": _depth,
    "classes": _classes,
    "segments": _segments,
    "embeddings": _embeddings,
    "shares": _shares,
    "vector": _vector,
}
