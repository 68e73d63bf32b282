"""Placing items in a room: along walls, on walls and in the middle, clear of doors and windows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lightning_taskonomy.synthetic.rooms.floor_plan import PlannedRoom
from lightning_taskonomy.synthetic.rooms.item import Item
from lightning_taskonomy.synthetic.rooms.shapes import Floats
from lightning_taskonomy.synthetic.rooms.shell import WallFrame

_TRIES = 24
_DOOR_REACH_M = 0.95

_Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class _OnWall:
    side: int
    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True)
class _Stand:
    centre: Floats
    angle: float
    wide: float
    deep: float


@dataclass
class Arrangement:
    """The items placed in a room so far.

    Attributes:
        room: The room.
        random: Random generator of places.
        exchanged: Function that may replace an item before it is placed.
        items: All placed items, in world coordinates.
    """

    room: PlannedRoom
    random: np.random.Generator
    exchanged: Callable[[Item], Item] = lambda item: item
    items: list[Item] = field(default_factory=list)
    _taken: list[_Rectangle] = field(default_factory=list)
    _walls: list[_OnWall] = field(default_factory=list)
    _last: _Stand = field(default_factory=lambda: _Stand(np.zeros(2), 0.0, 0.0, 0.0))

    def __post_init__(self) -> None:
        for opening in self.room.openings:
            margin = 0.12
            self._walls.append(
                _OnWall(
                    opening.side,
                    opening.start - margin,
                    opening.end + margin,
                    opening.low,
                    opening.high + 0.2,
                )
            )
            if not opening.is_window:
                frame = WallFrame(self.room, opening.side)
                near = frame.point(opening.start - margin, 0.0)
                far = frame.point(opening.end + margin, 0.0, _DOOR_REACH_M)
                self._taken.append(_rectangle(near, far))

    def against_wall(self, item: Item, side: int | None = None, corner: bool = False) -> int | None:
        """Place an item with its back to a wall; returns the side, or None if there is no room for it.

        Args:
            item: The item.
            side: The wall to try; by default any.
            corner: Whether to try the ends of walls first.
        """
        item = self.exchanged(item)
        for side_tried in [side] * 4 if side is not None else [int(k) for k in self.random.permutation(4)]:
            frame = WallFrame(self.room, side_tried)
            start, end = frame.span
            half = item.wide / 2 + 0.01
            if end - start < 2 * half:
                continue
            places = self.random.uniform(start + half, end - half, _TRIES // 4)
            if corner:
                places = np.concatenate([[start + half, end - half], places])
            for along in places:
                if self._wall_is_free(side_tried, along - half, along + half, 0.0, item.high, item.deep):
                    where = frame.point(float(along), 0.0, item.deep / 2 + 0.02)
                    if self._put(item, where, frame.angle):
                        self._walls.append(_OnWall(side_tried, along - half, along + half, 0.0, item.high))
                        return side_tried
        return None

    def in_front_of_last(self, item: Item, distance: float, facing_it: bool = False) -> bool:
        """Place an item in front of the last one on the floor, oriented like it or towards it."""
        item = self.exchanged(item)
        facing = np.array([np.sin(self._last.angle), -np.cos(self._last.angle)])
        where = self._last.centre + facing * (self._last.deep / 2 + distance + item.deep / 2)
        return self._put(item, np.array([*where, 0.0]), self._last.angle + (np.pi if facing_it else 0.0))

    def beside_last(self, item: Item, sign: int) -> bool:
        """Place an item to the left (-1) or right (1) of the last one, with its back to the same wall."""
        item = self.exchanged(item)
        last = self._last
        right, back = (
            np.array([np.cos(last.angle), np.sin(last.angle)]),
            np.array([-np.sin(last.angle), np.cos(last.angle)]),
        )
        where = (
            last.centre
            + sign * right * (last.wide + item.wide + 0.06) / 2
            + back * (last.deep - item.deep) / 2
        )
        placed = self._put(item, np.array([*where, 0.0]), last.angle)
        self._last = last
        return placed

    def in_the_middle(self, item: Item) -> bool:
        """Place an item near the middle of the room, parallel to the walls."""
        item = self.exchanged(item)
        low, high = np.array(self.room.low), np.array(self.room.high)
        for number in range(_TRIES):
            spread = 0.1 + 0.25 * number / _TRIES
            share = self.random.uniform(0.5 - spread, 0.5 + spread, 2)
            where = low + share * (high - low)
            angle = float(self.random.integers(4)) * np.pi / 2
            if self._put(item, np.array([*where, 0.0]), angle):
                return True
        return False

    def anywhere(self, item: Item) -> bool:
        """Place a small item anywhere on the free floor, at a random angle."""
        item = self.exchanged(item)
        low, high = np.array(self.room.low), np.array(self.room.high)
        for _ in range(_TRIES):
            where = self.random.uniform(low + item.wide / 2, high - item.wide / 2)
            if self._put(item, np.array([*where, 0.0]), float(self.random.uniform(0, 2 * np.pi))):
                return True
        return False

    def underfoot(self, item: Item) -> None:
        """Lay a rug, which takes no space and may lie under furniture."""
        low, high = np.array(self.room.low), np.array(self.room.high)
        where = (low + high) / 2
        angle = 0.0 if high[0] - low[0] > high[1] - low[1] else np.pi / 2
        self.items.append(item.placed(float(where[0]), float(where[1]), 0.0, angle))

    def on_wall(self, item: Item, height: float) -> bool:
        """Hang an item with its centre at a height, where the wall is free."""
        low, high = height - item.high / 2, height + item.high / 2
        for _ in range(_TRIES):
            side = int(self.random.integers(4))
            frame = WallFrame(self.room, side)
            start, end = frame.span
            half = item.wide / 2 + 0.06
            if end - start < 2 * half:
                continue
            along = float(self.random.uniform(start + half, end - half))
            if self._wall_is_free(side, along - half, along + half, low, high, item.deep):
                self._walls.append(_OnWall(side, along - half, along + half, low, high))
                self.items.append(_at(item, frame.point(along, height, 0.005), frame.angle))
                return True
        return False

    def _wall_is_free(
        self, side: int, start: float, end: float, low: float, high: float, deep: float
    ) -> bool:
        return not any(
            taken.side == side
            and start < taken.end
            and end > taken.start
            and low < taken.high
            and high > taken.low
            for taken in self._walls
        )

    def _put(self, item: Item, where: Floats, angle: float) -> bool:
        turned = abs(np.sin(angle)) > 0.7
        wide, deep = (item.deep, item.wide) if turned else (item.wide, item.deep)
        box = (where[0] - wide / 2, where[1] - deep / 2, where[0] + wide / 2, where[1] + deep / 2)
        inside = (
            box[0] >= self.room.low[0]
            and box[1] >= self.room.low[1]
            and box[2] <= self.room.high[0]
            and box[3] <= self.room.high[1]
        )
        if not inside or any(_overlap(box, other) for other in self._taken):
            return False
        self._taken.append(box)
        self._last = _Stand(where[:2], angle, item.wide, item.deep)
        self.items.append(_at(item, where, angle))
        return True


def _at(item: Item, where: Floats, angle: float) -> Item:
    return item.placed(float(where[0]), float(where[1]), float(where[2]), angle)


def _rectangle(near: Floats, far: Floats) -> _Rectangle:
    low, high = np.minimum(near, far), np.maximum(near, far)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _overlap(a: _Rectangle, b: _Rectangle) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]
