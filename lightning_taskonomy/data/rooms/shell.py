"""Walls, floors, ceilings, doors and windows of a planned room, and the daylight that comes in."""

from dataclasses import dataclass, replace

import numpy as np

from lightning_taskonomy.data.render.scene import Colour, Lamp, LampKind
from lightning_taskonomy.data.rooms.floor_plan import WALL_M, Opening, PlannedRoom
from lightning_taskonomy.data.rooms.item import Item, ObjectClass, Workshop
from lightning_taskonomy.data.rooms.shapes import Floats, Shape, box, joined, panel, tube, wavy_sheet

_HALF = WALL_M / 2
_INWARD = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
_UP = np.array([0.0, 0.0, 1.0])
WET_KINDS = ("bathroom", "kitchen", "utility_room")


@dataclass(frozen=True)
class WallFrame:
    """Coordinates of a wall: a length along it (world x or y), a height, and a distance into the room."""

    room: PlannedRoom
    side: int

    @property
    def angle(self) -> float:
        """How far an item with its back to this wall is turned."""
        return (np.pi / 2, -np.pi / 2, np.pi, 0.0)[self.side]

    @property
    def span(self) -> tuple[float, float]:
        """Where the wall starts and ends."""
        axis = 1 if self.side < 2 else 0
        return self.room.low[axis], self.room.high[axis]

    def point(self, along: float, height: float, inwards: float = 0.0) -> Floats:
        """The world position (3) of wall coordinates."""
        if self.side < 2:
            x = self.room.low[0] + inwards if self.side == 0 else self.room.high[0] - inwards
            return np.array([x, along, height])
        y = self.room.low[1] + inwards if self.side == 2 else self.room.high[1] - inwards
        return np.array([along, y, height])

    def plate(self, start: float, end: float, low: float, high: float) -> Shape:
        """A rectangle of the wall's face, with its texture laid from the corner of the building."""
        flat = panel(
            self.point(start, low), self.point(end, low) - self.point(start, low), _UP * (high - low)
        )
        if np.dot(flat.normals[0, 0], _INWARD[self.side]) < 0:
            flat = panel(
                self.point(end, low), self.point(start, low) - self.point(end, low), _UP * (high - low)
            )
        axis = 1 if self.side < 2 else 0
        return replace(flat, uv=flat.corners[..., [axis, 2]])

    def standing(self, shape: Shape, along: float, height: float, inwards: float) -> Shape:
        """A shape made about the origin with its back at +y, put on the wall."""
        return shape.rotated(2, self.angle).moved(*self.point(along, height, inwards))


def room_shell(room: PlannedRoom, index: int, shop: Workshop, sky: Colour) -> list[Item]:
    """All that does not move: one item per part, each a thing of its own."""
    wall_kind = "tiled wall" if room.kind == "bathroom" else "wall"
    wall, trim = shop.material(wall_kind), shop.material("paint")
    floor = shop.material("wet floor" if room.kind in WET_KINDS else "dry floor")
    items = [_floor(room, floor), _ceiling(room, shop.material("ceiling"))]
    for side in range(4):
        frame = WallFrame(room, side)
        openings = sorted((o for o in room.openings if o.side == side), key=lambda o: o.start)
        items.append(_wall(frame, openings, wall, trim))
        for opening in openings:
            if opening.is_window:
                items.append(_window(frame, opening, shop, sky))
            else:
                items.append(_door(frame, opening, index, shop, trim))
    return items


def _floor(room: PlannedRoom, material: int) -> Item:
    wide, deep = room.size
    pieces = [panel([*room.low, 0.0], [wide, 0, 0], [0, deep, 0])]
    for opening in room.openings:
        if opening.is_window:
            continue
        near, far = (
            WallFrame(room, opening.side).point(opening.start, 0.0),
            WallFrame(room, opening.side).point(opening.end, 0.0, -_HALF),
        )
        low, high = np.minimum(near, far), np.maximum(near, far)
        pieces.append(panel(low, [high[0] - low[0], 0, 0], [0, high[1] - low[1], 0]))
    whole = joined(pieces)
    return Item(((replace(whole, uv=whole.corners[..., :2]), material),))


def _ceiling(room: PlannedRoom, material: int) -> Item:
    wide, deep = room.size
    whole = panel([room.low[0], room.low[1], room.ceiling], [0, deep, 0], [wide, 0, 0])
    return Item(((replace(whole, uv=whole.corners[..., :2]), material),))


def _wall(frame: WallFrame, openings: list[Opening], wall: int, trim: int) -> Item:
    ceiling = frame.room.ceiling
    plates, boards = [], []
    here, end = frame.span
    for opening in openings:
        plates.append(frame.plate(here, opening.start, 0.0, ceiling))
        plates.append(frame.plate(opening.start, opening.end, opening.high, ceiling))
        if opening.is_window:
            plates.append(frame.plate(opening.start, opening.end, 0.0, opening.low))
        plates += _reveals(frame, opening)
        here = opening.end
    plates.append(frame.plate(here, end, 0.0, ceiling))
    here = frame.span[0]
    for stop in [*(o for o in openings if not o.is_window), None]:
        until = end if stop is None else stop.start - 0.07
        if until - here > 0.03:
            board = box(until - here, 0.015, 0.085, 0.006)
            boards.append(frame.standing(board, (here + until) / 2, 0.0, 0.0075))
        here = until if stop is None else stop.end + 0.07
    return Item(((joined(plates), wall), (joined(boards), trim)) if boards else ((joined(plates), wall),))


