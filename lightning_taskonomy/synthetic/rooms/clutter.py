"""Clutter of a lived-in room: toys, baskets, floor cushions, shoes, coat stands."""

import numpy as np

from lightning_taskonomy.synthetic.rooms.cloth import rumpled
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.shapes import (
    Shape,
    box,
    cylinder,
    ellipsoid,
    joined,
    revolved,
    sphere,
    spline,
    tube,
)
from lightning_taskonomy.synthetic.rooms.small_objects import bowl_of_fruit, stacked_books, vase

_FOUR_WAYS = (0.4, 2.0, 3.5, 5.1)
"""Angles of hooks and feet, radians."""


def pouf(shop: Workshop) -> Item:
    """A round stuffed seat."""
    radius, high = shop.between(0.22, 0.32), shop.between(0.28, 0.42)
    outline = spline(
        [[radius * 0.8, 0.0], [radius, high * 0.45], [radius * 0.85, high * 0.92], [0.001, high]], 16
    )
    body = rumpled(revolved(outline, 28), shop.random, 2.5, 0.2)
    return Item(((body, shop.material("cushion")),), wide=2 * radius, deep=2 * radius, high=high)


def floor_cushion(shop: Workshop) -> Item:
    """A large cushion on the floor."""
    side, high = shop.between(0.45, 0.65), shop.between(0.14, 0.22)
    body = rumpled(box(side, side, high, high * 0.49, 4), shop.random, 4.0, 0.18)
    return Item(
        ((body, shop.material("cushion")),), Semantic.BACKGROUND, ObjectClass.PILLOW, side, side, high
    )


def basket(shop: Workshop) -> Item:
    """A round basket with cloth in it."""
    radius, high = shop.between(0.16, 0.24), shop.between(0.24, 0.4)
    outside = spline([[radius * 0.75, 0.0], [radius * 0.98, high * 0.6], [radius, high]], 12)
    inside = spline([[radius * 0.95, high], [radius * 0.9, high * 0.6], [radius * 0.7, 0.03]], 8)
    rim = torus(radius * 0.975, 0.016).moved(z=high)
    heap = rumpled(ellipsoid(radius * 0.9, high * 0.25, 24), shop.random, 7.0, 0.12).moved(z=high * 0.86)
    pieces = (
        (joined([revolved(outside, 26), revolved(inside, 26), rim]), shop.material("wicker")),
        (heap, shop.material("cushion")),
    )
    return Item(pieces, wide=2 * radius, deep=2 * radius, high=high * 1.1)


def ball(shop: Workshop) -> Item:
    """A toy ball."""
    radius = shop.between(0.07, 0.14)
    look = shop.material("glaze") if shop.chance(0.5) else shop.material("cushion")
    return Item(
        ((sphere(radius, 26).moved(z=radius), look),), wide=2 * radius, deep=2 * radius, high=2 * radius
    )


def ring_tower(shop: Workshop) -> Item:
    """A toy of rings on a stick."""
    pieces: list[tuple[Shape, int]] = []
    z = 0.0
    for number in range(shop.whole(3, 5)):
        thick = 0.022 - 0.002 * number
        pieces.append((torus(0.075 - 0.01 * number, thick).moved(z=z + thick), shop.material("glaze")))
        z += 2 * thick
    pieces.append((sphere(0.028, 16).moved(z=z + 0.02), shop.material("glaze")))
    return Item(tuple(pieces), wide=0.2, deep=0.2, high=z + 0.05)


def shoes(shop: Workshop) -> Item:
    """A pair of slippers."""
    look, inside = shop.material("cushion"), shop.material("black")
    soles, holes = [], []
    for side in (-1, 1):
        turn = shop.between(-0.25, 0.25)
        sole = box(0.095, 0.26, 0.03, 0.014, 2)
        toe = box(0.1, 0.15, 0.085, 0.04, 4).moved(0, -0.055)
        soles.append(joined([sole, toe]).rotated(2, turn).moved(x=side * 0.07))
        holes.append(ellipsoid(0.032, 0.016, 14).moved(0, 0.045, 0.032).rotated(2, turn).moved(x=side * 0.07))
    return Item(((joined(soles), look), (joined(holes), inside)), wide=0.3, deep=0.3, high=0.09)


def coat_stand(shop: Workshop) -> Item:
    """A stand with a few coats on its hooks."""
    high = shop.between(1.6, 1.85)
    feet = [tube([[0, 0, 0.12], [0.24 * np.cos(t), 0.24 * np.sin(t), 0.015]], 0.016, 8) for t in _FOUR_WAYS]
    hooks = [
        tube([[0, 0, high - 0.12], [0.13 * np.cos(t), 0.13 * np.sin(t), high - 0.04]], 0.012, 8)
        for t in _FOUR_WAYS
    ]
    stem = joined([cylinder(0.024, high, 14), sphere(0.035, 16).moved(z=high)])
    pieces: list[tuple[Shape, int]] = [(joined([*feet, *hooks, stem]), shop.material("wood"))]
    for turn in _FOUR_WAYS[: shop.whole(1, 3)]:
        long = shop.between(0.7, 1.05)
        coat = revolved(spline([[0.15, 0.0], [0.13, long * 0.5], [0.1, long * 0.85], [0.02, long]], 14), 20)
        hung = rumpled(coat, shop.random, 4.0, 0.2).moved(0.14 * np.cos(turn), 0.14 * np.sin(turn))
        pieces.append((hung.moved(z=high - 0.06 - long), shop.material("cushion")))
    return Item(tuple(pieces), wide=0.55, deep=0.55, high=high)


def torus(radius: float, thick: float, sides: int = 26) -> Shape:
    """A torus about the z axis; `thick` is the radius of its cross-section."""
    turn = np.linspace(0.0, 2 * np.pi, 15)
    # The profile runs upwards on the outside.
    return revolved(np.column_stack([radius + thick * np.cos(turn), thick * np.sin(turn)]), sides)


MAKERS = (pouf, floor_cushion, basket, ball, ring_tower, shoes, stacked_books, vase, bowl_of_fruit)
"""Functions that make objects for free places on the floor."""
