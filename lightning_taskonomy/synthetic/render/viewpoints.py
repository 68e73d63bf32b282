"""Viewpoints as in Taskonomy: points on surfaces, each viewed by several cameras.

Cameras are placed in free space, 0.2 to 2 m above the surface below. A point is kept if at least three
cameras see it directly and not too obliquely. For each view of a point, the camera is turned so that the
point is in the centre of the image (two or three such views form a fixated pair or triplet); other points
that are directly visible in the image are its non-fixated points.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.camera import Camera, looking_at
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import surfaces_along

Floats = npt.NDArray[np.float64]

SIGHT_TOLERANCE_M = 0.002
MIN_CAMERAS_PER_POINT = 3
MIN_HEIGHT_M, MAX_HEIGHT_M = 0.2, 2.0
MIN_FIELD_OF_VIEW_RADS, MAX_FIELD_OF_VIEW_RADS = float(np.radians(30)), float(np.radians(125))
MAX_ROLL_RADS = float(np.radians(10))

_CAMERAS_PER_ROOM = 12
_POINTS_PER_VISIT = 3
_CLEARANCE_M = 0.35
_NEAREST_POINT_M, _FURTHEST_POINT_M = 0.6, 9.0
_STEEPEST_RADS = float(np.radians(72))
_TRIES = 120
_LEAST_THINGS = 8
"""Minimum number of objects in an image, in scenes that distinguish objects."""


@dataclass(frozen=True)
class Stand:
    """A possible camera position.

    Attributes:
        number: Index within the building.
        location: (3) metres.
        room: Index of the room.
    """

    number: int
    location: Floats
    room: int


@dataclass(frozen=True)
class Target:
    """A point on a surface that cameras look at.

    Attributes:
        number: Index within the building.
        location: (3) metres.
        normal: (3) unit normal of the surface, towards the cameras.
    """

    number: int
    location: Floats
    normal: Floats


@dataclass(frozen=True)
class View:
    """One image to render.

    Attributes:
        target: The point in its centre.
        number: Index within the target's views.
        stand: Position of the camera.
        camera: The camera, turned to the target.
        roll_rads: Its rotation about the viewing axis.
        others_in_view: Indices of other targets that are directly visible.
    """

    target: Target
    number: int
    stand: Stand
    camera: Camera
    roll_rads: float
    others_in_view: tuple[int, ...] = ()


def plan_views(
    prepared: PreparedScene, points: int, views: int, resolution: int, random: np.random.Generator, name: str
) -> list[View]:
    """Choose cameras and points for a building.

    Args:
        prepared: The building.
        points: Number of points.
        views: Images per point.
        resolution: Pixels per side.
        random: Random generator of all choices.
        name: Name of the building, for error messages.

    Raises:
        InputError: there is no room for cameras, or too few points are visible from enough of them.
    """
    stands = _stands(prepared, random)
    if not stands:
        raise InputError(
            f"{name}: no free place inside from which its faces are seen; it is {extent_in_words(prepared)} "
            "large: turn its faces inwards, set --metres to the length of a unit of the file in metres, or "
            "look at it from outside (--outside)"
        )
    chosen: list[View] = []
    rooms = sorted({stand.room for stand in stands})
    visits = [rooms[int(k)] for k in random.permutation(len(rooms))]
    number = 0
    for visit in range(2 * points + 4 * len(visits)):
        here = [stand for stand in stands if stand.room == visits[visit % len(visits)]]
        for _ in range(min(_POINTS_PER_VISIT, points - number)):
            taken = _views_of_new_point(prepared, number, here, stands, views, resolution, random)
            chosen += taken
            number += bool(taken)
    if len(chosen) < points * views:
        fewer = "ask for fewer points or views, or " if points * views > 1 else ""
        raise InputError(
            f"{name}: found {len(chosen) // views} points that {max(MIN_CAMERAS_PER_POINT, views)} cameras "
            f"see, expected {points}; it is {extent_in_words(prepared)} large: {fewer}set --metres to the "
            "length of a unit of the file in metres, or use a scene with more free space"
        )
    return with_others_in_view(prepared, chosen)


def extent_in_words(prepared: PreparedScene) -> str:
    """The size of a scene, such as `5 x 4 x 2.6 m`."""
    corners = prepared.scene.triangles.corners.reshape(-1, 3).astype(np.float64)
    return " x ".join(f"{side:,.4g}" for side in np.ptp(corners, axis=0)) + " m"


def sees(prepared: PreparedScene, location: Floats, points: Floats) -> npt.NDArray[np.bool_]:
    """Which points (n, 3) are directly visible from a location (3)."""
    towards = np.atleast_2d(points) - location
    hits = prepared.caster.nearest(location, towards)
    distance = np.linalg.norm(towards, axis=1)
    return np.asarray(np.abs(hits.reach - 1.0) * distance < SIGHT_TOLERANCE_M)


def _sphere(count: int) -> Floats:
    """Evenly distributed directions (count, 3)."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)
    ring = np.sqrt(1 - height**2)
    return np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])


