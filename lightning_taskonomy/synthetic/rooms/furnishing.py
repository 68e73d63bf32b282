"""The furniture and lamps of each kind of room."""

from collections.abc import Callable

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Lamp, LampKind
from lightning_taskonomy.synthetic.rooms import clutter
from lightning_taskonomy.synthetic.rooms.arrangement import Arrangement
from lightning_taskonomy.synthetic.rooms.fixtures import (
    bathtub,
    ceiling_globe,
    kitchen_run,
    radiator,
    toilet,
    towel_rail,
    washbasin,
    washing_machine,
)
from lightning_taskonomy.synthetic.rooms.floor_plan import PlannedRoom
from lightning_taskonomy.synthetic.rooms.furniture import (
    bed,
    bookcase,
    chair,
    chest_with_things,
    coffee_table,
    desk,
    dining_set,
    media_unit,
    nightstand,
    office_chair,
    round_rug,
    round_table,
    rug,
    sofa,
    wardrobe,
)
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.plants import potted_plant
from lightning_taskonomy.synthetic.rooms.shapes import Shape, box, cylinder, joined, panel
from lightning_taskonomy.synthetic.rooms.small_objects import (
    picture,
    stacked_books,
    table_lamp,
    vase,
    wall_clock,
    wastebin,
)


def furnish(
    room: PlannedRoom, shop: Workshop, daylight: bool, exchanged: Callable[[Item], Item] | None = None
) -> list[Item]:
    """Furniture, decoration and lamps of a room in world coordinates.

    Args:
        room: The room.
        shop: Materials and random generator for items.
        daylight: Whether it is day; otherwise all lamps are on.
        exchanged: Function that may replace an item before it is placed.
    """
    arrangement = Arrangement(room, shop.random, exchanged or (lambda item: item))
    KINDS[room.kind](arrangement, shop)
    _decorate(arrangement, shop)
    arrangement.items.extend(_ceiling_lights(room, shop, daylight))
    return arrangement.items


