"""Furniture: seats, tables, beds and storage."""

import numpy as np

from lightning_taskonomy.synthetic.rooms.cloth import rumpled, throw
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
    tube,
)
from lightning_taskonomy.synthetic.rooms.small_objects import (
    alarm_clock,
    bottle,
    bowl_of_fruit,
    cup,
    fitted,
    pillow,
    plate,
    stacked_books,
    standing_books,
    table_lamp,
    vase,
)


def legs(wide: float, deep: float, high: float, thick: float, round_legs: bool) -> Shape:
    """Four legs under a rectangle."""
    leg = cylinder(thick / 2 * 0.7, high, 12, thick / 2) if round_legs else box(thick, thick, high, 0.004)
    x, y = wide / 2 - thick / 2, deep / 2 - thick / 2
    return joined([leg.moved(sx * x, sy * y) for sx in (-1, 1) for sy in (-1, 1)])


def chair(shop: Workshop) -> Item:
    """A dining chair with a back of slats, or an upholstered one."""
    wide, deep, seat, back = (shop.between(*r) for r in ((0.4, 0.46), (0.4, 0.46), (0.43, 0.47), (0.4, 0.52)))
    frame = shop.material("wood") if shop.chance(0.7) else shop.material("paint")
    soft = shop.chance(0.5)
    pieces: list[tuple[Shape, int]] = [
        (legs(wide, deep, seat - 0.03, 0.04, shop.chance(0.5)), frame),
        (box(wide, deep, 0.035, 0.012, 2).moved(z=seat - 0.035), frame),
    ]
    if soft:
        pad = rumpled(box(wide * 0.95, deep * 0.92, 0.06, 0.028, 3), shop.random, 3.0, 0.18)
        pieces.append((pad.moved(z=seat), shop.material("cushion")))
    lean = 0.12
    posts = [
        box(0.035, 0.03, back + 0.04, 0.008)
        .rotated(0, -lean)
        .moved(s * (wide / 2 - 0.02), deep / 2 - 0.02, seat - 0.03)
        for s in (-1, 1)
    ]
    slats = [
        box(wide - 0.04, 0.02, back * share, 0.008)
        .moved(z=z)
        .rotated(0, -lean)
        .moved(0, deep / 2 - 0.02, seat - 0.03)
        for z, share in _slat_rows(back, shop)
    ]
    pieces.append((joined([*posts, *slats]), frame))
    return Item(tuple(pieces), Semantic.CHAIR, ObjectClass.FOLDING_CHAIR, wide, deep + 0.08, seat + back)


def _slat_rows(back: float, shop: Workshop) -> list[tuple[float, float]]:
    if shop.chance(0.4):
        return [(back * 0.25, 0.8)]
    return [(back * z, 0.16) for z in (0.35, 0.6, 0.86)]


def office_chair(shop: Workshop) -> Item:
    """A swivel chair on five feet with castors."""
    cover, metal = shop.material("fabric"), shop.material("black")
    feet = []
    for number in range(5):
        turn = number * 2 * np.pi / 5
        tip = [0.28 * np.cos(turn), 0.28 * np.sin(turn), 0.07]
        feet += [tube([[0, 0, 0.1], tip], 0.018, 6), ellipsoid(0.03, 0.03, 10).moved(tip[0], tip[1], 0.03)]
    stem = cylinder(0.025, 0.36, 10).moved(z=0.08)
    arms = joined([box(0.05, 0.28, 0.03, 0.012, 2).moved(s * 0.27, 0.0, 0.64) for s in (-1, 1)])
    posts = joined([box(0.025, 0.04, 0.22, 0.006).moved(s * 0.27, 0.04, 0.43) for s in (-1, 1)])
    seat = rumpled(box(0.5, 0.48, 0.1, 0.045, 3), shop.random, 2.0, 0.3).moved(z=0.42)
    back = rumpled(box(0.46, 0.09, 0.6, 0.04, 3), shop.random, 2.0, 0.3)
    back = back.rotated(0, -0.12).moved(0, 0.24, 0.52)
    pieces = ((joined([*feet, stem, arms, posts]), metal), (joined([seat, back]), cover))
    return Item(pieces, Semantic.CHAIR, ObjectClass.ROCKING_CHAIR, 0.62, 0.62, 1.12)


