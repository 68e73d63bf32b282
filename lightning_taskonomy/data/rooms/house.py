"""A building of rendered rooms as a job: its name, its seed, and how to make it."""

from dataclasses import dataclass

from lightning_taskonomy.data.render.scene import Scene
from lightning_taskonomy.data.rooms.building import build


@dataclass(frozen=True)
class House:
    """Building `number` of the buildings that a seed makes.

    Attributes:
        family: the seed of all buildings of a data set.
        number: which of them, from 0.
    """

    family: int
    number: int

    @property
    def name(self) -> str:
        """The building's name in file names."""
        return f"house{self.family}x{self.number:04d}"

    @property
    def seed(self) -> int:
        """Decides where pictures of it are taken."""
        return self.family * 100_003 + self.number

    def load(self) -> Scene:
        """Make the scene."""
        return build(self.family, self.number)
