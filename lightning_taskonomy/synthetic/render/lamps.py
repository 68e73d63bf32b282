"""Light straight from lamps: one shadow ray per surface and lamp, to a point that varies by pixel."""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.synthetic.render.prepared import LampTable, PreparedScene
from lightning_taskonomy.synthetic.render.scene import LampKind
from lightning_taskonomy.synthetic.render.surfaces import Surfaces

Floats = npt.NDArray[np.float32]

OFFSET_M = np.float32(2e-3)
"""Rays start this far off a surface, so as not to meet it again."""

FAINT = np.float32(0.004)
"""Light below this, against surfaces that are exposed to about 1, is not worth a shadow ray."""

SPHERE, PANEL, SUN = int(LampKind.SPHERE), int(LampKind.PANEL), int(LampKind.SUN)

DIM = np.float32(0.04)
"""Light below this is asked for at every fourth surface, which stands for the others as well."""

_TURN = np.array([0.754877666, 0.569840296])
"""Each lamp takes other points of the same even pattern, this much further on."""


def add_lamps(
    prepared: PreparedScene,
    surfaces: Surfaces,
    rooms: npt.NDArray[np.int32],
    eye: Floats,
    jitter: Floats,
    diffuse: Floats,
    highlight: Floats,
) -> None:
    """Add what all lamps bring, each by one shadow ray per surface.

    Args:
        prepared: the scene.
        surfaces: n of them.
        rooms: (n,) the room of each.
        eye: (3) where they are seen from.
        jitter: (n, 2 or more) numbers in [0, 1) that choose the points on lamps.
        diffuse: (n, 3) irradiance / pi is added here.
        highlight: (n, 3) mirrored radiance is added here.
    """
    lamps = prepared.lamps if len(prepared.lamps.kind) else _headlight(eye, len(prepared.rooms_low))
    materials = prepared.materials
    count = len(surfaces.face)
    origins, ways = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    soft, sharp = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    pixels = np.empty(count, np.int32)
    present = np.unique(rooms[surfaces.seen])
    for lamp in range(len(lamps.kind)):
        if not lamps.reaches[lamp, present].any():
            continue
        rays = _lamp_rays(
            lamps.kind[lamp],
            lamps.position[lamp],
            lamps.power[lamp],
            lamps.radius[lamp],
            lamps.across[lamp],
            lamps.along[lamp],
            lamps.reaches[lamp],
            rooms,
            surfaces.face,
            surfaces.position,
            surfaces.normal,
            prepared.scene.triangles.material,
            materials.specular,
            materials.gloss,
            eye,
            jitter,
            (lamp * _TURN % 1.0).astype(np.float32),
            origins,
            ways,
            soft,
            sharp,
            pixels,
        )
        blocked = prepared.caster.blocked(origins[:rays], ways[:rays], 0.999)
        _add_unblocked(blocked, pixels, soft, sharp, diffuse, highlight)


def _headlight(eye: Floats, rooms: int) -> LampTable:
    """A lamp at the eye, for scenes that bring none."""
    nothing = np.zeros((1, 3), np.float32)
    return LampTable(
        kind=np.zeros(1, np.int32),
        position=eye[None].astype(np.float32),
        power=np.full((1, 3), 6.0, np.float32),
        radius=np.full(1, 0.05, np.float32),
        across=nothing,
        along=nothing,
        reaches=np.ones((1, rooms), np.bool_),
    )


@compiled
def _way_to_lamp(
    kind: int,
    centre: Floats,
    radius: float,
    across: Floats,
    along: Floats,
    first: float,
    second: float,
    place: Floats,
    way: Floats,
) -> None:
    """Write the way from a place to the point (first, second) of a lamp; to the sun, its direction."""
    if kind == PANEL:
        for axis in range(3):
            way[axis] = (
                centre[axis] + (2 * first - 1) * across[axis] + (2 * second - 1) * along[axis] - place[axis]
            )
        return
    height = 2 * first - 1
    ring = np.sqrt(max(1 - height * height, 0.0))
    angle = np.float32(2 * np.pi) * second
    way[0] = radius * ring * np.cos(angle)
    way[1] = radius * ring * np.sin(angle)
    way[2] = radius * height
    if kind == SUN:
        for axis in range(3):
            way[axis] += centre[axis]
        return
    # Only the near half of a sphere sends light here.
    side = np.float32(0.0)
    for axis in range(3):
        side += way[axis] * (place[axis] - centre[axis])
    for axis in range(3):
        way[axis] = centre[axis] - place[axis] + (way[axis] if side > 0 else -way[axis])


