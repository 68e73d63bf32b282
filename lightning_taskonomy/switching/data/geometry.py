"""Geometric transforms of a photo and its labels: resizing, flipping, shifting, scaling and rotation."""

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
    """A transform of an image that is resized to a square; its aspect ratio is not kept.

    Attributes:
        flipped: whether left and right are swapped.
        scale: about the centre; above 1 enlarges.
        degrees: counter-clockwise rotation about the centre.
        shift: to the right and down, as fractions of the side.
    """

    flipped: bool = False
    scale: float = 1.0
    degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    def photo(self, rgb: Array, size: int) -> npt.NDArray[np.uint8]:
        """A transformed photo (H, W, 3), by bicubic interpolation; black outside its border."""
        return np.asarray(self._moved(Image.fromarray(rgb), size, Image.Resampling.BICUBIC, 0), np.uint8)

    def label(self, values: Array, kind: LabelKind, size: int, outside: int = UNKNOWN) -> Array:
        """A transformed label.

        Args:
            values: as described by `LabelKind`.
            kind: of the values. Normals rotate with the image; depths are not rescaled.
            size: pixels per side.
            outside: value of classes and flags outside the border; normals and depths are unknown there.
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
        angle = math.radians(self.degrees)
        right, down = moved[..., 0].copy(), moved[..., 1].copy()
        moved[..., 0] = math.cos(angle) * right + math.sin(angle) * down
        moved[..., 1] = math.cos(angle) * down - math.sin(angle) * right
        lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
        defined = np.asarray(self._moved(known, size, Image.Resampling.NEAREST, 0))[..., None] > 0
        return np.asarray(
            np.where(defined & (lengths > 0), moved / np.maximum(lengths, 1e-12), 0), np.float32
        )

    def _moved(
        self, picture: Image.Image, size: int, resampling: Image.Resampling, outside: int
    ) -> Image.Image:
        """Resize first, then transform about the centre, so that scales mean the same for all images."""
        resized = picture.resize((size, size), resampling)
        if self.flipped:
            resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if (self.scale, self.degrees, self.shift) == (1.0, 0.0, (0.0, 0.0)):
            return resized
        angle, centre = math.radians(self.degrees), size / 2
        a, b = math.cos(angle) / self.scale, -math.sin(angle) / self.scale
        left, up = centre + self.shift[0] * size, centre + self.shift[1] * size
        # Maps coordinates of the result to coordinates of the source.
        rows = (a, b, centre - a * left - b * up, -b, a, centre + b * left - a * up)
        return resized.transform((size, size), Image.Transform.AFFINE, rows, resampling, fillcolor=outside)


def moved(
    labels: Mapping[str, Array], kinds: Mapping[str, LabelKind], movement: Movement, size: int, outside: int
) -> dict[str, Array]:
    """A photo and its labels under the same transform.

    Args:
        labels: `rgb` and others.
        kinds: of the others.
        movement: the transform.
        size: pixels per side.
        outside: value of classes and flags outside the border.
    """
    return {
        name: movement.photo(values, size)
        if name == "rgb"
        else movement.label(values, kinds[name], size, outside)
        for name, values in labels.items()
    }