def _living_room(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    if shop.chance(0.75):
        room.underfoot(rug(shop, min(2.8, wide - 1.0), min(2.0, deep - 1.0)))
    if room.against_wall(sofa(shop, shop.whole(2, 3))) is not None:
        if shop.chance(0.4):
            room.beside_last(table_lamp(shop, tall=True), 1)
        room.in_front_of_last(coffee_table(shop), shop.between(0.35, 0.5))
    room.against_wall(media_unit(shop))
    room.against_wall(bookcase(shop), corner=True)
    room.against_wall(sofa(shop, 1), corner=True)
    room.against_wall(potted_plant(shop, tall=True), corner=True)
    if wide * deep > 18:
        room.in_the_middle(dining_set(shop, 4))
    room.against_wall(chest_with_things(shop))
    room.against_wall(table_lamp(shop, tall=True), corner=True)


def _bedroom(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    if shop.chance(0.7):
        room.underfoot(rug(shop, min(2.6, wide - 0.6), min(2.2, deep - 0.6)))
    double = min(wide, deep) > 2.6
    if room.against_wall(bed(shop, double)) is not None:
        room.beside_last(nightstand(shop), 1)
        room.beside_last(nightstand(shop), -1)
    room.against_wall(wardrobe(shop), corner=True)
    room.against_wall(chest_with_things(shop))
    if shop.chance(0.6):
        room.against_wall(chair(shop), corner=True)
    if shop.chance(0.5):
        room.against_wall(media_unit(shop))
    room.against_wall(potted_plant(shop, tall=True), corner=True)


def _childs_room(room: Arrangement, shop: Workshop) -> None:
    room.underfoot(round_rug(shop, min(1.0, min(room.room.size) * 0.3)))
    if room.against_wall(bed(shop, False), corner=True) is not None:
        room.beside_last(nightstand(shop), 1)
    if room.against_wall(desk(shop)) is not None:
        room.in_front_of_last(chair(shop), -0.25, facing_it=True)
    room.against_wall(bookcase(shop), corner=True)
    room.against_wall(chest_with_things(shop))
    for _ in range(3):
        room.anywhere(_toy_bricks(shop))
    room.anywhere(stacked_books(shop))


def _toy_bricks(shop: Workshop) -> Item:
    pieces: list[tuple[Shape, int]] = []
    for _ in range(shop.whole(3, 6)):
        side = shop.between(0.05, 0.1)
        brick = box(side, side, side, 0.006).rotated(2, shop.between(0, 1.5))
        pieces.append((brick.moved(shop.between(-0.2, 0.2), shop.between(-0.2, 0.2)), shop.material("glaze")))
    return Item(tuple(pieces), wide=0.5, deep=0.5, high=0.1)


def _kitchen(room: Arrangement, shop: Workshop) -> None:
    longest = max(room.room.size)
    for length in (min(longest - 0.05, 4.4), 3.4, 2.9, 2.55):
        if room.against_wall(kitchen_run(shop, length), corner=True) is not None:
            break
    if not room.in_the_middle(dining_set(shop, 4)):
        room.in_the_middle(dining_set(shop, 2))
    room.against_wall(chest_with_things(shop), corner=True)
    room.against_wall(wastebin(shop), corner=True)
    room.against_wall(potted_plant(shop, tall=True), corner=True)


def _dining_room(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    if shop.chance(0.5):
        room.underfoot(rug(shop, min(3.0, wide - 0.6), min(2.4, deep - 0.6)))
    for seats in (8, 6, 4, 2):
        if wide * deep > seats * 1.9 and room.in_the_middle(dining_set(shop, seats)):
            break
    room.against_wall(chest_with_things(shop))
    room.against_wall(bookcase(shop), corner=True)
    room.against_wall(potted_plant(shop, tall=True), corner=True)
    room.against_wall(vase(shop, tall=True), corner=True)


def _bathroom(room: Arrangement, shop: Workshop) -> None:
    for length in (1.75, 1.5):
        if room.against_wall(bathtub(shop, length), corner=True) is not None:
            break
    room.against_wall(toilet(shop))
    room.against_wall(washbasin(shop))
    room.on_wall(towel_rail(shop), 1.25)
    if shop.chance(0.5):
        room.against_wall(washing_machine(shop), corner=True)
    room.against_wall(potted_plant(shop, tall=shop.chance(0.5)), corner=True)
    room.against_wall(wastebin(shop), corner=True)
    if shop.chance(0.5):
        room.underfoot(round_rug(shop, 0.45))


def _home_office(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    if shop.chance(0.5):
        room.underfoot(rug(shop, min(2.4, wide - 0.8), min(1.8, deep - 0.8)))
    if room.against_wall(desk(shop)) is not None:
        room.in_front_of_last(office_chair(shop), -0.12, facing_it=True)
    room.against_wall(bookcase(shop), corner=True)
    room.against_wall(bookcase(shop))
    room.against_wall(sofa(shop, shop.whole(1, 2)))
    room.against_wall(chest_with_things(shop))
    room.against_wall(potted_plant(shop, tall=True), corner=True)
    room.against_wall(wastebin(shop), corner=True)


def _utility_room(room: Arrangement, shop: Workshop) -> None:
    room.against_wall(washing_machine(shop), corner=True)
    room.against_wall(washing_machine(shop))
    room.against_wall(bookcase(shop), corner=True)
    room.against_wall(wardrobe(shop), corner=True)
    room.against_wall(wastebin(shop), corner=True)
    room.anywhere(stacked_books(shop))


def _corridor(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    room.underfoot(rug(shop, max(wide, deep) * 0.7, min(wide, deep) * 0.5))
    room.against_wall(chest_with_things(shop))
    room.against_wall(potted_plant(shop, tall=True), corner=True)
    room.against_wall(chair(shop))
    room.against_wall(vase(shop, tall=True), corner=True)


KINDS: dict[str, Callable[[Arrangement, Workshop], None]] = {
    "living_room": _living_room,
    "bedroom": _bedroom,
    "childs_room": _childs_room,
    "kitchen": _kitchen,
    "dining_room": _dining_room,
    "bathroom": _bathroom,
    "home_office": _home_office,
    "utility_room": _utility_room,
    "corridor": _corridor,
}
"""Every kind of room by the name of its scene class."""


def _decorate(room: Arrangement, shop: Workshop) -> None:
    wide, deep = room.room.size
    for _ in range(1 if wide * deep < 9 else 2 if wide * deep < 16 else 3):
        kind = shop.whole(0, 2)
        if kind == 0:
            room.anywhere(potted_plant(shop, tall=True))
        elif kind == 1:
            stand = round_table(shop, 0.2, shop.between(0.55, 0.9), Semantic.BACKGROUND, ObjectClass.NONE)
            room.anywhere(stand.with_parts(potted_plant(shop).placed(z=stand.high)))
        else:
            room.anywhere(clutter.coat_stand(shop))
    for number in shop.random.permutation(len(clutter.MAKERS))[: shop.whole(4, 7)]:
        room.anywhere(clutter.MAKERS[int(number)](shop))
    if room.room.kind != "bathroom":
        for _ in range(shop.whole(1, 4)):
            room.on_wall(picture(shop), shop.between(1.45, 1.65))
        room.against_wall(radiator(shop, shop.between(0.6, 1.0)))
    if shop.chance(0.55):
        room.on_wall(wall_clock(shop), shop.between(1.75, 1.95))


def _ceiling_lights(room: PlannedRoom, shop: Workshop, daylight: bool) -> list[Item]:
    """One or two ceiling lamps, which may be off by day."""
    wide, deep = room.size
    middle = ((room.low[0] + room.high[0]) / 2, (room.low[1] + room.high[1]) / 2)
    places = [middle]
    if max(wide, deep) > 4.2:
        shift = max(wide, deep) / 4
        axis = 0 if wide > deep else 1
        places = [
            (middle[0] + sign * shift * (axis == 0), middle[1] + sign * shift * (axis == 1))
            for sign in (-1, 1)
        ]
    make = [_pendant, _flush_panel, _spotlight_bar][int(shop.random.choice(3, p=[0.45, 0.4, 0.15]))]
    lit = shop.chance(0.88) or not daylight
    return [make(shop, lit).placed(x, y, room.ceiling) for x, y in places]


def _warmth(shop: Workshop) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    warm = shop.between(0.0, 1.0)
    return np.array([1.0, 0.95 - 0.12 * warm, 0.88 - 0.34 * warm])


def _pendant(shop: Workshop, lit: bool) -> Item:
    radius, drop = shop.between(0.13, 0.22), shop.between(0.3, 0.55)
    globe = ceiling_globe(shop, radius).moved(z=-drop)
    cord = joined([cylinder(0.006, drop, 6).moved(z=-drop), cylinder(0.05, 0.03, 14).moved(z=-0.03)])
    power = shop.between(1.6, 2.4) * _warmth(shop)
    lamps = (
        (
            Lamp(
                LampKind.SPHERE,
                (0.0, 0.0, -drop),
                (float(power[0]), float(power[1]), float(power[2])),
                radius + 0.02,
            ),
        )
        if lit
        else ()
    )
    pieces = ((globe, shop.material("lit panel" if lit else "porcelain")), (cord, shop.material("black")))
    return Item(pieces, object_class=ObjectClass.LAMPSHADE, lamps=lamps)


def _flush_panel(shop: Workshop, lit: bool) -> Item:
    half = shop.between(0.18, 0.32)
    case = box(2 * half, 2 * half, 0.06, 0.012, 2).moved(z=-0.06)
    face = panel([-half + 0.02, -half + 0.02, -0.061], [0, 2 * half - 0.04, 0], [2 * half - 0.04, 0, 0])
    power = shop.between(1.4, 2.2) / (4 * half * half) * _warmth(shop)
    lamps = (
        (
            Lamp(
                LampKind.PANEL,
                (0.0, 0.0, -0.066),
                (float(power[0]), float(power[1]), float(power[2])),
                across=(0.0, half, 0.0),
                along=(half, 0.0, 0.0),
            ),
        )
        if lit
        else ()
    )
    pieces = ((case, shop.material("paint")), (face, shop.material("lit panel" if lit else "porcelain")))
    return Item(pieces, object_class=ObjectClass.LAMPSHADE, lamps=lamps)


def _spotlight_bar(shop: Workshop, lit: bool) -> Item:
    """Three small hard lights on a bar."""
    bar = box(1.0, 0.06, 0.035, 0.01).moved(z=-0.035)
    heads, lamps = [], []
    power = shop.between(0.5, 0.8) * _warmth(shop)
    for x in (-0.38, 0.0, 0.38):
        heads.append(cylinder(0.035, 0.1, 14, 0.03).moved(x, 0, -0.15))
        if lit:
            lamps.append(
                Lamp(
                    LampKind.SPHERE,
                    (x, 0.0, -0.18),
                    (float(power[0]), float(power[1]), float(power[2])),
                    0.025,
                )
            )
    face = joined([panel([x - 0.02, -0.02, -0.1505], [0, 0.04, 0], [0.04, 0, 0]) for x in (-0.38, 0.0, 0.38)])
    pieces = (
        (joined([bar, *heads]), shop.material("steel")),
        (face, shop.material("lit panel" if lit else "porcelain")),
    )
    return Item(pieces, lamps=tuple(lamps))