def _stands(prepared: PreparedScene, random: np.random.Generator) -> list[Stand]:
    """Free camera positions in every room."""
    stands: list[Stand] = []
    for index, room in enumerate(prepared.scene.rooms):
        low, high = np.array(room.low, np.float64), np.array(room.high, np.float64)
        size = float(np.prod(np.maximum(high - low, 1e-3)[:2]))
        wanted = int(np.clip(_CAMERAS_PER_ROOM * max(size / 20, 0.75), 6, 60))
        found = 0
        for _ in range(wanted * 12):
            place = _place(prepared, low, high, random)
            if place is not None:
                stands.append(Stand(len(stands), place, index))
                found += 1
            if found == wanted:
                break
    return stands


def _place(prepared: PreparedScene, low: Floats, high: Floats, random: np.random.Generator) -> Floats | None:
    start = low + random.random(3) * (high - low)
    height = float(np.clip(random.normal(1.3, 0.45), MIN_HEIGHT_M, MAX_HEIGHT_M))
    down = surfaces_along(prepared, start.astype(np.float32), np.array([[0.0, 0.0, -1.0]], np.float32))
    if not down.seen[0] or down.normal[0, 2] < 0.7:
        return None
    location = np.array([start[0], start[1], float(down.position[0, 2]) + height])
    if location[2] > high[2] - 0.1 or (high[2] - low[2] < 4.0 and location[2] - low[2] > MAX_HEIGHT_M):
        return None
    ways = _sphere(64)
    around = prepared.caster.nearest(location, ways)
    met = around.face >= 0
    corners = prepared.scene.triangles.corners[around.face[met]]
    fronts = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inside = ((fronts * ways[met]).sum(1) > 0).mean() if met.any() else 1.0
    free = float(around.reach.min()) > _CLEARANCE_M and np.median(around.reach) > 0.7
    return location if free and met.mean() > 0.5 and inside < 0.25 else None


def _views_of_new_point(
    prepared: PreparedScene,
    number: int,
    here: list[Stand],
    stands: list[Stand],
    views: int,
    resolution: int,
    random: np.random.Generator,
) -> list[View]:
    """Views of a point that is visible from one of the positions `here`, or none after many tries."""
    for _ in range(_TRIES):
        stand = here[int(random.integers(len(here)))]
        target = _candidate(prepared, number, stand, random)
        if target is None:
            continue
        seeing = places_that_see(prepared, target, stands)
        if len(seeing) < max(MIN_CAMERAS_PER_POINT, views):
            continue
        order = spread_out(stand, seeing, random)
        taken = list(_turned_cameras(prepared, target, order, views, resolution, random))
        if len(taken) == views:
            return taken
    return []


def _candidate(
    prepared: PreparedScene, number: int, stand: Stand, random: np.random.Generator
) -> Target | None:
    """A point that a camera sees in a random direction; objects are preferred to bare walls."""
    pitch, heading = float(np.clip(random.normal(-0.3, 0.35), -1.2, 0.9)), float(random.uniform(0, 2 * np.pi))
    way = np.array([np.cos(pitch) * np.cos(heading), np.cos(pitch) * np.sin(heading), np.sin(pitch)])
    keep_plain = random.random() < 0.25
    met = surfaces_along(prepared, stand.location.astype(np.float32), way[None].astype(np.float32))
    if not met.seen[0] or not _NEAREST_POINT_M < met.reach[0] < _FURTHEST_POINT_M:
        return None
    face = met.face[0]
    plain = prepared.scene.triangles.semantic[face] <= 1 and prepared.scene.triangles.semantic.any()
    if plain and not keep_plain:
        return None
    return Target(number, met.position[0].astype(np.float64), front_of(prepared, int(face), way))


def front_of(prepared: PreparedScene, face: int, way: Floats) -> Floats:
    """The unit normal (3) of a triangle on the side visible along a viewing direction (3)."""
    corners = prepared.scene.triangles.corners[face].astype(np.float64)
    front = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return np.asarray(front * (-np.sign(front @ way) / np.linalg.norm(front)))


