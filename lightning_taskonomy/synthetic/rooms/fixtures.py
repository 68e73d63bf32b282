"""Fixtures of kitchens and bathrooms: units with sink and oven, appliances, toilet, basin, bathtub."""

import numpy as np

from lightning_taskonomy.synthetic.rooms.cloth import curtain, rumpled
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.plants import potted_plant
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
    wavy_sheet,
)
from lightning_taskonomy.synthetic.rooms.small_objects import bottle, bowl_of_fruit, cup, plate, vase

_COUNTER_M = 0.9
_DEPTH_M = 0.62


def kitchen_run(shop: Workshop, length: float) -> Item:
    """A run of units along a wall: cupboards below and above, a sink, an oven, a refrigerator at one end."""
    front, top = (
        (shop.material("paint") if shop.chance(0.6) else shop.material("wood")),
        shop.material("stone"),
    )
    fridge_wide = 0.7
    counter = length - fridge_wide - 0.02
    count = max(3, int(counter / 0.6))
    each = counter / count
    start = -length / 2
    order = [int(k) for k in shop.random.permutation(count)]
    sink_at, oven_at = order[0], order[1]
    fronts: list[Shape] = []
    parts: list[Item] = []
    for unit in range(count):
        x = start + (unit + 0.5) * each
        if unit == oven_at:
            parts.append(oven(shop, each - 0.01).placed(x, 0.0, 0.0))
            continue
        fronts.append(box(each, _DEPTH_M - 0.06, _COUNTER_M - 0.14).moved(x, 0.02, 0.1))
        fronts.append(box(each - 0.008, 0.02, _COUNTER_M - 0.16, 0.005).moved(x, -_DEPTH_M / 2 + 0.045, 0.11))
        fronts.append(
            tube([[x - 0.07, -_DEPTH_M / 2 + 0.015, 0.74], [x + 0.07, -_DEPTH_M / 2 + 0.015, 0.74]], 0.006, 6)
        )
    sink_x = start + (sink_at + 0.5) * each
    parts.append(kitchen_sink(shop).placed(sink_x, 0.0, _COUNTER_M))
    basin = 0.5
    slabs = _worktop(start, counter, sink_x, basin)
    splash = panel([start, _DEPTH_M / 2 - 0.004, _COUNTER_M], [length, 0, 0], [0, 0, 0.52])
    plinth = box(counter, _DEPTH_M - 0.12, 0.1).moved(start + counter / 2, 0.03)
    parts.append(refrigerator(shop, fridge_wide).placed(length / 2 - fridge_wide / 2, -0.02))
    parts += _wall_units(shop, front, start, count, each, oven_at)
    free = [start + (unit + 0.5) * each for unit in range(count) if unit not in (sink_at, oven_at)]
    parts += _on_counter(shop, free)
    pieces = (
        (joined([*fronts, plinth]), front),
        (joined(slabs), top),
        (splash, shop.material("tiled wall")),
    )
    return Item(pieces, wide=length, deep=_DEPTH_M + 0.04, high=2.2, parts=tuple(parts))


def _worktop(start: float, counter: float, sink_x: float, basin: float) -> list[Shape]:
    """The slab around the hole for the basin."""
    left, right = sink_x - basin / 2 - start, start + counter - sink_x - basin / 2
    z, thick = _COUNTER_M - 0.04, 0.04
    return [
        box(left, _DEPTH_M, thick, 0.008).moved(start + left / 2, 0, z),
        box(right, _DEPTH_M, thick, 0.008).moved(start + counter - right / 2, 0, z),
        box(basin, 0.11, thick, 0.008).moved(sink_x, -_DEPTH_M / 2 + 0.055, z),
        box(basin, 0.13, thick, 0.008).moved(sink_x, _DEPTH_M / 2 - 0.065, z),
    ]


def _wall_units(
    shop: Workshop, front: int, start: float, count: int, each: float, oven_at: int
) -> list[Item]:
    doors = []
    for unit in range(count):
        if unit == oven_at:
            hood = box(each - 0.04, 0.4, 0.12, 0.02, 2).moved(
                start + (unit + 0.5) * each, _DEPTH_M / 2 - 0.2, 1.6
            )
            flue = box(0.24, 0.24, 0.5).moved(start + (unit + 0.5) * each, _DEPTH_M / 2 - 0.13, 1.7)
            parts = Item(((joined([hood, flue]), shop.material("steel")),))
            continue
        x, y = start + (unit + 0.5) * each, _DEPTH_M / 2 - 0.17
        doors.append(box(each - 0.004, 0.32, 0.7, 0.004).moved(x, y + 0.01, 1.45))
        doors.append(box(each - 0.01, 0.02, 0.69, 0.005).moved(x, y - 0.17, 1.455))
    return [Item(((joined(doors), front),)), parts]


