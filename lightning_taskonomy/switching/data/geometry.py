"""Moving a photo and its labels together: resizing, flipping, shifting, scaling and turning."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.tasks.pascal_nyud import UNKNOWN, LabelKind

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Movement:
    """Where a picture goes when it is resized to a square, its proportions given up.

    Attributes:
        flipped: left becomes right.
        scale: above 1 enlarges, about the middle.
        degrees: turns counter-clockwise, about the middle.
        shift: to the right and down, as shares of the side.
    """

    flipped: bool = False
    scale: float = 1.0
    degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    def photo(self, rgb: Array, size: int) -> npt.NDArray[np.uint8]:
        """A photo (H, W, 3) at a size, by cubic interpolation; black where nothing was."""
        return np.asarray(self._moved(Image.fromarray(rgb), size, Image.Resampling.BICUBIC, 0), np.uint8)

    def label(self, values: Array, kind: LabelKind, size: int, outside: int = UNKNOWN) -> Array:
        """A label at a size.

        Args:
            values: as `LabelKind` says.
            kind: what they are. Normals turn with the picture; depths stay as they are.
            size: pixels per side.
            outside: of classes and flags, where nothing was; normals and depths are unknown there.
        """
        if kind == "normals":
            return self._normals(values, size)
        fill = 0 if kind == "depth" else outside
        plane = values.astype(np.float32) if kind in ("depth", "flags") else values.astype(np.uint8)
        moved = self._moved(Image.fromarray(plane), size, Image.Resampling.NEAREST, fill)
        return np.asarray(moved, plane.dtype)

    def _normals(self, values: Array, size: int) -> npt.NDArray[np.float32]:
        planes = [Image.fromarray(values[..., axis].astype(np.float32)) for axis in range(3)]
        known = Image.fromarray((np.square(values).sum(axis=-1) > 0).astype(np.uint8))
        moved = np.stack(
            [np.asarray(self._moved(plane, size, Image.Resampling.BILINEAR, 0)) for plane in planes], axis=-1
        )
        if self.flipped:
            moved[..., 0] *= -1
        turn = math.radians(self.degrees)
        right, down = moved[..., 0].copy(), moved[..., 1].copy()
        moved[..., 0] = math.cos(turn) * right + math.sin(turn) * down
        moved[..., 1] = math.cos(turn) * down - math.sin(turn) * right
        lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
        there = np.asarray(self._moved(known, size, Image.Resampling.NEAREST, 0))[..., None] > 0
        return np.asarray(np.where(there & (lengths > 0), moved / np.maximum(lengths, 1e-12), 0), np.float32)

    def _moved(self, picture: Image.Image, size: int, way: Image.Resampling, outside: int) -> Image.Image:
        """First to its size, then about the middle; in this order scales mean the same for all pictures."""
        resized = picture.resize((size, size), way)
        if self.flipped:
            resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if (self.scale, self.degrees, self.shift) == (1.0, 0.0, (0.0, 0.0)):
            return resized
        turn, middle = math.radians(self.degrees), size / 2
        a, b = math.cos(turn) / self.scale, -math.sin(turn) / self.scale
        left, up = middle + self.shift[0] * size, middle + self.shift[1] * size
        # From a place in the result to where it comes from.
        rows = (a, b, middle - a * left - b * up, -b, a, middle + b * left - a * up)
        return resized.transform((size, size), Image.Transform.AFFINE, rows, way, fillcolor=outside)


def moved(
    labels: Mapping[str, Array], kinds: Mapping[str, LabelKind], movement: Movement, size: int, outside: int
) -> dict[str, Array]:
    """A photo and its labels, all moved alike.

    Args:
        labels: `rgb` and others.
        kinds: of the others.
        movement: where to.
        size: pixels per side.
        outside: of classes and flags, where nothing was.
    """
    return {
        name: movement.photo(values, size)
        if name == "rgb"
        else movement.label(values, kinds[name], size, outside)
        for name, values in labels.items()
    }
