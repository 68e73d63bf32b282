"""Viewpoints around an object: cameras on a sphere around it, each looking at a point on its surface."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.camera import Camera, looking_at
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import surfaces_along
from lightning_taskonomy.synthetic.render.viewpoints import (
    MAX_FIELD_OF_VIEW_RADS,
    MIN_CAMERAS_PER_POINT,
    MIN_FIELD_OF_VIEW_RADS,
    Stand,
    Target,
    View,
    extent_in_words,
    front_of,
    places_that_see,
    spread_out,
    with_others_in_view,
)

Floats = npt.NDArray[np.float64]

_STANDS = 60
_NEAREST, _FURTHEST = 2.0, 3.5
"""Distances of cameras from its centre, in radii of its bounding sphere."""
_LOWEST_RADS, _HIGHEST_RADS = float(np.radians(-20)), float(np.radians(65))
_SMALLEST_M, _LARGEST_M = 0.2, 30.0
"""Allowed range of the longest side: depths are stored in 1/512 m and up to 128 m."""
_TRIES = 200
_LEAST_SHARE = 0.05
"""Minimum fraction of an image that the object fills."""


def plan_views_around(
    prepared: PreparedScene, points: int, views: int, resolution: int, random: np.random.Generator, name: str
) -> list[View]:
    """Choose cameras around an object and points on it; the arguments are those of `plan_views`.

    Raises:
        InputError: it is too small or too large for depths in metres, or too few points are visible.
    """
    corners = prepared.scene.triangles.corners.reshape(-1, 3).astype(np.float64)
    low, high = corners.min(0), corners.max(0)
    if not _SMALLEST_M <= (high - low).max() <= _LARGEST_M:
        raise InputError(
            f"{name}: it is {extent_in_words(prepared)} large; expected {_SMALLEST_M:g} to {_LARGEST_M:g} m "
            "to look at it from outside: set --metres to the length of a unit of the file in metres"
        )
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    stands = [Stand(number, middle + radius * way, 0) for number, way in enumerate(_ways(random))]
    chosen: list[View] = []
    for _ in range(_TRIES * points):
        number = len(chosen) // views
        if number == points:
            break
        stand = stands[int(random.integers(len(stands)))]
        target = _candidate(prepared, number, stand, low + random.random(3) * (high - low))
        seeing = [] if target is None else places_that_see(prepared, target, stands, 0.0, np.inf)
        if target is None or len(seeing) < max(MIN_CAMERAS_PER_POINT, views):
            continue
        cameras = _cameras(prepared, target, spread_out(stand, seeing, random), radius, resolution, random)
        taken = [
            View(target, place, camera_stand, camera, 0.0)
            for place, (camera_stand, camera) in zip(range(views), cameras, strict=False)
        ]
        chosen += taken if len(taken) == views else []
    if len(chosen) < points * views:
        raise InputError(
            f"{name}: found {len(chosen) // views} points on it that {max(MIN_CAMERAS_PER_POINT, views)} of "
            f"{_STANDS} cameras around it see, expected {points}; it is {extent_in_words(prepared)} large"
        )
    return with_others_in_view(prepared, chosen)


def _ways(random: np.random.Generator) -> Iterator[Floats]:
    """Vectors from the centre to the cameras, in radii."""
    for number in range(_STANDS):
        heading = np.pi * (1 + 5**0.5) * number
        height = np.arcsin(random.uniform(np.sin(_LOWEST_RADS), np.sin(_HIGHEST_RADS)))
        flat = np.cos(height)
        way = np.array([flat * np.cos(heading), flat * np.sin(heading), np.sin(height)])
        yield way * random.uniform(_NEAREST, _FURTHEST)


def _candidate(prepared: PreparedScene, number: int, stand: Stand, aim: Floats) -> Target | None:
    """The surface point that a camera sees in the direction of a point in the object's bounding box."""
    way = (aim - stand.location) / np.linalg.norm(aim - stand.location)
    met = surfaces_along(prepared, stand.location.astype(np.float32), way[None].astype(np.float32))
    if not met.seen[0]:
        return None
    return Target(number, met.position[0].astype(np.float64), front_of(prepared, int(met.face[0]), way))


def _cameras(
    prepared: PreparedScene,
    target: Target,
    order: list[Stand],
    radius: float,
    resolution: int,
    random: np.random.Generator,
) -> Iterator[tuple[Stand, Camera]]:
    for stand in order:
        distance = float(np.linalg.norm(stand.location - target.location))
        wide = 2 * np.arctan(radius / distance) * random.uniform(0.9, 1.5)
        field = float(np.clip(wide, MIN_FIELD_OF_VIEW_RADS, MAX_FIELD_OF_VIEW_RADS))
        rotation = looking_at(stand.location, target.location)
        coarse = Camera(stand.location, rotation, field, 24)
        seen = surfaces_along(prepared, stand.location.astype(np.float32), coarse.grid_directions())
        if seen.seen.mean() >= _LEAST_SHARE:
            yield stand, Camera(stand.location, rotation, field, resolution)
