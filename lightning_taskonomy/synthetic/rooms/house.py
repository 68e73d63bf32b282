"""A building of rendered rooms as a job: its name, its seed, and how to make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.synthetic.render.scene import Scene
from lightning_taskonomy.synthetic.rooms.building import build


@dataclass(frozen=True)
class House:
    """Building `number` of the buildings that a seed makes.

    Attributes:
        family: the seed of all buildings of a data set.
        number: which of them, from 0.
        furniture: folder with catalogues of models to furnish it with, or None for procedural furniture.
    """

    family: int
    number: int
    furniture: Path | None = None

    @property
    def name(self) -> str:
        """The building's name in file names."""
        kind = "house" if self.furniture is None else "furnished"
        return f"{kind}{self.family}x{self.number:04d}"

    @property
    def seed(self) -> int:
        """Decides where pictures of it are taken."""
        return self.family * 100_003 + self.number

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides its pictures beside its name: the content of the catalogues."""
        return {"content of the catalogues": None if self.furniture is None else _digests(self.furniture)}

    def load(self) -> Scene:
        """Make the scene."""
        return build(self.family, self.number, self.furniture)


@cache
def _digests(folder: Path) -> list[str]:
    return [sha256_of(path) for path in sorted(folder.glob("*.sh3f"))]
