"""Small objects for tables, shelves and walls: bottles, vases, books, plants, clocks, lamps, pictures."""

from dataclasses import replace

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Lamp, LampKind
from lightning_taskonomy.synthetic.rooms.cloth import rumpled
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.shapes import (
    Shape,
    box,
    cylinder,
    disc,
    ellipsoid,
    joined,
    panel,
    revolved,
    spline,
    tube,
    turned_on_lathe,
)


def bottle(shop: Workshop) -> Item:
    """A wine or water bottle with a cap."""
    high, radius = shop.between(0.22, 0.34), shop.between(0.03, 0.045)
    neck = radius * shop.between(0.3, 0.45)
    outline = spline(
        [
            [radius * 0.92, 0.0],
            [radius, 0.012],
            [radius, high * 0.55],
            [radius * 0.8, high * 0.66],
            [neck, high * 0.76],
            [neck, high * 0.94],
        ],
        16,
    )
    cap = cylinder(neck * 1.12, high * 0.07, 14).moved(z=high * 0.93)
    label = revolved([[radius * 1.01, high * 0.2], [radius * 1.01, high * 0.42]], 20)
    pieces = (
        (revolved(outline, 20), shop.material("glass")),
        (cap, shop.material("glaze")),
        (label, shop.material("paper")),
    )
    kind = ObjectClass.WINE_BOTTLE if radius < 0.038 else ObjectClass.WATER_BOTTLE
    return Item(pieces, Semantic.BOTTLE, kind, 2 * radius, 2 * radius, high)


def vase(shop: Workshop, tall: bool = False) -> Item:
    """A turned vase, sometimes with dry twigs."""
    high = shop.between(0.45, 0.8) if tall else shop.between(0.16, 0.34)
    radius = high * shop.between(0.22, 0.36)
    widths = np.array(
        [0.55, 0.55 + 0.45 * shop.random.random(), 1.0, shop.between(0.45, 0.8), shop.between(0.35, 0.6)]
    )
    outside = spline(np.column_stack([radius * widths, high * np.array([0.0, 0.2, 0.5, 0.82, 1.0])]), 18)
    lip = outside[-1]
    inside = spline([[lip[0] * 0.9, high], [radius * 0.5, high * 0.75], [0.001, high * 0.5]], 8)
    body = joined([turned_on_lathe([outside, inside], 24), _ring(lip[0] * 0.9, lip[0], high)])
    pieces: list[tuple[Shape, int]] = [(body, shop.material("glaze"))]
    if shop.chance(0.5):
        twig = shop.material("leaf")
        for _ in range(shop.whole(3, 7)):
            lean, turn, reach = shop.between(0.1, 0.45), shop.between(0, 6.28), shop.between(0.5, 1.0) * high
            tip = [reach * lean * np.cos(turn), reach * lean * np.sin(turn), high + reach]
            pieces.append((tube([[0, 0, high * 0.6], tip], 0.003, 5), twig))
            pieces.append((ellipsoid(0.018, 0.03, 8).moved(*tip), shop.material("cushion")))
    return Item(tuple(pieces), Semantic.VASE, ObjectClass.VASE, 2 * radius, 2 * radius, high)


def _ring(inner: float, outer: float, height: float) -> Shape:
    return revolved([[outer, height], [inner, height]], 24)


def standing_books(shop: Workshop, length: float) -> Item:
    """A row of upright books, at most `length` metres long."""
    pieces: list[tuple[Shape, int]] = []
    x = -length / 2
    end = length / 2 * shop.between(0.2, 1.0)
    while True:
        thick, high, deep = shop.between(0.018, 0.05), shop.between(0.17, 0.27), shop.between(0.13, 0.19)
        if x + thick > end:
            break
        body = box(thick, deep, high, 0.004)
        pages = panel(
            [x + 0.003, -deep / 2 + 0.008, high + 0.0005], [thick - 0.006, 0, 0], [0, deep - 0.012, 0]
        )
        pieces.append((body.moved(x + thick / 2), shop.material("book")))
        pieces.append((pages, shop.material("paper")))
        x += thick + 0.001
    return Item(tuple(pieces), Semantic.BOOK, ObjectClass.BOOK_JACKET, length, 0.17, 0.25)


