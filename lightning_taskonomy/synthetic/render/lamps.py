"""Direct light from lamps: one shadow ray per surface and lamp, to a point that varies by pixel."""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.synthetic.render.prepared import LampTable, PreparedScene
from lightning_taskonomy.synthetic.render.scene import LampKind
from lightning_taskonomy.synthetic.render.surfaces import Surfaces

Floats = npt.NDArray[np.float32]

OFFSET_M = np.float32(2e-3)
"""Rays start this far from a surface, to avoid hitting it again."""

FAINT = np.float32(0.004)
"""Light below this gets no shadow ray; exposed surfaces have about 1."""

SPHERE, PANEL, SUN = int(LampKind.SPHERE), int(LampKind.PANEL), int(LampKind.SUN)

DIM = np.float32(0.04)
"""Light below this is traced at every fourth surface only, with four times the weight."""

_DARK_POWER = np.float32(12.0)
"""Highlights attenuated below exp(-12) are ignored."""

_TURN = np.array([0.754877666, 0.569840296])
"""Offset of the sampling pattern from one lamp to the next."""


def add_lamps(
    prepared: PreparedScene,
    surfaces: Surfaces,
    rooms: npt.NDArray[np.int32],
    eye: Floats,
    jitter: Floats,
    diffuse: Floats,
    highlight: Floats,
) -> None:
    """Add the light of all lamps, each by one shadow ray per surface.

    Args:
        prepared: The scene.
        surfaces: n surfaces.
        rooms: (n,) the room of each surface.
        eye: (3) the viewpoint.
        jitter: (n, 2 or more) values in [0, 1) that choose the points on lamps.
        diffuse: (n, 3) irradiance / pi is added here.
        highlight: (n, 3) specular radiance is added here.
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
    """A lamp at the viewpoint, for scenes without lamps."""
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
    radius: np.float32,
    across: Floats,
    along: Floats,
    first: np.float32,
    second: np.float32,
    x: np.float32,
    y: np.float32,
    z: np.float32,
) -> tuple[np.float32, np.float32, np.float32]:
    """The vector from (x, y, z) to the point (first, second) of a lamp; for the sun, its direction."""
    if kind == PANEL:
        right, up = 2 * first - 1, 2 * second - 1
        return (
            centre[0] + right * across[0] + up * along[0] - x,
            centre[1] + right * across[1] + up * along[1] - y,
            centre[2] + right * across[2] + up * along[2] - z,
        )
    height = 2 * first - 1
    ring = radius * np.sqrt(max(1 - height * height, np.float32(0.0)))
    angle = np.float32(2 * np.pi) * second
    right, ahead, up = ring * np.cos(angle), ring * np.sin(angle), radius * height
    if kind == SUN:
        return centre[0] + right, centre[1] + ahead, centre[2] + up
    x, y, z = centre[0] - x, centre[1] - y, centre[2] - z
    # Only the near half of a sphere is visible from here.
    if right * x + ahead * y + up * z > 0:
        right, ahead, up = -right, -ahead, -up
    return x + right, y + ahead, z + up


@compiled
def _shine(
    view_x: np.float32,
    view_y: np.float32,
    view_z: np.float32,
    way_x: np.float32,
    way_y: np.float32,
    way_z: np.float32,
    normal_x: np.float32,
    normal_y: np.float32,
    normal_z: np.float32,
    exponent: np.float32,
) -> np.float32:
    """Blinn-Phong highlight for the directions of eye and lamp, scaled so that sharper ones are brighter."""
    view = np.float32(1.0) / np.sqrt(view_x * view_x + view_y * view_y + view_z * view_z)
    way = np.float32(1.0) / np.sqrt(way_x * way_x + way_y * way_y + way_z * way_z)
    half_x, half_y, half_z = (
        view_x * view + way_x * way,
        view_y * view + way_y * way,
        view_z * view + way_z * way,
    )
    aligned = half_x * normal_x + half_y * normal_y + half_z * normal_z
    across = half_x * half_x + half_y * half_y + half_z * half_z
    aligned /= np.sqrt(max(across, np.float32(1e-12)))
    # Powers are slow, and most are negligible: a^n < exp(-n (1 - a)).
    if aligned <= 0 or exponent * (1 - aligned) > _DARK_POWER:
        return np.float32(0.0)
    return np.float32((exponent + 8) * np.float32(0.125) * aligned**exponent)


@compiled
def _arriving(
    kind: int,
    way_x: np.float32,
    way_y: np.float32,
    way_z: np.float32,
    length: np.float32,
    front: Floats,
    area: np.float32,
) -> np.float32:
    """Light from a lamp of unit power on a surface that faces it."""
    if kind == SPHERE:
        return np.float32(1.0) / max(length * length, np.float32(0.01))
    if kind == SUN:
        return np.float32(1.0)
    leaving = max(-(way_x * front[0] + way_y * front[1] + way_z * front[2]) / length, np.float32(0.0))
    return np.float32(leaving * area / max(length * length, np.float32(0.05)))


@compiled
def _is_out_of_sight(ahead: np.float32, square: np.float32, reach: np.float32, bound: np.float32) -> bool:
    """Whether no point within `reach` of a lamp's centre can light a surface: all are behind it or too far.

    The centre is `ahead` along the normal; `square` is its squared distance.
    """
    if ahead < -reach:
        return True
    nearest = max(np.sqrt(square) - reach, np.float32(0.1))
    return bool(bound < FAINT * nearest * nearest)


@compiled
def _lamp_rays(
    kind: int,
    centre: Floats,
    power: Floats,
    radius: np.float32,
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
    """Write a shadow ray for every surface that the lamp could light, and its light if unblocked."""
    rays = 0
    front = np.cross(across, along)
    area = np.float32(4.0) * np.sqrt((front * front).sum())
    front = front / max(np.float32(0.25) * area, np.float32(1e-12))
    strongest = max(power[0], max(power[1], power[2]))
    reach = radius + np.sqrt((across * across).sum()) + np.sqrt((along * along).sum())
    bound = strongest * (area if kind == PANEL else np.float32(1.0)) / np.float32(np.pi)
    stretch = np.float32(60.0) if kind == SUN else np.float32(1.0)
    last = jitter.shape[1] - 1
    for pixel in range(len(face)):
        if face[pixel] < 0 or not reaches[rooms[pixel]]:
            continue
        x, y, z = position[pixel, 0], position[pixel, 1], position[pixel, 2]
        normal_x, normal_y, normal_z = normal[pixel, 0], normal[pixel, 1], normal[pixel, 2]
        way_x, way_y, way_z = centre[0] - x, centre[1] - y, centre[2] - z
        ahead = way_x * normal_x + way_y * normal_y + way_z * normal_z
        square = way_x * way_x + way_y * way_y + way_z * way_z
        if kind != SUN and _is_out_of_sight(ahead, square, reach, bound):
            continue
        first = (jitter[pixel, 0] + shift[0]) % np.float32(1.0)
        second = (jitter[pixel, 1] + shift[1]) % np.float32(1.0)
        way_x, way_y, way_z = _way_to_lamp(kind, centre, radius, across, along, first, second, x, y, z)
        length = max(np.sqrt(way_x * way_x + way_y * way_y + way_z * way_z), np.float32(1e-3))
        cosine = (way_x * normal_x + way_y * normal_y + way_z * normal_z) / length
        factor = _arriving(kind, way_x, way_y, way_z, length, front, area) * cosine * np.float32(1 / np.pi)
        if factor * strongest < FAINT:
            continue
        material = face_material[face[pixel]]
        shine = np.float32(0.0)
        if specular[material] > 0:
            shine = factor * specular[material]
            shine *= _shine(
                eye[0] - x,
                eye[1] - y,
                eye[2] - z,
                way_x,
                way_y,
                way_z,
                normal_x,
                normal_y,
                normal_z,
                gloss[material],
            )
        if max(factor, shine) * strongest < DIM:
            if jitter[pixel, last] >= np.float32(0.25):
                continue
            factor *= np.float32(4.0)
            shine *= np.float32(4.0)
        ways[rays, 0], ways[rays, 1], ways[rays, 2] = way_x * stretch, way_y * stretch, way_z * stretch
        origins[rays, 0] = x + OFFSET_M * normal_x
        origins[rays, 1] = y + OFFSET_M * normal_y
        origins[rays, 2] = z + OFFSET_M * normal_z
        for axis in range(3):
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