def _on_counter(shop: Workshop, free: list[float]) -> list[Item]:
    makers = [microwave, toaster, bottle, bowl_of_fruit, vase, cup, potted_plant, plate]
    must = list(makers[:3])
    things = []
    for number, x in enumerate(free):
        make = must[number] if number < len(must) else makers[shop.whole(2, len(makers) - 1)]
        things.append(make(shop).placed(x, shop.between(0.05, 0.1), _COUNTER_M, shop.between(-0.15, 0.15)))
        if make is not microwave and shop.chance(0.6):
            extra = [bottle, cup, plate][shop.whole(0, 2)](shop)
            things.append(extra.placed(x + shop.between(0.2, 0.24), -0.02, _COUNTER_M))
    return things


def oven(shop: Workshop, wide: float) -> Item:
    """A cooker: glass door, knobs, and a hob with four plates on top."""
    body, dark = shop.material("white goods"), shop.material("black")
    front = -_DEPTH_M / 2
    shell = box(wide, _DEPTH_M - 0.04, _COUNTER_M - 0.012, 0.006).moved(0, 0.02)
    door = box(wide - 0.06, 0.03, 0.48, 0.012, 2).moved(0, front + 0.02, 0.2)
    window = panel([-wide / 2 + 0.08, front + 0.0035, 0.26], [wide - 0.16, 0, 0], [0, 0, 0.32])
    grip = tube([[-wide / 2 + 0.06, front - 0.03, 0.7], [wide / 2 - 0.06, front - 0.03, 0.7]], 0.01, 8)
    knobs = [
        cylinder(0.02, 0.03, 14).rotated(0, np.pi / 2).moved(x, front + 0.04, 0.8)
        for x in np.linspace(-wide / 2 + 0.08, wide / 2 - 0.08, 5)
    ]
    hob = box(wide, _DEPTH_M - 0.06, 0.014, 0.004).moved(0, 0.0, _COUNTER_M - 0.012)
    plates = [disc(r, _COUNTER_M + 0.004, True, 24).moved(x, y) for x, y, r in _hob_places(wide)]
    pieces = (
        (joined([shell, door]), body),
        (joined([window, hob]), dark),
        (joined([grip, *knobs]), shop.material("chrome")),
        (joined(plates), shop.material("paint")),
    )
    return Item(pieces, Semantic.OVEN, ObjectClass.STOVE, wide, _DEPTH_M, _COUNTER_M)


def _hob_places(wide: float) -> list[tuple[float, float, float]]:
    x, y = wide * 0.24, 0.13
    return [(-x, -y, 0.09), (x, -y, 0.075), (-x, y, 0.075), (x, y, 0.1)]


def kitchen_sink(shop: Workshop) -> Item:
    """A steel basin let into a worktop, with a tap; z = 0 is the worktop's face."""
    wide, deep, low = 0.5, 0.38, 0.16
    steel = shop.material("steel")
    inner = [
        panel([-wide / 2, -deep / 2, -low], [wide, 0, 0], [0, deep, 0]),
        panel([-wide / 2, -deep / 2, -low], [0, deep, 0], [0, 0, low]),
        panel([wide / 2, deep / 2, -low], [0, -deep, 0], [0, 0, low]),
        panel([-wide / 2, deep / 2, -low], [wide, 0, 0], [0, 0, low]),
        panel([wide / 2, -deep / 2, -low], [-wide, 0, 0], [0, 0, low]),
    ]
    rim = [
        box(wide + 0.04, 0.02, 0.008).moved(0, s * (deep / 2 + 0.005)) for s in (-1, 1)
    ] + [box(0.02, deep, 0.008).moved(s * (wide / 2 + 0.005)) for s in (-1, 1)]  # fmt: skip
    basin = joined([*inner, *rim, disc(0.03, -low + 0.002, True, 16)]).moved(y=-0.01)
    pieces = ((basin, steel), (_tap(0.24, 0.17).moved(y=deep / 2 + 0.03), shop.material("chrome")))
    return Item(pieces, Semantic.SINK, ObjectClass.WASHBASIN, wide, deep, 0.3)