def stacked_books(shop: Workshop) -> Item:
    """A stack of a few books, each slightly rotated."""
    pieces: list[tuple[Shape, int]] = []
    z = 0.0
    for _ in range(shop.whole(1, 4)):
        thick, wide, deep = shop.between(0.02, 0.045), shop.between(0.15, 0.22), shop.between(0.2, 0.29)
        turn = shop.between(-0.4, 0.4)
        cover = joined([box(wide, deep, 0.004), box(wide, deep, 0.004).moved(z=thick - 0.004)])
        spine = box(0.004, deep, thick).moved(-wide / 2 + 0.002)
        pages = box(wide - 0.01, deep - 0.012, thick - 0.008).moved(z=0.004)
        pieces.append((joined([cover, spine]).rotated(2, turn).moved(z=z), shop.material("book")))
        pieces.append((pages.rotated(2, turn).moved(z=z), shop.material("paper")))
        z += thick + 0.0005
    return Item(tuple(pieces), Semantic.BOOK, ObjectClass.BOOK_JACKET, 0.22, 0.28, z)


def wall_clock(shop: Workshop) -> Item:
    """A round clock that hangs at y = 0 and faces -y; its centre is at z = 0."""
    radius = shop.between(0.13, 0.22)
    rim = joined(
        [
            revolved([[radius, 0.0], [radius, 0.035]], 28),
            revolved(spline([[radius, 0.035], [radius * 0.96, 0.045], [radius * 0.9, 0.034]], 6), 28),
        ]
    )
    face = revolved([[radius * 0.92, 0.034], [0.0, 0.034]], 28)
    flat = face.corners[..., :2] / (1.84 * radius) + 0.5
    front = replace(face, uv=flat)
    pieces = (
        (rim.rotated(0, np.pi / 2), shop.material("paint")),
        (front.rotated(0, np.pi / 2), shop.material("clock")),
    )
    return Item(pieces, Semantic.CLOCK, ObjectClass.WALL_CLOCK, 2 * radius, 0.05, 2 * radius)


def alarm_clock(shop: Workshop) -> Item:
    """A small clock on two feet."""
    dial = wall_clock(shop)
    scale = 0.35
    pieces = tuple(
        (
            replace(shape, corners=shape.corners * scale, curvature=shape.curvature / scale).moved(z=0.085),
            material,
        )
        for shape, material in dial.pieces
    )
    back = cylinder(0.045, 0.03, 16).rotated(0, -np.pi / 2).moved(z=0.085)
    feet = joined([cylinder(0.008, 0.04, 8).moved(x) for x in (-0.03, 0.03)])
    return Item(
        (*pieces, (joined([back, feet]), dial.pieces[0][1])),
        Semantic.CLOCK,
        ObjectClass.WALL_CLOCK,
        0.14,
        0.06,
        0.15,
    )


def table_lamp(shop: Workshop, tall: bool = False) -> Item:
    """A lamp with a shade; tall ones stand on the floor."""
    high = shop.between(1.4, 1.65) if tall else shop.between(0.38, 0.55)
    shade_high = shop.between(0.24, 0.32) if tall else shop.between(0.16, 0.24)
    low, top = shade_high * 0.75, shade_high * shop.between(0.4, 0.7)
    foot = 0.15 if tall else 0.075
    base = spline([[foot, 0.0], [foot * 0.95, 0.02], [0.02, 0.05], [0.012, 0.1]], 10)
    stand = joined([turned_on_lathe([base]), cylinder(0.011, high - shade_high * 0.6, 10)])
    if not tall and shop.chance(0.5):
        stand = joined(
            [stand, ellipsoid(0.06, (high - shade_high) * 0.42, 18).moved(z=(high - shade_high) * 0.5)]
        )
    shade = revolved([[low, high - shade_high], [top, high]], 24)
    inside = revolved([[top * 0.985, high], [low * 0.985, high - shade_high]], 24)
    lit = shop.chance(0.4)
    cover = shop.material("lampshade" if lit else "linen")
    pieces = ((stand, shop.material("paint")), (joined([shade, inside]), cover))
    warm = shop.between(0.75, 1.0)
    power = 1.1 if tall else 0.55
    lamp = Lamp(
        LampKind.SPHERE,
        (0.0, 0.0, high - shade_high / 2),
        (power, power * (0.72 + 0.2 * warm), power * (0.45 + 0.3 * warm)),
        radius=float(np.hypot(low, shade_high / 2)) + 0.02,
    )
    lamps = (lamp,) if lit else ()
    return Item(pieces, Semantic.BACKGROUND, ObjectClass.TABLE_LAMP, 2 * low, 2 * low, high, lamps=lamps)


