"""A procedural building to render: its name, its seed, and its generation."""

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
    """Building `number` of a seed.

    Attributes:
        family: Seed of all buildings of a data set.
        number: Index of the building, from 0.
        furniture: Folder with catalogues of furniture models, or None for procedural furniture.
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
        """Seed of its viewpoints."""
        return self.family * 100_003 + self.number

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything besides its name that determines its images: the content of the catalogues."""
        return {"content of the catalogues": None if self.furniture is None else _digests(self.furniture)}

    def load(self) -> Scene:
        """Generate the scene."""
        return build(self.family, self.number, self.furniture)


@cache
def _digests(folder: Path) -> list[str]:
    return [sha256_of(path) for path in sorted(folder.glob("*.sh3f"))]