def _tap(high: float, reach: float) -> Shape:
    curve = [
        [0, 0, 0.0],
        [0, 0, high * 0.8],
        [0, -reach * 0.25, high],
        [0, -reach * 0.75, high],
        [0, -reach, high * 0.75],
    ]
    lever = tube([[0, 0, high * 0.35], [0.07, 0, high * 0.5]], 0.007, 6)
    return joined([tube(curve, 0.012, 10), cylinder(0.025, 0.03, 14), lever])


def refrigerator(shop: Workshop, wide: float) -> Item:
    """A tall refrigerator with a freezer door."""
    high, deep = shop.between(1.7, 1.95), 0.66
    body = shop.material("white goods")
    split = high * shop.between(0.32, 0.4)
    doors = joined(
        [
            box(wide, 0.06, split - 0.06, 0.015, 2).moved(0, -deep / 2 + 0.03, 0.05),
            box(wide, 0.06, high - split - 0.01, 0.015, 2).moved(0, -deep / 2 + 0.03, split),
        ]
    )
    shell = box(wide, deep - 0.065, high, 0.01).moved(0, 0.0325)
    grips = joined(
        [
            tube(
                [[-wide / 2 + 0.07, -deep / 2 - 0.035, low], [-wide / 2 + 0.07, -deep / 2 - 0.035, top]],
                0.012,
                8,
            )
            for low, top in ((split - 0.4, split - 0.08), (split + 0.08, split + 0.5))
        ]
    )
    pieces = ((joined([doors, shell]), body), (grips, shop.material("chrome")))
    return Item(pieces, Semantic.REFRIGERATOR, ObjectClass.REFRIGERATOR, wide, deep, high)


def microwave(shop: Workshop) -> Item:
    """A microwave oven with a dark door and a row of buttons."""
    wide, deep, high = 0.48, 0.34, 0.28
    body = box(wide, deep, high, 0.012, 2).moved(z=0.01)
    door = panel([-wide / 2 + 0.03, -deep / 2 - 0.001, 0.05], [wide * 0.62, 0, 0], [0, 0, high - 0.08])
    side = panel([wide * 0.24, -deep / 2 - 0.001, 0.05], [wide * 0.2, 0, 0], [0, 0, high - 0.08])
    grip = tube(
        [[wide * 0.2, -deep / 2 - 0.025, 0.07], [wide * 0.2, -deep / 2 - 0.025, high - 0.05]], 0.008, 8
    )
    knob = cylinder(0.02, 0.02, 14).rotated(0, np.pi / 2).moved(wide * 0.34, -deep / 2, 0.09)
    pieces = (
        (body, shop.material("white goods")),
        (joined([door, side]), shop.material("black")),
        (joined([grip, knob]), shop.material("chrome")),
    )
    return Item(pieces, Semantic.MICROWAVE, ObjectClass.MICROWAVE, wide, deep, high)


def toaster(shop: Workshop) -> Item:
    """A rounded toaster with two slots and a lever."""
    body = box(0.3, 0.19, 0.2, 0.055, 4).moved(z=0.012)
    slots = joined([panel([-0.1, y - 0.014, 0.2125], [0.2, 0, 0], [0, 0.028, 0]) for y in (-0.035, 0.035)])
    lever = box(0.02, 0.04, 0.018, 0.006).moved(0.158, 0, 0.13)
    feet = box(0.26, 0.15, 0.014)
    dark = shop.material("black")
    skin = shop.material("steel") if shop.chance(0.5) else shop.material("glaze")
    return Item(
        ((body, skin), (joined([slots, lever, feet]), dark)),
        Semantic.TOASTER,
        ObjectClass.TOASTER,
        0.32,
        0.19,
        0.22,
    )


