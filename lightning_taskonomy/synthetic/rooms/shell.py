"""Walls, floors, ceilings, doors and windows of a planned room, and its daylight."""

from dataclasses import dataclass, replace

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Colour, Lamp, LampKind
from lightning_taskonomy.synthetic.rooms.cloth import curtain
from lightning_taskonomy.synthetic.rooms.floor_plan import WALL_M, Opening, PlannedRoom
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Workshop
from lightning_taskonomy.synthetic.rooms.mouldings import beads, cornice, rail, skirting
from lightning_taskonomy.synthetic.rooms.shapes import Floats, Shape, box, grid_panel, joined, panel, tube

_HALF = WALL_M / 2
_INWARD = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
_UP = np.array([0.0, 0.0, 1.0])
_CELL_M = 0.19
_HIDDEN_M = 0.05
"""Walls, floors and ceilings overlap by this much behind each other, so that uneven ones leave no gap."""
WET_KINDS = ("bathroom", "kitchen", "utility_room")


@dataclass(frozen=True)
class WallFrame:
    """Coordinates of a wall: position along it (world x or y), height, and distance into the room."""

    room: PlannedRoom
    side: int

    @property
    def angle(self) -> float:
        """Rotation of an item with its back to this wall."""
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
        """A rectangle of the wall's face, with its texture aligned to the corner of the building."""
        up = _UP * (high - low)
        flat = grid_panel(self.point(start, low), self.point(end, low) - self.point(start, low), up, _CELL_M)
        if np.dot(flat.normals[0, 0], _INWARD[self.side]) < 0:
            flat = grid_panel(
                self.point(end, low), self.point(start, low) - self.point(end, low), up, _CELL_M
            )
        axis = 1 if self.side < 2 else 0
        return replace(flat, uv=flat.corners[..., [axis, 2]])

    def standing(self, shape: Shape, along: float, height: float, inwards: float) -> Shape:
        """A shape made at the origin with its back at +y, placed on the wall."""
        return shape.rotated(2, self.angle).moved(*self.point(along, height, inwards))


@dataclass(frozen=True)
class _Look:
    """Materials and mouldings of a room's walls; lengths in metres, 0 for none."""

    wall: int
    trim: int
    panels: int
    skirting: float
    cornice: float
    panelled: float
    pitch: float

    @classmethod
    def drawn(cls, room: PlannedRoom, shop: Workshop, wall: int) -> "_Look":
        trim = shop.material("paint")
        boarded = room.kind != "bathroom" and shop.chance(0.5)
        return cls(
            wall,
            trim,
            shop.material("boards"),
            shop.between(0.08, 0.16),
            shop.between(0.05, 0.11) if shop.chance(0.75) else 0.0,
            (room.ceiling - 0.12 if shop.chance(0.25) else shop.between(0.85, 1.25)) if boarded else 0.0,
            shop.between(0.05, 0.12),
        )


def room_shell(room: PlannedRoom, index: int, shop: Workshop, sky: Colour) -> list[Item]:
    """All fixed parts of a room, one item each."""
    wall_kind = "tiled wall" if room.kind == "bathroom" else "wall"
    look = _Look.drawn(room, shop, shop.material(wall_kind))
    floor = shop.material("wet floor" if room.kind in WET_KINDS else "dry floor")
    items = [_floor(room, floor), _ceiling(room, shop.material("ceiling"))]
    for side in range(4):
        frame = WallFrame(room, side)
        openings = sorted((o for o in room.openings if o.side == side), key=lambda o: o.start)
        items.append(_wall(frame, openings, look))
        for opening in openings:
            if opening.is_window:
                items.append(_window(frame, opening, shop, sky))
            else:
                items.append(_door(frame, opening, index, shop, look.trim))
    return items


def _floor(room: PlannedRoom, material: int) -> Item:
    wide, deep = room.size
    edge = _HIDDEN_M
    corner = [room.low[0] - edge, room.low[1] - edge, 0.0]
    pieces = [grid_panel(corner, [wide + 2 * edge, 0, 0], [0, deep + 2 * edge, 0], _CELL_M)]
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
    return Item(((replace(whole, uv=whole.corners[..., :2]), material),), bends=True)


def _ceiling(room: PlannedRoom, material: int) -> Item:
    wide, deep = room.size
    edge = _HIDDEN_M
    corner = [room.low[0] - edge, room.low[1] - edge, room.ceiling]
    whole = grid_panel(corner, [0, deep + 2 * edge, 0], [wide + 2 * edge, 0, 0], _CELL_M)
    return Item(((replace(whole, uv=whole.corners[..., :2]), material),), bends=True)


