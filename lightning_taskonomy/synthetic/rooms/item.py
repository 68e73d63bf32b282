"""Furniture and small objects: solids with materials, their classes, and the things on them.

Items are made at the origin: they stand on z = 0 and face -y, so a wall behind them is at y = deep / 2.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Lamp
from lightning_taskonomy.synthetic.rooms.palette import Palette
from lightning_taskonomy.synthetic.rooms.shapes import Shape


class Semantic(IntEnum):
    """The values of `segment_semantic`; 0 means uncertain."""

    BACKGROUND = 1
    BOTTLE = 2
    CHAIR = 3
    COUCH = 4
    POTTED_PLANT = 5
    BED = 6
    DINING_TABLE = 7
    TOILET = 8
    TV = 9
    MICROWAVE = 10
    OVEN = 11
    TOASTER = 12
    SINK = 13
    REFRIGERATOR = 14
    BOOK = 15
    CLOCK = 16
    VASE = 17


class ObjectClass(IntEnum):
    """ImageNet classes (indices 0 to 999 in the usual order) of items in rooms."""

    NONE = -1
    WASTEBIN = 412
    BATHTUB = 435
    BATH_TOWEL = 434
    BOOKCASE = 453
    CHEST_OF_DRAWERS = 493
    CHINA_CABINET = 495
    COFFEE_MUG = 504
    COMPUTER_KEYBOARD = 508
    DESK = 526
    DESKTOP_COMPUTER = 527
    DINING_TABLE = 532
    DISHWASHER = 534
    ENTERTAINMENT_CENTER = 548
    FOLDING_CHAIR = 559
    FOUR_POSTER = 564
    LAMPSHADE = 619
    LAPTOP = 620
    MEDICINE_CHEST = 648
    MICROWAVE = 651
    MONITOR = 664
    PILLOW = 721
    PLATE_RACK = 729
    FLOWERPOT = 738
    QUILT = 750
    RADIATOR = 753
    REFRIGERATOR = 760
    ROCKING_CHAIR = 765
    SHOWER_CURTAIN = 794
    SLIDING_DOOR = 799
    STOVE = 827
    STUDIO_COUCH = 831
    TABLE_LAMP = 846
    TELEVISION = 851
    TOASTER = 859
    TOILET_SEAT = 861
    VASE = 883
    WALL_CLOCK = 892
    WARDROBE = 894
    WASHBASIN = 896
    WASHING_MACHINE = 897
    WATER_BOTTLE = 898
    WINDOW_SHADE = 905
    WINE_BOTTLE = 907
    BOOK_JACKET = 921
    PLATE = 923
    CUP = 968


@dataclass(frozen=True)
class Item:
    """Solids that belong together.

    Attributes:
        pieces: Pairs of a solid and its material.
        semantic: Class for semantic segmentation.
        object_class: Class for object classification.
        wide: Size in x, metres.
        deep: Size in y.
        high: Size in z.
        parts: Items that are on it or belong to it, in the same coordinates.
        lamps: Its light sources.
        bends: Whether it follows the unevenness of walls and floors; otherwise it is rigid.
        place: Its current x, y, z and angle.
    """

    pieces: tuple[tuple[Shape, int], ...]
    semantic: Semantic = Semantic.BACKGROUND
    object_class: ObjectClass = ObjectClass.NONE
    wide: float = 0.0
    deep: float = 0.0
    high: float = 0.0
    parts: tuple["Item", ...] = ()
    lamps: tuple[Lamp, ...] = ()
    bends: bool = False
    place: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def placed(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, angle: float = 0.0) -> "Item":
        """The item rotated about the vertical by `angle` radians, then translated."""
        cosine, sine = float(np.cos(angle)), float(np.sin(angle))
        before = self.place
        return replace(
            self,
            place=(
                cosine * before[0] - sine * before[1] + x,
                sine * before[0] + cosine * before[1] + y,
                before[2] + z,
                before[3] + angle,
            ),
            pieces=tuple(
                (shape.rotated(2, angle).moved(x, y, z), material) for shape, material in self.pieces
            ),
            parts=tuple(part.placed(x, y, z, angle) for part in self.parts),
            lamps=tuple(_placed_lamp(lamp, x, y, z, angle) for lamp in self.lamps),
        )

    def with_parts(self, *parts: "Item") -> "Item":
        """The item with more items on it."""
        return replace(self, parts=self.parts + parts)

    def all_items(self) -> list["Item"]:
        """The item and, recursively, everything on it."""
        return [self, *(inner for part in self.parts for inner in part.all_items())]


def _placed_lamp(lamp: Lamp, x: float, y: float, z: float, angle: float) -> Lamp:
    cosine, sine = np.cos(angle), np.sin(angle)

    def turned(vector: tuple[float, float, float]) -> tuple[float, float, float]:
        return (
            float(cosine * vector[0] - sine * vector[1]),
            float(sine * vector[0] + cosine * vector[1]),
            vector[2],
        )

    ahead = turned(lamp.position)
    return replace(
        lamp,
        position=(ahead[0] + x, ahead[1] + y, ahead[2] + z),
        across=turned(lamp.across),
        along=turned(lamp.along),
    )


@dataclass(frozen=True)
class Workshop:
    """Materials and random choices for the functions that make items.

    Attributes:
        palette: The building's materials.
        random: Random generator of variations.
    """

    palette: Palette
    random: np.random.Generator

    def material(self, kind: str) -> int:
        """A random material of a kind."""
        return self.palette.pick(kind, self.random)

    def between(self, low: float, high: float) -> float:
        """A number drawn from the uniform distribution."""
        return float(self.random.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.random.random() < share)

    def whole(self, low: int, high: int) -> int:
        """A random integer from low to high, inclusive."""
        return int(self.random.integers(low, high + 1))
