"""Segmentations as tasks: do two places of an image belong together?

Segment ids are arbitrary, so a linear layer cannot predict them. It can predict whether two places share a
segment, from the absolute difference of each feature between them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PAIRS = 64


@dataclass(frozen=True)
class PixelPairs:
    """Random pairs of places in each image, drawn once.

    Attributes:
        places: (N, 2, pairs), indices into the flattened image.
    """

    places: Tensor

    @classmethod
    def drawn(cls, pictures: int, size: int, seed: int = 0) -> "PixelPairs":
        """Draw pairs of different places.

        Args:
            pictures: Number of images.
            size: Places per image.
            seed: Seed of the draws.
        """
        generator = torch.Generator().manual_seed(seed)
        first = torch.randint(size, (pictures, PAIRS), generator=generator)
        further = torch.randint(1, size, (pictures, PAIRS), generator=generator)
        return cls(torch.stack([first, (first + further) % size], dim=1))

    def of(self, values: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Values (B, D, P) or (B, P) at the first and at the second place of each pair of these images."""
        first, second = self.places[pictures.cpu()].to(values.device).unbind(1)
        if values.ndim == 2:
            return values.gather(1, first), values.gather(1, second)
        shape = (-1, values.shape[1], -1)
        return (
            values.gather(2, first.unsqueeze(1).expand(*shape)),
            values.gather(2, second.unsqueeze(1).expand(*shape)),
        )

    def read(self, features: Tensor, pictures: Tensor) -> Tensor:
        """Absolute differences of features, (B, D, P) -> (B, D, pairs)."""
        first, second = self.of(features, pictures)
        return (first - second).abs()

    def pulled_back(self, cotangent: Tensor, features: Tensor, pictures: Tensor) -> Tensor:
        """Pull a cotangent of the differences back to the features, (B, D, pairs) -> (B, D, P)."""
        first, second = self.of(features, pictures)
        signed = cotangent * (first - second).sign()
        places = self.places[pictures.cpu()].to(features.device).unsqueeze(2)
        at_first, at_second = places.expand(-1, -1, features.shape[1], -1).unbind(1)
        back = torch.zeros_like(features)
        return back.scatter_add_(2, at_first, signed).scatter_add_(2, at_second, -signed)

    def same(self, segments: Tensor, pictures: Tensor) -> Tensor:
        """1 where both places belong to the same segment, else 0; segments (B, P) -> (B, 1, pairs)."""
        first, second = self.of(segments, pictures)
        return (first == second).float().unsqueeze(1)

    def counted(self, known: Tensor) -> Tensor:
        """Which pairs are known at both places, for all images, (N, P) -> (N, pairs)."""
        first, second = self.of(known, torch.arange(len(known)))
        return first & second