def sofa(shop: Workshop, seats: int) -> Item:
    """A couch, or with one seat an armchair, which is labelled as a chair."""
    cover, accent = shop.material("fabric"), shop.material("cushion")
    arm, each, deep = shop.between(0.14, 0.22), shop.between(0.58, 0.7), shop.between(0.85, 0.98)
    wide = seats * each + 2 * arm
    seat, back, arm_high = shop.between(0.4, 0.45), shop.between(0.75, 0.88), shop.between(0.55, 0.65)
    bodies = [
        box(wide - 0.02, deep - 0.04, 0.22, 0.03, 2).moved(z=0.09),
        box(wide - 0.06, 0.2, back - 0.1, 0.08, 3).moved(0, deep / 2 - 0.1, 0.1),
    ]
    bodies += [
        box(arm, deep, arm_high - 0.08, 0.06, 3).moved(s * (wide / 2 - arm / 2), 0, 0.08) for s in (-1, 1)
    ]
    soft = []
    for number in range(seats):
        x = (number - (seats - 1) / 2) * each
        seat_pad = rumpled(box(each - 0.01, deep - 0.24, 0.17, 0.06, 3), shop.random, 2.5, 0.25)
        back_pad = rumpled(box(each - 0.02, 0.18, 0.42, 0.075, 3), shop.random, 3.5, 0.22)
        soft.append(seat_pad.moved(x, -0.1, seat - 0.14))
        soft.append(back_pad.rotated(0, -0.16).moved(x, deep / 2 - 0.3, seat))
    feet = legs(wide - 0.1, deep - 0.1, 0.1, 0.05, True)
    parts = []
    for s in (-1, 1):
        if shop.chance(0.55):
            cushion = pillow(shop, accent, 0.42, 0.42, 0.14)
            shape, material = cushion.pieces[0]
            stood = shape.moved(z=-0.07).rotated(0, 1.2).rotated(2, s * -0.25)
            x = s * (wide / 2 - arm - 0.26) * (1 if seats > 1 else 0)
            parts.append(
                Item(
                    ((stood.moved(x, deep / 2 - 0.46, seat + 0.25), material),),
                    cushion.semantic,
                    cushion.object_class,
                )
            )
        if seats == 1:
            break
    if seats > 1 and shop.chance(0.5):
        blanket = throw(shop, shop.between(0.5, 0.8), deep * 0.5, seat * 0.7)
        parts.append(blanket.placed(shop.between(-0.3, 0.3) * each, -deep / 2 - 0.005, seat + 0.035))
    stuffed = rumpled(joined(bodies), shop.random, 1.2, 0.3)
    pieces = ((joined([stuffed, *soft]), cover), (feet, shop.material("wood")))
    if seats == 1:
        return Item(pieces, Semantic.CHAIR, ObjectClass.ROCKING_CHAIR, wide, deep, back, tuple(parts))
    return Item(pieces, Semantic.COUCH, ObjectClass.STUDIO_COUCH, wide, deep, back, tuple(parts))


def table(
    shop: Workshop, wide: float, deep: float, high: float, semantic: Semantic, kind: ObjectClass
) -> Item:
    """A table with four legs and an apron."""
    top, thick = shop.material("wood"), shop.between(0.025, 0.045)
    frame = top if shop.chance(0.6) else shop.material("paint")
    apron = joined(
        [box(wide - 0.1, 0.02, 0.08).moved(0, s * (deep / 2 - 0.06), high - thick - 0.08) for s in (-1, 1)]
        + [box(0.02, deep - 0.1, 0.08).moved(s * (wide / 2 - 0.06), 0, high - thick - 0.08) for s in (-1, 1)]
    )
    pieces = (
        (box(wide, deep, thick, 0.012, 2).moved(z=high - thick), top),
        (joined([legs(wide - 0.06, deep - 0.06, high - thick, 0.07, shop.chance(0.5)), apron]), frame),
    )
    return Item(pieces, semantic, kind, wide, deep, high)


def round_table(shop: Workshop, radius: float, high: float, semantic: Semantic, kind: ObjectClass) -> Item:
    """A round table on one foot."""
    material = shop.material("wood")
    foot = joined(
        [cylinder(radius * 0.5, 0.04, 24, radius * 0.4), cylinder(0.05, high - 0.06, 14).moved(z=0.03)]
    )
    pieces = ((cylinder(radius, 0.035, 32).moved(z=high - 0.035), material), (foot, material))
    return Item(pieces, semantic, kind, 2 * radius, 2 * radius, high)