def cup(shop: Workshop) -> Item:
    """A mug with a handle."""
    radius, high = shop.between(0.035, 0.045), shop.between(0.08, 0.1)
    outside = [[radius * 0.85, 0.0], [radius * 0.97, 0.01], [radius, high * 0.5], [radius, high]]
    inside = spline([[radius * 0.93, high], [radius * 0.9, 0.02], [0.001, 0.012]], 8)
    handle = tube(
        [
            [radius, 0, high * 0.75],
            [radius * 1.6, 0, high * 0.6],
            [radius * 1.5, 0, high * 0.35],
            [radius, 0, high * 0.25],
        ],
        0.005,
        6,
    )
    body = joined(
        [revolved(spline(outside, 8), 18), revolved(inside, 18), _ring(radius * 0.93, radius, high), handle]
    )
    return Item(
        ((body, shop.material("glaze")),),
        Semantic.BACKGROUND,
        ObjectClass.COFFEE_MUG,
        2 * radius,
        2 * radius,
        high,
    )


def plate(shop: Workshop) -> Item:
    """A shallow plate."""
    radius = shop.between(0.1, 0.14)
    top = spline([[radius, 0.022], [radius * 0.72, 0.012], [radius * 0.6, 0.006], [0.001, 0.006]], 10)
    under = [[radius * 0.55, 0.0], [radius, 0.02]]
    return Item(
        ((joined([revolved(top, 24), revolved(under, 24)]), shop.material("porcelain")),),
        Semantic.BACKGROUND, ObjectClass.PLATE, 2 * radius, 2 * radius, 0.025,
    )  # fmt: skip


def bowl_of_fruit(shop: Workshop) -> Item:
    """A bowl with apples and oranges."""
    radius = shop.between(0.12, 0.16)
    outside = spline([[radius * 0.4, 0.0], [radius * 0.8, 0.04], [radius, 0.09]], 10)
    inside = spline([[radius * 0.97, 0.09], [radius * 0.75, 0.045], [0.001, 0.02]], 10)
    pieces: list[tuple[Shape, int]] = [(turned_on_lathe([outside, inside], 24), shop.material("porcelain"))]
    for number in range(shop.whole(3, 5)):
        turn = number * 1.4
        fruit = ellipsoid(0.038, 0.035, 14).moved(0.055 * np.cos(turn), 0.055 * np.sin(turn), 0.075)
        pieces.append((fruit, shop.material("glaze")))
    return Item(tuple(pieces), wide=2 * radius, deep=2 * radius, high=0.12)


def picture(shop: Workshop) -> Item:
    """A framed picture that hangs at y = 0 and faces -y; its centre is at z = 0."""
    wide, high = shop.between(0.35, 1.1), shop.between(0.35, 0.85)
    edge = shop.between(0.02, 0.05)
    bars = joined(
        [
            box(wide, 0.03, edge, 0.006).moved(0, -0.015, -high / 2),
            box(wide, 0.03, edge, 0.006).moved(0, -0.015, high / 2 - edge),
            box(edge, 0.03, high, 0.006).moved(-wide / 2 + edge / 2, -0.015, -high / 2),
            box(edge, 0.03, high, 0.006).moved(wide / 2 - edge / 2, -0.015, -high / 2),
        ]
    )
    canvas = fitted(panel([-wide / 2, -0.012, -high / 2], [wide, 0, 0], [0, 0, high]), wide, high)
    pieces = ((bars, shop.material("wood")), (canvas, shop.material("painting")))
    return Item(pieces, wide=wide, deep=0.03, high=high)


def fitted(shape: Shape, wide: float, high: float) -> Shape:
    """A panel of this size, with texture coordinates that fill it exactly once."""
    return replace(shape, uv=shape.uv / np.array([wide, high]))


def pillow(shop: Workshop, material: int, wide: float, deep: float, high: float) -> Item:
    """A soft cushion lying flat."""
    body = rumpled(box(wide, deep, high, high * 0.49, 4), shop.random, 4.0, 0.18)
    return Item(((body, material),), Semantic.BACKGROUND, ObjectClass.PILLOW, wide, deep, high)


def wastebin(shop: Workshop) -> Item:
    """An open bin."""
    outside = revolved([[0.11, 0.0], [0.15, 0.32]], 20)
    inside = revolved([[0.145, 0.32], [0.107, 0.01]], 20)
    body = joined([outside, inside, disc(0.107, 0.01, True, 20)])
    return Item(((body, shop.material("paint")),), Semantic.BACKGROUND, ObjectClass.WASTEBIN, 0.3, 0.3, 0.32)
