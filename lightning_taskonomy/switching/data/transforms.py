"""Augmentation and resizing of a photo and its labels, as published or improved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.switching.data.geometry import Movement, moved
from lightning_taskonomy.switching.data.photometry import changed
from lightning_taskonomy.tasks.pascal_nyud import UNKNOWN, LabelKind

Array = npt.NDArray[Any]
Preset = Literal["reference", "improved"]
"""`reference`, as published: beyond the photo's border is background; `improved`: nothing is known there."""


@dataclass(frozen=True)
class Transforms:
    """Augments and resizes photos and labels to one size.

    Labels of surfaces (normals, depths), and everything that is read together with them, are flipped, rotated
    by up to 20 degrees and scaled by 0.75 to 1.25. Others are flipped, shifted by up to a tenth and scaled by
    0.5 to 1.5, and the light, colours and sharpness of their photo are changed.

    Attributes:
        size: pixels per side.
        preset: determines labels beyond the border.
    """

    size: int
    preset: Preset = "reference"

    def for_training(
        self, labels: Mapping[str, Array], kinds: Mapping[str, LabelKind], random: np.random.Generator
    ) -> dict[str, Array]:
        """Augmented at random.

        Args:
            labels: `rgb` and others.
            kinds: of the others.
            random: generator for the augmentation.
        """
        outside = 0 if self.preset == "reference" else UNKNOWN
        flipped = bool(random.random() < 0.5)
        if {"normals", "depth"} & set(kinds.values()):
            movement = Movement(flipped, random.uniform(0.75, 1.25), random.uniform(-20, 20))
            return moved(labels, kinds, movement, self.size, outside)
        shift = (random.uniform(-0.1, 0.1), random.uniform(-0.1, 0.1))
        movement = Movement(flipped, random.uniform(0.5, 1.5), shift=shift)
        transformed = moved(labels, kinds, movement, self.size, outside)
        return {**transformed, "rgb": changed(transformed["rgb"], random)}

    def for_evaluation(self, labels: Mapping[str, Array], kinds: Mapping[str, LabelKind]) -> dict[str, Array]:
        """Resized only."""
        return moved(labels, kinds, Movement(), self.size, UNKNOWN)
