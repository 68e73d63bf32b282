"""Slight unevenness of walls, floors and ceilings, as in old buildings and especially in scans.

One field bends walls, floors, ceilings and everything fixed along them, so that contacts are preserved.
Furniture is rigid and moves as a whole.
"""

from dataclasses import dataclass, replace

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Lamp
from lightning_taskonomy.synthetic.rooms.bending import Waves
from lightning_taskonomy.synthetic.rooms.item import Item

_SHORTEST_M, _LONGEST_M = 0.45, 0.9
_BEND_PER_M = (0.9, 1.5)
"""Range of curvature, from smooth to rough houses."""


@dataclass(frozen=True)
class Relief:
    """The unevenness of a building."""

    waves: Waves

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Relief":
        """Draw the unevenness of a building."""
        return cls(Waves.drawn(random, _SHORTEST_M, _LONGEST_M, random.uniform(*_BEND_PER_M)))

    def applied(self, item: Item) -> Item:
        """An item in world coordinates and everything on it, bent or moved as a whole."""
        if item.bends:
            return replace(
                item,
                pieces=tuple((self.waves.bent(shape), material) for shape, material in item.pieces),
                parts=tuple(self.applied(part) for part in item.parts),
                lamps=tuple(self._moved(lamp) for lamp in item.lamps),
            )
        every = [shape.corners.reshape(-1, 3) for inner in item.all_items() for shape, _ in inner.pieces]
        if not every:
            return item
        points = np.concatenate(every)
        low, high = points.min(0), points.max(0)
        foot = np.array([[(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]])
        x, y, z = (float(value) for value in self.waves.shift(foot)[0])
        return item.placed(x, y, z)

    def _moved(self, lamp: Lamp) -> Lamp:
        place = np.array([lamp.position])
        x, y, z = (float(value) for value in (place + self.waves.shift(place))[0])
        return replace(lamp, position=(x, y, z))
