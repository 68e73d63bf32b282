"""Soft objects: rumpled bedding and upholstery, curtains with uneven folds, throws."""

import numpy as np

from lightning_taskonomy.synthetic.rooms.bending import Waves
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.shapes import Shape, box, wavy_sheet


def rumpled(shape: Shape, random: np.random.Generator, bend: float = 5.0, coarse_m: float = 0.22) -> Shape:
    """A soft shape with creases and hollows.

    Args:
        shape: The smooth shape.
        random: Random generator of the creases.
        bend: Root mean square curvature of the creases, 1/m.
        coarse_m: Minimum wavelength; the maximum is three times as long.
    """
    return Waves.drawn(random, coarse_m, 3 * coarse_m, bend, 8).bent(shape)


def curtain(random: np.random.Generator, wide: float, drop: float, folds: int) -> Shape:
    """A curtain with uneven folds that hangs down to z = 0 and faces -y."""
    return rumpled(wavy_sheet(wide, drop, 0.038, folds), random, 2.0, 0.42)


def throw(shop: Workshop, wide: float, deep: float, drop: float) -> Item:
    """A blanket laid over an edge at y = 0: it lies on z = 0 behind it and hangs down in front."""
    lying = box(wide, deep, 0.024, 0.0115, 2).moved(0, deep / 2 - 0.02, 0.0)
    hanging = wavy_sheet(wide, drop, 0.012, max(3, int(wide / 0.14))).moved(0, -0.022, -drop + 0.012)
    cover = shop.material("cushion")
    pieces = (
        (rumpled(lying, shop.random, 4.0, 0.16), cover),
        (rumpled(hanging, shop.random, 3.0, 0.2), cover),
    )
    return Item(pieces, Semantic.BACKGROUND, ObjectClass.QUILT, wide, deep, 0.03)