def toilet(shop: Workshop) -> Item:
    """A toilet with cistern, bowl and lid."""
    white = shop.material("porcelain")
    tank = box(0.38, 0.18, 0.36, 0.035, 3).moved(0, 0.25, 0.4)
    lid_of_tank = box(0.4, 0.2, 0.03, 0.012, 2).moved(0, 0.25, 0.76)
    outside = spline([[0.11, 0.0], [0.1, 0.1], [0.13, 0.22], [0.19, 0.36], [0.2, 0.4]], 14)
    inside = spline([[0.165, 0.4], [0.14, 0.3], [0.06, 0.2], [0.001, 0.18]], 10)
    bowl = turned_on_lathe([outside, [[0.2, 0.4], [0.165, 0.4]], inside], 28)
    seat = turned_on_lathe(
        [[[0.21, 0.405], [0.21, 0.425]], [[0.21, 0.425], [0.15, 0.425]], [[0.15, 0.425], [0.15, 0.405]]], 28
    )
    neck = box(0.22, 0.24, 0.4, 0.05, 3).moved(0, 0.12)
    lid = cylinder(0.205, 0.02, 28).moved(0, 0, -0.01).rotated(0, np.pi / 2 + 0.15).moved(0, 0.125, 0.63)
    button = cylinder(0.025, 0.01, 16).moved(0, 0.25, 0.79)
    pieces = (
        (joined([tank, lid_of_tank, bowl.moved(y=-0.08), neck]), white),
        (joined([seat.moved(y=-0.08), lid]), white),
        (button, shop.material("chrome")),
    )
    return Item(pieces, Semantic.TOILET, ObjectClass.TOILET_SEAT, 0.42, 0.72, 0.82)


def washbasin(shop: Workshop) -> Item:
    """A basin on a cupboard or a foot, with a mirror above."""
    white, wide, deep = shop.material("porcelain"), shop.between(0.6, 0.8), 0.46
    outside = spline([[0.08, 0.0], [0.17, 0.05], [0.21, 0.14]], 12)
    inside = spline([[0.2, 0.14], [0.16, 0.06], [0.03, 0.02], [0.001, 0.02]], 12)
    bowl = turned_on_lathe([outside, [[0.21, 0.14], [0.2, 0.14]], inside], 32).moved(0, -0.02, 0.82)
    tap = _tap(0.26, 0.14).moved(0, 0.19, 0.82)
    cupboard, slab = shop.material("wood"), shop.material("stone")
    unit = joined(
        [box(wide, deep - 0.03, 0.7, 0.006).moved(0, 0.015, 0.09)]
        + [
            box(wide / 2 - 0.01, 0.018, 0.66, 0.005).moved(s * wide / 4, -deep / 2 + 0.01, 0.11)
            for s in (-1, 1)
        ]
    )
    counter = box(wide + 0.03, deep + 0.01, 0.03, 0.008).moved(z=0.79)
    frame = box(wide - 0.04, 0.02, 0.8, 0.006).moved(0, deep / 2 - 0.012, 1.1)
    glass = panel([-wide / 2 + 0.04, deep / 2 - 0.023, 1.12], [wide - 0.08, 0, 0], [0, 0, 0.76])
    parts = [
        Item(((frame, shop.material("paint")), (glass, shop.material("mirror")))),
        bottle(shop).placed(wide / 2 - 0.07, 0.08, 0.82),
        cup(shop).placed(-wide / 2 + 0.07, 0.1, 0.82),
    ]
    sink = Item(((bowl, white), (tap, shop.material("chrome"))), Semantic.SINK, ObjectClass.WASHBASIN)
    pieces = ((unit, cupboard), (counter, slab))
    return Item(pieces, wide=wide, deep=deep, high=1.9, parts=(sink, *parts))


def bathtub(shop: Workshop, long: float) -> Item:
    """A built-in bathtub along a wall, sometimes with a shower curtain."""
    white, wide, high, rim = shop.material("porcelain"), 0.75, 0.56, 0.07
    outer = [
        panel([-long / 2, -wide / 2, 0], [long, 0, 0], [0, 0, high]),
        panel([long / 2, -wide / 2, 0], [0, wide, 0], [0, 0, high]),
        panel([-long / 2, wide / 2, 0], [0, -wide, 0], [0, 0, high]),
    ]
    edges = [box(long, rim, 0.03, 0.013, 2).moved(0, s * (wide / 2 - rim / 2), high - 0.02) for s in (-1, 1)]
    edges += [box(rim, wide, 0.03, 0.013, 2).moved(s * (long / 2 - rim / 2), 0, high - 0.02) for s in (-1, 1)]
    a, b = long / 2 - rim, wide / 2 - rim
    low = 0.12
    inner = [
        panel([-a, -b, low], [2 * a, 0, 0], [0, 2 * b, 0]),
        panel([a, -b, low], [-2 * a, 0, 0], [0, 0, high - low]),
        panel([-a, b, low], [2 * a, 0, 0], [0, 0, high - low]),
        panel([-a, -b, low], [0, 2 * b, 0], [0, 0, high - low]),
        panel([a, b, low], [0, -2 * b, 0], [0, 0, high - low]),
    ]
    tap = _tap(0.16, 0.14).rotated(2, np.pi / 2).moved(-long / 2 + 0.05, 0, high)
    parts = []
    if shop.chance(0.6):
        sheet = curtain(shop.random, long * 0.45, 1.75, 7).moved(long * 0.26, -wide / 2 + 0.02, 0.2)
        rod = tube([[-long / 2, -wide / 2 + 0.02, 1.97], [long / 2, -wide / 2 + 0.02, 1.97]], 0.012, 8)
        parts.append(
            Item(
                ((sheet, shop.material("curtain")), (rod, shop.material("chrome"))),
                object_class=ObjectClass.SHOWER_CURTAIN,
            )
        )
    pieces = ((joined([*outer, *edges, *inner]), white), (tap, shop.material("chrome")))
    return Item(pieces, object_class=ObjectClass.BATHTUB, wide=long, deep=wide, high=high, parts=tuple(parts))