def _reveals(frame: WallFrame, opening: Opening) -> list[Shape]:
    """The four faces inside the hole, to the middle of the wall."""
    low, high, start, end = opening.low, opening.high, opening.start, opening.end
    out = frame.point(0.0, 0.0, -_HALF) - frame.point(0.0, 0.0)
    along = frame.point(end, 0.0) - frame.point(start, 0.0)
    faces = [
        panel(frame.point(start, low), out, _UP * (high - low)),
        panel(frame.point(end, low), out, _UP * (high - low)),
        panel(frame.point(start, high), out, along),
    ]
    if opening.is_window:
        faces.append(panel(frame.point(start, low), along, out))
    return faces


def _door(frame: WallFrame, opening: Opening, index: int, shop: Workshop, trim: int) -> Item:
    """A frame around the hole and, in one of the two rooms, an open leaf."""
    wide, middle = opening.end - opening.start, (opening.start + opening.end) / 2
    jamb = box(0.07, 0.02, opening.high, 0.006)
    parts = [
        frame.standing(jamb, opening.start - 0.035, 0.0, 0.01),
        frame.standing(jamb, opening.end + 0.035, 0.0, 0.01),
        frame.standing(box(wide + 0.14, 0.02, 0.07, 0.006), middle, opening.high, 0.01),
    ]
    pieces: list[tuple[Shape, int]] = [(joined(parts), trim)]
    if index < opening.leads_to and wide < 1.1 and shop.chance(0.7):
        leaf = joined(
            [
                box(wide - 0.02, 0.038, opening.high - 0.015, 0.006).moved(wide / 2 - 0.01, 0.0, 0.008),
                *(
                    box(wide * 0.66, 0.048, high, 0.012, 2).moved(wide / 2 - 0.01, 0.0, z)
                    for z, high in ((0.2, 0.62), (0.95, 0.9))
                ),
            ]
        )
        grip = joined(
            [
                tube(
                    [
                        [wide - 0.09, s * 0.02, 1.02],
                        [wide - 0.09, s * 0.06, 1.02],
                        [wide - 0.19, s * 0.06, 1.02],
                    ],
                    0.009,
                    8,
                )
                for s in (-1, 1)
            ]
        )
        swing = shop.between(1.2, 1.75)
        mirrored = shop.chance(0.5)
        hinge = opening.end if mirrored else opening.start
        base = frame.point(opening.end, 0.0) - frame.point(opening.start, 0.0)
        base = -base if mirrored else base
        closed = float(np.arctan2(base[1], base[0]))
        inward = _INWARD[frame.side]
        left_handed = base[0] * inward[1] > base[1] * inward[0]
        turn = swing if left_handed else -swing
        for shape, material in ((leaf, trim), (grip, shop.material("chrome"))):
            pieces.append((shape.rotated(2, closed + turn).moved(*frame.point(hinge, 0.0, 0.03)), material))
    return Item(tuple(pieces), object_class=ObjectClass.SLIDING_DOOR)


def _window(frame: WallFrame, opening: Opening, shop: Workshop, sky: Colour) -> Item:
    """Frame, bars, sill, sometimes curtains, and the sky as a panel of light; the panes are open."""
    wide, high = opening.end - opening.start, opening.high - opening.low
    middle = (opening.start + opening.end) / 2
    bar, deep = 0.05, 0.05
    bars = [
        frame.standing(box(wide, deep, bar, 0.006), middle, opening.low, -0.035),
        frame.standing(box(wide, deep, bar, 0.006), middle, opening.high - bar, -0.035),
    ]
    columns = 3 if wide > 1.4 else 2 if wide > 0.75 else 1
    for number in range(columns + 1):
        along = opening.start + bar / 2 + (wide - bar) * number / columns
        bars.append(frame.standing(box(bar, deep, high, 0.006), along, opening.low, -0.035))
    if shop.chance(0.3):
        bars.append(
            frame.standing(box(wide, deep * 0.8, bar * 0.7, 0.006), middle, opening.low + high * 0.6, -0.035)
        )
    sill = frame.standing(box(wide + 0.12, 0.12, 0.03, 0.01, 2), middle, opening.low - 0.03, 0.05)
    pieces: list[tuple[Shape, int]] = [(joined([*bars, sill]), shop.material("paint"))]
    kind = ObjectClass.NONE
    if frame.room.kind not in WET_KINDS and shop.chance(0.65):
        kind = ObjectClass.WINDOW_SHADE
        drop = opening.high + 0.12 - (0.03 if shop.chance(0.6) else max(opening.low - 0.25, 0.03))
        bottom = opening.high + 0.12 - drop
        cloth = wavy_sheet(max(0.3, wide * 0.24), drop, 0.03, 5)
        ends = (opening.start - 0.06, opening.end + 0.06)
        hung = joined([frame.standing(cloth, along, bottom, 0.07) for along in ends])
        pieces.append((hung, shop.material("curtain")))
        rod = tube([[-wide / 2 - 0.35, 0, 0], [wide / 2 + 0.35, 0, 0]], 0.014, 8)
        pieces.append((frame.standing(rod, middle, opening.high + 0.12, 0.07), shop.material("wood")))
    across = (frame.point(opening.end, 0.0) - frame.point(opening.start, 0.0)) / 2
    along_up = _UP * (high / 2 - bar)
    if np.dot(np.cross(across, along_up), _INWARD[frame.side]) < 0:
        across = -across
    centre = frame.point(middle, (opening.low + opening.high) / 2, -0.005)
    lamp = Lamp(LampKind.PANEL, _triple(centre), sky, across=_triple(across * 0.95), along=_triple(along_up))
    return Item(tuple(pieces), object_class=kind, lamps=(lamp,))


def _triple(vector: Floats) -> Colour:
    return float(vector[0]), float(vector[1]), float(vector[2])