def places_that_see(
    prepared: PreparedScene,
    target: Target,
    stands: list[Stand],
    nearest_m: float = _NEAREST_POINT_M,
    furthest_m: float = _FURTHEST_POINT_M,
) -> list[Stand]:
    """Positions that see a target directly, from its front, near enough and not too obliquely."""
    places = np.array([stand.location for stand in stands])
    towards = target.location - places
    distance = np.linalg.norm(towards, axis=1)
    cosine = -(towards @ target.normal) / np.maximum(distance, 1e-9)
    # Not directly above, where the camera's right would be undefined.
    aside = np.hypot(towards[:, 0], towards[:, 1]) > 0.15
    near = (distance > nearest_m) & (distance < furthest_m) & (cosine > np.cos(_STEEPEST_RADS)) & aside
    rows = np.flatnonzero(near)
    hits = prepared.caster.nearest(places[rows], towards[rows])
    direct = np.abs(hits.reach - 1.0) * distance[rows] < SIGHT_TOLERANCE_M
    return [stands[int(row)] for row in rows[direct]]


def spread_out(first: Stand, seeing: list[Stand], random: np.random.Generator) -> list[Stand]:
    """A random order of cameras in which each one tends to be far from those before it."""
    left = [seeing[int(k)] for k in random.permutation(len(seeing)) if seeing[int(k)].number != first.number]
    order = [first] if len(left) < len(seeing) else []
    while left:
        gaps = [
            min((float(np.linalg.norm(s.location - o.location)) for o in order), default=1.0) for s in left
        ]
        weights = np.minimum(np.array(gaps), 2.0) * random.uniform(0.3, 1.0, len(left))
        order.append(left.pop(int(np.argmax(weights))))
    return order


def _turned_cameras(
    prepared: PreparedScene,
    target: Target,
    order: list[Stand],
    views: int,
    resolution: int,
    random: np.random.Generator,
) -> Iterator[View]:
    number = 0
    for stand in order:
        for _ in range(3):
            roll = float(np.clip(random.normal(0.0, np.radians(3)), -MAX_ROLL_RADS, MAX_ROLL_RADS))
            rotation = looking_at(stand.location, target.location, roll)
            camera = Camera(stand.location, rotation, _field_of_view(random), resolution)
            if _shows_enough(prepared, camera):
                yield View(target, number, stand, camera, roll)
                number += 1
                break
        if number == views:
            return


def _field_of_view(random: np.random.Generator) -> float:
    """Draw from a normal distribution around the middle of the range, truncated at one deviation.

    The deviation is half the range.
    """
    middle, half = (
        (MIN_FIELD_OF_VIEW_RADS + MAX_FIELD_OF_VIEW_RADS) / 2,
        MAX_FIELD_OF_VIEW_RADS - MIN_FIELD_OF_VIEW_RADS,
    )
    half /= 2
    while True:
        turn = float(random.normal())
        if abs(turn) <= 1:
            return middle + turn * half


def _shows_enough(prepared: PreparedScene, camera: Camera) -> bool:
    """Whether an image would show several objects, hardly anything too close, and not mostly sky."""
    coarse = Camera(camera.location, camera.rotation, camera.field_of_view_rads, 24)
    seen = surfaces_along(prepared, camera.location.astype(np.float32), coarse.grid_directions())
    if seen.seen.mean() < 0.7 or (seen.reach < 0.35).mean() > 0.12:
        return False
    normals = seen.normal[seen.seen]
    spread = 1.0 - float(np.linalg.norm(normals.mean(0)))
    depth = seen.reach[seen.seen]
    relief = float(depth.std() / depth.mean())
    things = np.unique(prepared.scene.triangles.instance[seen.face[seen.seen]])
    varied = len(things) >= min(_LEAST_THINGS, _things_known(prepared))
    return spread > 0.05 and relief > 0.05 and varied


def _things_known(prepared: PreparedScene) -> int:
    """Number of objects that a scene distinguishes; a scan is one, or one per class with semantic ids."""
    return 1 if len(prepared.scene.rooms) == 1 else len(prepared.scene.object_classes)


def with_others_in_view(prepared: PreparedScene, chosen: list[View]) -> list[View]:
    """The same views, with the other targets that are directly visible in each."""
    targets = {view.target.number: view.target for view in chosen}
    places = np.array([targets[number].location for number in sorted(targets)])
    complete = []
    for view in chosen:
        pixels, depth = view.camera.project(places)
        inside = ((pixels > 0) & (pixels < view.camera.resolution)).all(1) & (depth > 0)
        inside[view.target.number] = False
        rows = np.flatnonzero(inside)
        direct = rows[sees(prepared, view.camera.location, places[rows])] if len(rows) else rows
        others = tuple(int(row) for row in direct)
        complete.append(replace(view, others_in_view=others))
    return complete