@compiled
def _shine(place: Floats, normal: Floats, eye: Floats, way: Floats, length: float, exponent: float) -> float:
    """Blinn-Phong's highlight, scaled so that sharper ones are brighter."""
    view, across, aligned = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for axis in range(3):
        view += (eye[axis] - place[axis]) ** 2
    view = np.sqrt(view)
    for axis in range(3):
        half = (eye[axis] - place[axis]) / view + way[axis] / length
        across += half * half
        aligned += half * normal[axis]
    if aligned <= 0:
        return 0.0
    aligned /= np.sqrt(max(across, np.float32(1e-12)))
    return float((exponent + 8) * np.float32(0.125) * aligned**exponent)


@compiled
def _arriving(kind: int, way: Floats, length: float, front: Floats, area: float) -> float:
    """Light that a lamp of unit power brings to a surface that faces it."""
    if kind == SPHERE:
        return 1 / max(length * length, 0.01)
    if kind == SUN:
        return 1.0
    leaving = -(way[0] * front[0] + way[1] * front[1] + way[2] * front[2]) / length
    return max(float(leaving), 0.0) * area / max(length * length, 0.05)


@compiled
def _is_out_of_sight(centre: Floats, reach: float, bound: float, place: Floats, normal: Floats) -> bool:
    """Whether no point within `reach` of a lamp's centre can light a surface: behind it, or too far."""
    ahead, square = np.float32(0.0), np.float32(0.0)
    for axis in range(3):
        way = centre[axis] - place[axis]
        ahead += way * normal[axis]
        square += way * way
    if ahead < -reach:
        return True
    nearest = max(np.sqrt(square) - reach, np.float32(0.1))
    return bool(bound < FAINT * nearest * nearest)


@compiled
def _lamp_rays(
    kind: int,
    centre: Floats,
    power: Floats,
    radius: float,
    across: Floats,
    along: Floats,
    reaches: npt.NDArray[np.bool_],
    rooms: npt.NDArray[np.int32],
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
    face_material: npt.NDArray[np.int32],
    specular: Floats,
    gloss: Floats,
    eye: Floats,
    jitter: Floats,
    shift: Floats,
    origins: Floats,
    ways: Floats,
    soft: Floats,
    sharp: Floats,
    pixels: npt.NDArray[np.int32],
) -> int:
    """Write a shadow ray for every surface that the lamp could light, and the light it would bring."""
    rays = 0
    way = np.zeros(3, np.float32)
    front = np.cross(across, along)
    area = np.float32(4.0) * np.sqrt((front * front).sum())
    front = front / max(np.float32(0.25) * area, np.float32(1e-12))
    strongest = max(power[0], max(power[1], power[2]))
    reach = radius + np.sqrt((across * across).sum()) + np.sqrt((along * along).sum())
    bound = strongest * (area if kind == PANEL else np.float32(1.0)) / np.float32(np.pi)
    last = jitter.shape[1] - 1
    for pixel in range(len(face)):
        if face[pixel] < 0 or not reaches[rooms[pixel]]:
            continue
        if kind != SUN and _is_out_of_sight(centre, reach, bound, position[pixel], normal[pixel]):
            continue
        first = (jitter[pixel, 0] + shift[0]) % np.float32(1.0)
        second = (jitter[pixel, 1] + shift[1]) % np.float32(1.0)
        _way_to_lamp(kind, centre, radius, across, along, first, second, position[pixel], way)
        length = max(np.sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2]), np.float32(1e-3))
        cosine = way[0] * normal[pixel, 0] + way[1] * normal[pixel, 1] + way[2] * normal[pixel, 2]
        factor = _arriving(kind, way, length, front, area) * cosine / length * np.float32(1 / np.pi)
        if factor * strongest < FAINT:
            continue
        material = face_material[face[pixel]]
        shine = np.float32(0.0)
        if specular[material] > 0:
            shine = factor * specular[material]
            shine *= _shine(position[pixel], normal[pixel], eye, way, length, gloss[material])
        if max(factor, shine) * strongest < DIM:
            if jitter[pixel, last] >= np.float32(0.25):
                continue
            factor *= np.float32(4.0)
            shine *= np.float32(4.0)
        stretch = np.float32(60.0) if kind == SUN else np.float32(1.0)
        for axis in range(3):
            origins[rays, axis] = position[pixel, axis] + OFFSET_M * normal[pixel, axis]
            ways[rays, axis] = way[axis] * stretch
            soft[rays, axis] = power[axis] * factor
            sharp[rays, axis] = min(power[axis] * shine, np.float32(4.0))
        pixels[rays] = pixel
        rays += 1
    return rays


@compiled
def _add_unblocked(
    blocked: npt.NDArray[np.bool_],
    pixels: npt.NDArray[np.int32],
    soft: Floats,
    sharp: Floats,
    diffuse: Floats,
    highlight: Floats,
) -> None:
    for ray in range(len(blocked)):
        if not blocked[ray]:
            for axis in range(3):
                diffuse[pixels[ray], axis] += soft[ray, axis]
                highlight[pixels[ray], axis] += sharp[ray, axis]