def towel_rail(shop: Workshop) -> Item:
    """A towel on a rail on the wall at y = 0; the rail is at z = 0."""
    rail = tube([[-0.3, -0.07, 0], [0.3, -0.07, 0]], 0.01, 8)
    posts = joined([tube([[s * 0.28, 0, 0], [s * 0.28, -0.07, 0]], 0.008, 8) for s in (-1, 1)])
    cloth = joined(
        [
            rumpled(wavy_sheet(0.4, 0.55, 0.008, 3), shop.random, 4.0, 0.16).moved(0, -0.085, -0.54),
            box(0.4, 0.045, 0.012, 0.005).moved(0, -0.07, 0.004),
        ]
    )
    towel = Item(((cloth, shop.material("linen")),), object_class=ObjectClass.BATH_TOWEL)
    return Item(
        ((joined([rail, posts]), shop.material("chrome")),), wide=0.6, deep=0.1, high=0.6, parts=(towel,)
    )


def washing_machine(shop: Workshop) -> Item:
    """A front loader."""
    body = box(0.6, 0.56, 0.85, 0.012, 2)
    ring = turned_on_lathe(
        [[[0.19, 0.0], [0.19, 0.03]], spline([[0.19, 0.03], [0.17, 0.045], [0.14, 0.03]], 8)], 28
    )
    glass = revolved(spline([[0.14, 0.03], [0.09, 0.045], [0.001, 0.05]], 8), 28)
    stand = [shape.rotated(0, np.pi / 2).moved(0, -0.28, 0.45) for shape in (ring, glass)]
    strip = panel([-0.28, -0.2815, 0.72], [0.56, 0, 0], [0, 0, 0.1])
    pieces = (
        (body, shop.material("porcelain")),
        (stand[0], shop.material("chrome")),
        (joined([stand[1], strip]), shop.material("black")),
    )
    return Item(pieces, object_class=ObjectClass.WASHING_MACHINE, wide=0.6, deep=0.58, high=0.85)


def radiator(shop: Workshop, wide: float) -> Item:
    """A ribbed radiator that hangs on the wall at y = 0."""
    ribs = [
        box(0.05, 0.09, 0.55, 0.02, 2).moved(x, -0.065, 0.12)
        for x in np.arange(-wide / 2 + 0.03, wide / 2, 0.065)
    ]
    x = wide / 2 + 0.03
    pipes = [
        tube([[s * wide / 2, -0.065, z], [s * x, -0.065, z], [s * x, -0.03, 0.0]], 0.011, 8)
        for s, z in ((-1, 0.17), (1, 0.6))
    ]
    pipes.append(tube([[-wide / 2, -0.065, 0.62], [wide / 2, -0.065, 0.62]], 0.02, 10))
    valve = ellipsoid(0.022, 0.03, 14).moved(x, -0.065, 0.6)
    return Item(
        ((joined([*ribs, *pipes, valve]), shop.material("porcelain")),),
        object_class=ObjectClass.RADIATOR,
        wide=wide,
        deep=0.12,
        high=0.7,
    )


def ceiling_globe(shop: Workshop, radius: float) -> Shape:
    """A hanging globe or bowl about the origin."""
    return ellipsoid(radius, radius * shop.between(0.6, 1.0), 22)