def dining_set(shop: Workshop, seats: int) -> Item:
    """A laid dining table with chairs around it, as one item."""
    round_one = seats <= 4 and shop.chance(0.4)
    wide, deep = (1.1, 1.1) if round_one else (0.62 * max(seats // 2, 1) + 0.3, shop.between(0.8, 0.95))
    kinds = (Semantic.DINING_TABLE, ObjectClass.DINING_TABLE)
    top = round_table(shop, 0.55, 0.74, *kinds) if round_one else table(shop, wide, deep, 0.75, *kinds)
    model_state = shop.random.bit_generator.state
    places = []
    for number in range(seats):
        if round_one:
            turn = number * 2 * np.pi / seats
            x, y, angle = 0.72 * np.sin(turn), 0.72 * np.cos(turn), -turn
        else:
            row = number % 2
            x = ((number // 2) - (seats // 2 - 1) / 2) * 0.62
            y, angle = (1 if row else -1) * (deep / 2 + 0.12), 0.0 if row else np.pi
        places.append((x, y, angle))
    parts = []
    for x, y, angle in places:
        shop.random.bit_generator.state = model_state  # all chairs of a set are equal
        seat = chair(shop)
        parts.append(seat.placed(x, y, 0.0, angle))
    things = []
    for x, y, angle in places:
        if shop.chance(0.5):
            things.append(plate(shop).placed(x * 0.55, y * 0.5, top.high))
        if shop.chance(0.4):
            things.append(cup(shop).placed(x * 0.55 + 0.16, y * 0.45, top.high, angle))
    centre = [vase, bottle, bowl_of_fruit, potted_plant][shop.whole(0, 3)](shop)
    things.append(centre.placed(0, 0, top.high))
    if shop.chance(0.6):
        things.append(bottle(shop).placed(shop.between(-0.3, -0.15), shop.between(-0.1, 0.1), top.high))
    reach = 0.62
    return Item(
        (),
        wide=wide + (reach if round_one else 0.1),
        deep=deep + 2 * reach * 0.8,
        high=0.95,
        parts=(top.with_parts(*things), *parts),
    )


def coffee_table(shop: Workshop) -> Item:
    """A low table with things on it."""
    wide, deep, high = shop.between(0.8, 1.15), shop.between(0.5, 0.65), shop.between(0.36, 0.44)
    low = table(shop, wide, deep, high, Semantic.BACKGROUND, ObjectClass.DESK)
    parts = [stacked_books(shop).placed(-wide * 0.25, 0.0, high, shop.between(-0.5, 0.5))]
    parts.append([vase, bowl_of_fruit, potted_plant][shop.whole(0, 2)](shop).placed(wide * 0.22, 0.05, high))
    if shop.chance(0.5):
        parts.append(cup(shop).placed(0.0, -deep * 0.3, high, shop.between(0, 6)))
    return low.with_parts(*parts)


def bed(shop: Workshop, double: bool) -> Item:
    """A bed with mattress, quilt and pillows."""
    wide, deep = (shop.between(1.45, 1.8), 2.1) if double else (shop.between(0.9, 1.05), 2.0)
    frame, linen, quilt = shop.material("wood"), shop.material("linen"), shop.material("fabric")
    base = box(wide, deep, 0.2, 0.015).moved(z=0.12)
    head = box(wide + 0.06, 0.07, shop.between(0.85, 1.15), 0.03, 2).moved(0, deep / 2 - 0.035)
    mattress = rumpled(box(wide - 0.04, deep - 0.1, 0.22, 0.06, 3), shop.random, 1.2, 0.35).moved(
        0, -0.03, 0.31
    )
    cover = rumpled(box(wide + 0.03, deep * 0.66, 0.28, 0.06, 3), shop.random, 3.5, 0.24)
    cover = cover.moved(0, -deep * 0.165 - 0.01, 0.305)
    fold = rumpled(box(wide + 0.04, 0.28, 0.06, 0.028, 2), shop.random, 3.0, 0.2)
    fold = fold.moved(0, deep * 0.14, 0.555)
    parts = [
        Item(((cover, quilt),), Semantic.BED, ObjectClass.QUILT),
        Item(((fold, linen),), Semantic.BED, ObjectClass.QUILT),
    ]
    for x in (-wide / 4, wide / 4) if double else (0.0,):
        sleeping = pillow(shop, linen, min(0.62, wide / 2 - 0.06), 0.4, 0.15)
        tilted = tuple((shape.rotated(0, 0.25), material) for shape, material in sleeping.pieces)
        parts.append(Item(tilted, Semantic.BED, ObjectClass.PILLOW).placed(x, deep / 2 - 0.32, 0.56))
    pieces = (
        (joined([base, head, legs(wide - 0.1, deep - 0.1, 0.13, 0.07, False)]), frame),
        (mattress, linen),
    )
    return Item(pieces, Semantic.BED, ObjectClass.FOUR_POSTER, wide + 0.06, deep, 1.1, tuple(parts))


def drawers(shop: Workshop, wide: float, deep: float, high: float, rows: int, columns: int = 1) -> Item:
    """A chest of drawers with knobs."""
    body, front = shop.material("wood"), shop.material("wood") if shop.chance(0.6) else shop.material("paint")
    knob = shop.material("chrome")
    pieces: list[tuple[Shape, int]] = [(box(wide, deep - 0.02, high, 0.01).moved(0, 0.01), body)]
    fronts, knobs = [], []
    cell_wide, cell_high = wide / columns, (high - 0.06) / rows
    for row in range(rows):
        for column in range(columns):
            x, z = (column + 0.5) * cell_wide - wide / 2, 0.03 + row * cell_high
            fronts.append(box(cell_wide - 0.02, 0.02, cell_high - 0.015, 0.006).moved(x, -deep / 2 + 0.01, z))
            knobs.append(ellipsoid(0.014, 0.014, 10).moved(x, -deep / 2 - 0.012, z + cell_high / 2))
    pieces += [(joined(fronts), front), (joined(knobs), knob)]
    return Item(tuple(pieces), Semantic.BACKGROUND, ObjectClass.CHEST_OF_DRAWERS, wide, deep, high)


def nightstand(shop: Workshop) -> Item:
    """A bedside chest with a lamp, books or a clock."""
    stand = drawers(shop, 0.45, 0.4, 0.5, 2)
    things = [table_lamp(shop).placed(0.06, 0.05, 0.5)]
    if shop.chance(0.5):
        things.append(alarm_clock(shop).placed(-0.13, -0.08, 0.5, shop.between(-0.4, 0.4)))
    else:
        things.append(stacked_books(shop).placed(-0.09, -0.04, 0.5))
    return stand.with_parts(*things)


def chest_with_things(shop: Workshop) -> Item:
    """A chest of drawers with vases, plants or a lamp on it."""
    wide, high = shop.between(0.9, 1.3), shop.between(0.75, 0.95)
    chest = drawers(shop, wide, 0.45, high, 3, 2)
    makers = [vase, potted_plant, table_lamp, alarm_clock, stacked_books]
    chosen = shop.random.permutation(len(makers))[:3]
    return chest.with_parts(
        *(
            makers[k](shop).placed((n - 1) * wide * 0.32, shop.between(-0.06, 0.06), high)
            for n, k in enumerate(chosen)
        )
    )


def wardrobe(shop: Workshop) -> Item:
    """A tall cupboard with two or three doors."""
    doors, high, deep = shop.whole(2, 3), shop.between(1.9, 2.2), 0.58
    wide = doors * shop.between(0.45, 0.55)
    body = shop.material("wood") if shop.chance(0.6) else shop.material("paint")
    each = wide / doors
    fronts = joined(
        [
            box(each - 0.008, 0.022, high - 0.1, 0.006).moved(
                (n + 0.5) * each - wide / 2, -deep / 2 + 0.011, 0.07
            )
            for n in range(doors)
        ]
    )
    grips = joined(
        [
            tube([[x, -deep / 2 - 0.03, 0.95], [x, -deep / 2 - 0.03, 1.2]], 0.008, 8)
            for x in ((n + 0.88) * each - wide / 2 for n in range(doors))
        ]
    )
    pieces = (
        (box(wide, deep - 0.022, high, 0.008).moved(0, 0.011), body),
        (fronts, body),
        (grips, shop.material("chrome")),
    )
    return Item(pieces, Semantic.BACKGROUND, ObjectClass.WARDROBE, wide, deep, high)


def bookcase(shop: Workshop) -> Item:
    """Open shelves, filled with books and a few ornaments."""
    wide, deep, shelves = shop.between(0.8, 1.2), 0.3, shop.whole(4, 6)
    each = 0.36
    high = shelves * each + 0.08
    body = shop.material("wood") if shop.chance(0.7) else shop.material("paint")
    boards = [box(wide, deep, 0.022).moved(z=0.05 + n * each) for n in range(shelves + 1)]
    sides = [box(0.022, deep, high).moved(s * (wide / 2 - 0.011)) for s in (-1, 1)]
    back = [panel([-wide / 2, deep / 2 - 0.008, 0.05], [wide, 0, 0], [0, 0, high - 0.05])]
    parts = []
    for n in range(shelves):
        z = 0.072 + n * each
        if shop.chance(0.75):
            row = standing_books(shop, wide - 0.1)
            parts.append(row.placed(0.0, 0.02, z))
            if row.pieces and shop.chance(0.4):
                parts.append(_ornament(shop).placed(wide / 2 - 0.14, 0.0, z))
        else:
            parts.append(_ornament(shop).placed(-wide / 4, 0.0, z))
            parts.append(stacked_books(shop).placed(wide / 5, 0.0, z, np.pi / 2))
    return Item(
        ((joined([*boards, *sides, *back]), body),),
        Semantic.BACKGROUND,
        ObjectClass.BOOKCASE,
        wide,
        deep,
        high,
        tuple(parts),
    )


def _ornament(shop: Workshop) -> Item:
    return [vase, bottle, alarm_clock, cup][shop.whole(0, 3)](shop)


def television(shop: Workshop, wide: float) -> Item:
    """A flat screen on a foot."""
    high = wide * 9 / 16
    frame = joined(
        [
            box(wide, 0.045, high, 0.012).moved(z=0.09),
            box(wide * 0.35, 0.2, 0.015, 0.005),
            box(0.08, 0.03, 0.1).moved(0, 0.02),
        ]
    )
    front = fitted(
        panel([-wide / 2 + 0.015, -0.0235, 0.105], [wide - 0.03, 0, 0], [0, 0, high - 0.03]),
        wide - 0.03,
        high - 0.03,
    )
    kind = ObjectClass.TELEVISION if wide > 0.7 else ObjectClass.MONITOR
    pieces = ((frame, shop.material("black")), (front, shop.material("screen")))
    return Item(pieces, Semantic.TV, kind, wide, 0.2, high + 0.09)


def media_unit(shop: Workshop) -> Item:
    """A low cupboard with a television and things beside it."""
    wide = shop.between(1.4, 1.9)
    unit = drawers(shop, wide, 0.42, 0.48, 1, 3)
    parts = [television(shop, shop.between(0.9, 1.25)).placed(0, 0.02, 0.48)]
    if shop.chance(0.7):
        parts.append(vase(shop).placed(wide / 2 - 0.14, -0.05, 0.48))
    if shop.chance(0.5):
        parts.append(stacked_books(shop).placed(-wide / 2 + 0.16, -0.05, 0.48))
    return Item(unit.pieces, unit.semantic, ObjectClass.ENTERTAINMENT_CENTER, wide, 0.42, 1.2, tuple(parts))


def desk(shop: Workshop) -> Item:
    """A desk with a screen, a keyboard, a lamp and books."""
    wide, high = shop.between(1.2, 1.6), 0.74
    top = table(shop, wide, 0.68, high, Semantic.BACKGROUND, ObjectClass.DESK)
    keys = [box(0.44, 0.14, 0.018, 0.005).moved(0, -0.14, high)]
    keys += [box(0.4, 0.018, 0.006).moved(0, -0.14 + r * 0.026, high + 0.018) for r in (-2, -1, 0, 1, 2)]
    parts = [
        television(shop, 0.56).placed(0, 0.14, high),
        Item(((joined(keys), shop.material("black")),), Semantic.BACKGROUND, ObjectClass.COMPUTER_KEYBOARD),
        table_lamp(shop).placed(-wide / 2 + 0.18, 0.12, high),
        stacked_books(shop).placed(wide / 2 - 0.2, 0.05, high, shop.between(-0.3, 0.3)),
        cup(shop).placed(wide / 2 - 0.42, -0.1, high),
    ]
    return top.with_parts(*parts)


def rug(shop: Workshop, wide: float, deep: float) -> Item:
    """A rug with a thin edge."""
    top = fitted(panel([-wide / 2, -deep / 2, 0.012], [wide, 0, 0], [0, deep, 0]), wide, deep)
    return Item(
        ((top, shop.material("rug")), (box(wide, deep, 0.0115), shop.material("fabric"))),
        wide=wide,
        deep=deep,
        bends=True,
    )


def round_rug(shop: Workshop, radius: float) -> Item:
    """A round rug of one colour."""
    pile = ((disc(radius, 0.01, True, 32), shop.material("fabric")),)
    return Item(pile, wide=2 * radius, deep=2 * radius, bends=True)
