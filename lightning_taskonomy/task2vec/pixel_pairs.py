"""Segmentations as tasks: do two places of a picture belong together?

Numbers of segments are names without meaning: a linear layer cannot predict them. What can be asked is
whether two places share a segment, which a linear layer tells from how far each feature differs between them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PAIRS = 64


@dataclass(frozen=True)
class PixelPairs:
    """Some pairs of places of each picture, drawn once.

    Attributes:
        places: (N, 2, pairs), places in the flattened picture.
    """

    places: Tensor

    @classmethod
    def drawn(cls, pictures: int, size: int, seed: int = 0) -> "PixelPairs":
        """Draw pairs of different places.

        Args:
            pictures: How many there are.
            size: Places of each.
            seed: Of the draws.
        """
        generator = torch.Generator().manual_seed(seed)
        first = torch.randint(size, (pictures, PAIRS), generator=generator)
        further = torch.randint(1, size, (pictures, PAIRS), generator=generator)
        return cls(torch.stack([first, (first + further) % size], dim=1))

    def of(self, values: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Values (B, D, P), or (B, P), at the first and at the second places of these pictures' pairs."""
        first, second = self.places[pictures.cpu()].to(values.device).unbind(1)
        if values.ndim == 2:
            return values.gather(1, first), values.gather(1, second)
        shape = (-1, values.shape[1], -1)
        return (
            values.gather(2, first.unsqueeze(1).expand(*shape)),
            values.gather(2, second.unsqueeze(1).expand(*shape)),
        )

    def read(self, features: Tensor, pictures: Tensor) -> Tensor:
        """How far features differ, (B, D, P) -> (B, D, pairs)."""
        first, second = self.of(features, pictures)
        return (first - second).abs()

    def pulled_back(self, cotangent: Tensor, features: Tensor, pictures: Tensor) -> Tensor:
        """A cotangent of what is read as one of the features, (B, D, pairs) -> (B, D, P)."""
        first, second = self.of(features, pictures)
        signed = cotangent * (first - second).sign()
        places = self.places[pictures.cpu()].to(features.device).unsqueeze(2)
        at_first, at_second = places.expand(-1, -1, features.shape[1], -1).unbind(1)
        back = torch.zeros_like(features)
        return back.scatter_add_(2, at_first, signed).scatter_add_(2, at_second, -signed)

    def same(self, segments: Tensor, pictures: Tensor) -> Tensor:
        """1 where both belong to one segment, else 0; segments (B, P) -> (B, 1, pairs)."""
        first, second = self.of(segments, pictures)
        return (first == second).float().unsqueeze(1)

    def counted(self, known: Tensor) -> Tensor:
        """Of all pictures, which pairs are known at both places, (N, P) -> (N, pairs)."""
        first, second = self.of(known, torch.arange(len(known)))
        return first & second