def _wall(frame: WallFrame, openings: list[Opening], look: _Look) -> Item:
    top = frame.room.ceiling + _HIDDEN_M
    plates, boards = [], []
    here, end = frame.span[0] - _HIDDEN_M, frame.span[1] + _HIDDEN_M
    for opening in openings:
        plates.append(frame.plate(here, opening.start, -_HIDDEN_M, top))
        plates.append(frame.plate(opening.start, opening.end, opening.high, top))
        if opening.is_window:
            plates.append(frame.plate(opening.start, opening.end, -_HIDDEN_M, opening.low))
        plates += _reveals(frame, opening)
        here = opening.end
    plates.append(frame.plate(here, end, -_HIDDEN_M, top))
    for start, until in _between([o for o in openings if not o.is_window], frame.span):
        board = skirting(until - start, look.skirting)
        boards.append(frame.standing(board, (start + until) / 2, -0.01, 0.0))
    if look.cornice:
        length, middle = frame.span[1] - frame.span[0], sum(frame.span) / 2
        boards.append(frame.standing(cornice(length, look.cornice), middle, frame.room.ceiling, 0.0))
    pieces = [(joined(plates), look.wall), (joined(boards), look.trim)]
    pieces += _panelling(frame, openings, look)
    return Item(tuple(pieces), bends=True)


def _panelling(frame: WallFrame, openings: list[Opening], look: _Look) -> list[tuple[Shape, int]]:
    """Beaded panelling up to a rail, or up to the ceiling, between doors and windows."""
    if not look.panelled:
        return []
    panelling, rails = [], []
    low = look.skirting - 0.01
    for start, until in _between([o for o in openings if o.low < look.panelled + 0.1], frame.span):
        middle = (start + until) / 2
        board = beads(until - start, look.panelled - low, look.pitch)
        panelling.append(frame.standing(board, middle, low, 0.0))
        rails.append(frame.standing(rail(until - start), middle, look.panelled - 0.03, 0.0))
    return [(joined(panelling), look.panels), (joined(rails), look.trim)] if panelling else []


def _between(openings: list[Opening], span: tuple[float, float]) -> list[tuple[float, float]]:
    """Stretches of a wall between openings and their frames."""
    stretches, here = [], span[0]
    for opening in openings:
        stretches.append((here, opening.start - 0.07))
        here = opening.end + 0.07
    stretches.append((here, span[1]))
    return [(start, end) for start, end in stretches if end - start > 0.05]


def _reveals(frame: WallFrame, opening: Opening) -> list[Shape]:
    """The faces inside an opening, to the middle of the wall."""
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
    """A frame around the opening and, in one of the two rooms, an open leaf."""
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
    """Frame, bars, sill, sometimes curtains, and the sky as a panel light; there are no panes."""
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
    if frame.room.kind not in WET_KINDS and shop.chance(0.85):
        kind = ObjectClass.WINDOW_SHADE
        drop = opening.high + 0.12 - (0.03 if shop.chance(0.75) else max(opening.low - 0.25, 0.03))
        bottom = opening.high + 0.12 - drop
        each = max(0.42, wide * shop.between(0.26, 0.42))
        cloths = [curtain(shop.random, each, drop, round(each / 0.075)) for _ in range(2)]
        ends = (opening.start - 0.1, opening.end + 0.1)
        hung = joined(
            [frame.standing(cloth, along, bottom, 0.09) for cloth, along in zip(cloths, ends, strict=True)]
        )
        pieces.append((hung, shop.material("curtain")))
        rod = tube([[-wide / 2 - 0.35, 0, 0], [wide / 2 + 0.35, 0, 0]], 0.014, 8)
        pieces.append((frame.standing(rod, middle, opening.high + 0.12, 0.09), shop.material("wood")))
    across = (frame.point(opening.end, 0.0) - frame.point(opening.start, 0.0)) / 2
    along_up = _UP * (high / 2 - bar)
    if np.dot(np.cross(across, along_up), _INWARD[frame.side]) < 0:
        across = -across
    centre = frame.point(middle, (opening.low + opening.high) / 2, 0.01)
    lamp = Lamp(LampKind.PANEL, _triple(centre), sky, across=_triple(across * 0.95), along=_triple(along_up))
    return Item(tuple(pieces), object_class=kind, lamps=(lamp,), bends=True)


def _triple(vector: Floats) -> Colour:
    return float(vector[0]), float(vector[1]), float(vector[2])
