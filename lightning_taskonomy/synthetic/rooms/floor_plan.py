"""The floor plan of a building: rooms in a rectangle, doors that connect them all, windows to the outside."""

from dataclasses import dataclass

import numpy as np

WALL_M = 0.14
"""Thickness of every wall; a room's interior starts half of it from the line on the plan."""

DOOR_HIGH_M = 2.05


@dataclass(frozen=True)
class Opening:
    """A hole in the wall of a room.

    Attributes:
        side: 0 west (low x), 1 east, 2 south (low y), 3 north.
        start: Start along the wall, world x or y in metres.
        end: End along the wall.
        low: Height of its lower edge, metres.
        high: Height of its upper edge.
        outside: Whether it leads out of the building (then it is a window, or the closed front door).
        leads_to: Index of the room behind it, or -1.
    """

    side: int
    start: float
    end: float
    low: float
    high: float
    outside: bool
    leads_to: int = -1

    @property
    def is_window(self) -> bool:
        """Whether it starts above the floor."""
        return self.low > 0.05


@dataclass(frozen=True)
class PlannedRoom:
    """A rectangular room.

    Attributes:
        kind: One of `furnishing.KINDS`.
        low: Minimum x, y of the interior.
        high: Maximum x, y.
        ceiling: Height of the ceiling, metres.
        openings: Doors and windows.
    """

    kind: str
    low: tuple[float, float]
    high: tuple[float, float]
    ceiling: float
    openings: tuple[Opening, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Interior width and depth in metres."""
        return self.high[0] - self.low[0], self.high[1] - self.low[1]


_Cell = tuple[float, float, float, float]

_RESIDENCE = (
    "living_room",
    "kitchen",
    "bedroom",
    "bathroom",
    "dining_room",
    "home_office",
    "childs_room",
    "corridor",
)


def plan(random: np.random.Generator) -> tuple[PlannedRoom, ...]:
    """Draw the plan of a building."""
    wide, deep = float(random.uniform(8.5, 13.0)), float(random.uniform(7.5, 11.0))
    cells = _split((0.0, 0.0, wide, deep), random)
    ceiling = float(random.uniform(2.45, 2.95))
    kinds = _kinds(cells, random)
    doors = _doors(cells, random)
    rooms = []
    for index, cell in enumerate(cells):
        openings = [door for owner, door in doors if owner == index]
        openings += _windows(cell, (wide, deep), ceiling, kinds[index], openings, random)
        half = WALL_M / 2
        rooms.append(
            PlannedRoom(
                kinds[index],
                (cell[0] + half, cell[1] + half),
                (cell[2] - half, cell[3] - half),
                ceiling,
                tuple(openings),
            )
        )
    return tuple(rooms)


def _split(cell: _Cell, random: np.random.Generator) -> list[_Cell]:
    """Split a rectangle recursively until rooms have a typical size."""
    x0, y0, x1, y1 = cell
    wide, deep = x1 - x0, y1 - y0
    largest = float(random.uniform(15.0, 26.0))
    if wide * deep < largest and max(wide, deep) < 2.2 * min(wide, deep):
        return [cell]
    along = 0 if wide > deep else 1
    length = max(wide, deep)
    if length < 4.6 or min(wide, deep) < 2.0:
        return [cell]
    shortest = 2.1 / length
    cut = float(np.clip(random.uniform(0.36, 0.64), shortest, 1 - shortest)) * length
    if along == 0:
        return _split((x0, y0, x0 + cut, y1), random) + _split((x0 + cut, y0, x1, y1), random)
    return _split((x0, y0, x1, y0 + cut), random) + _split((x0, y0 + cut, x1, y1), random)


def _kinds(cells: list[_Cell], random: np.random.Generator) -> list[str]:
    """Large cells become living rooms, small ones bathrooms, thin ones corridors."""
    area = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in cells]
    order = [int(k) for k in np.argsort(area)]
    kinds = [""] * len(cells)
    kinds[order[-1]] = "living_room"
    kinds[order[0]] = "bathroom"
    middle = order[1:-1]
    wishes = ["kitchen", "bedroom"]
    others = [
        kind
        for kind in _RESIDENCE
        if kind not in ("living_room", "bathroom", "kitchen", "bedroom", "corridor")
    ]
    wishes += [others[int(k)] for k in random.permutation(len(others))]
    wishes += ["bedroom", "utility_room", "home_office", "bedroom", "living_room", "bathroom"] * 3
    for index in reversed(middle):
        x0, y0, x1, y1 = cells[index]
        narrow = min(x1 - x0, y1 - y0) < 2.3
        kinds[index] = "corridor" if narrow else wishes.pop(0)
    return kinds


def _doors(cells: list[_Cell], random: np.random.Generator) -> list[tuple[int, Opening]]:
    """Doors along a random spanning tree, and occasionally others; each is listed for both of its rooms."""
    links = []
    for a in range(len(cells)):
        for b in range(a + 1, len(cells)):
            shared = _shared_wall(cells[a], cells[b])
            if shared is not None and shared[2] - shared[1] > 1.3:
                links.append((a, b, *shared))
    group = list(range(len(cells)))
    doors = []
    for number in random.permutation(len(links)):
        a, b, side, start, end = links[int(number)]
        joined = group[a] == group[b]
        if joined and random.random() > 0.25:
            continue
        group = [group[a] if value == group[b] else value for value in group]
        wide = float(random.choice([0.85, 0.95, 1.4], p=[0.45, 0.35, 0.2]))
        wide = min(wide, end - start - 0.3)
        first = float(random.uniform(start + 0.12, end - 0.12 - wide))
        other = {0: 1, 1: 0, 2: 3, 3: 2}[side]
        doors.append((a, Opening(side, first, first + wide, 0.0, DOOR_HIGH_M, False, b)))
        doors.append((b, Opening(other, first, first + wide, 0.0, DOOR_HIGH_M, False, a)))
    return doors


def _shared_wall(a: _Cell, b: _Cell) -> tuple[int, float, float] | None:
    """Side of `a` that touches `b`, and the start and end of the shared wall."""
    near = 1e-6
    for axis in (0, 1):
        other = 1 - axis
        start, end = max(a[other], b[other]), min(a[other + 2], b[other + 2])
        if end - start < near:
            continue
        if abs(a[axis + 2] - b[axis]) < near:
            return 2 * axis + 1, start, end
        if abs(b[axis + 2] - a[axis]) < near:
            return 2 * axis, start, end
    return None


def _windows(
    cell: _Cell,
    size: tuple[float, float],
    ceiling: float,
    kind: str,
    doors: list[Opening],
    random: np.random.Generator,
) -> list[Opening]:
    windows: list[Opening] = []
    outer = [
        (0, cell[0] < 1e-6, cell[1], cell[3]),
        (1, cell[2] > size[0] - 1e-6, cell[1], cell[3]),
        (2, cell[1] < 1e-6, cell[0], cell[2]),
        (3, cell[3] > size[1] - 1e-6, cell[0], cell[2]),
    ]
    for side, is_outer, start, end in outer:
        if not is_outer or (random.random() < 0.2 and windows):
            continue
        small = kind in ("bathroom", "utility_room")
        wide = float(random.uniform(0.6, 0.8) if small else random.uniform(1.0, 1.9))
        wide = min(wide, end - start - 1.01)
        if wide < 0.45:
            continue
        low = float(
            random.uniform(1.25, 1.45) if small else 1.12 if kind == "kitchen" else random.uniform(0.55, 0.95)
        )
        middle = float(random.uniform(start + 0.5 + wide / 2, end - 0.5 - wide / 2))
        high = min(ceiling - 0.25, 2.2)
        windows.append(Opening(side, middle - wide / 2, middle + wide / 2, low, high, True))
    return windows
