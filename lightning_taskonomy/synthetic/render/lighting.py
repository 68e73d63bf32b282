"""Light at each surface: direct light from lamps by shadow rays, and indirect light by bounce rays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.synthetic.render.lamps import OFFSET_M, add_lamps
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import Surfaces

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """Light at n surfaces.

    Attributes:
        diffuse: (n, 3) irradiance / pi; times a surface colour it is radiance.
        highlight: (n, 3) specular radiance from lamps, independent of the surface colour.
    """

    diffuse: Floats
    highlight: Floats


def light_at(
    prepared: PreparedScene, surfaces: Surfaces, eye: Floats, jitter: Floats, bounces: int = 2
) -> Light:
    """Light on surfaces seen from one viewpoint.

    Args:
        prepared: The scene.
        surfaces: n surfaces.
        eye: (3) the viewpoint, for highlights.
        jitter: (n, 2 + 2 * bounces) values in [0, 1) that choose the points on lamps and the bounce
            directions.
        bounces: Bounce rays per surface, for indirect light.
    """
    diffuse, highlight = np.zeros_like(surfaces.position), np.zeros_like(surfaces.position)
    rooms = _room_of(surfaces.position, prepared.rooms_low, prepared.rooms_high)
    add_lamps(prepared, surfaces, rooms, eye, jitter, diffuse, highlight)
    ambient = _ambient_of_rooms(prepared, rooms, surfaces.seen, diffuse)
    for bounce in range(bounces):
        _add_bounce(
            prepared, surfaces, rooms, jitter[:, 2 + 2 * bounce : 4 + 2 * bounce], ambient, bounces, diffuse
        )
    return Light(diffuse, highlight)


def _ambient_of_rooms(
    prepared: PreparedScene, rooms: npt.NDArray[np.int32], seen: npt.NDArray[np.bool_], direct: Floats
) -> Floats:
    """Mean light (rooms, 3) of the visible surfaces in each room, to estimate the light they reflect."""
    count = len(prepared.rooms_low)
    total = np.bincount(rooms[seen], minlength=count).astype(np.float32)
    sums = np.stack(
        [np.bincount(rooms[seen], weights=direct[seen, channel], minlength=count) for channel in range(3)], 1
    )
    whole = sums.sum(0) / max(float(total.sum()), 1.0)
    mean = sums / np.maximum(total, 1.0)[:, None]
    # A barely visible room is shrunk towards the mean of the whole image.
    confidence = (total / (total + 500.0))[:, None]
    sky = np.asarray(prepared.scene.sky, np.float32) * 0.04
    return np.ascontiguousarray(1.35 * (confidence * mean + (1 - confidence) * whole) + sky, np.float32)


def _add_bounce(
    prepared: PreparedScene,
    surfaces: Surfaces,
    rooms: npt.NDArray[np.int32],
    jitter: Floats,
    ambient: Floats,
    bounces: int,
    diffuse: Floats,
) -> None:
    count = len(surfaces.face)
    origins, ways = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    pixels = np.empty(count, np.int32)
    rays = _bounce_rays(
        surfaces.face, surfaces.position, surfaces.normal, np.ascontiguousarray(jitter), origins, ways, pixels
    )
    hits = prepared.caster.nearest(origins[:rays], ways[:rays])
    _add_bounced(
        hits.face,
        hits.reach,
        ways,
        pixels[:rays],
        rooms,
        prepared.face_colour,
        ambient,
        np.asarray(prepared.scene.sky, np.float32),
        1.0 / bounces,
        diffuse,
    )


@compiled
def _room_of(position: Floats, low: Floats, high: Floats) -> npt.NDArray[np.int32]:
    rooms = np.zeros(len(position), np.int32)
    for point in range(len(position)):
        best = np.float32(np.inf)
        for room in range(len(low)):
            outside = np.float32(0.0)
            for axis in range(3):
                outside += max(low[room, axis] - position[point, axis], np.float32(0.0))
                outside += max(position[point, axis] - high[room, axis], np.float32(0.0))
            if outside < best:
                best = outside
                rooms[point] = room
    return rooms


@compiled
def _bounce_rays(
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
    jitter: Floats,
    origins: Floats,
    ways: Floats,
    pixels: npt.NDArray[np.int32],
) -> int:
    """Write one ray per surface, cosine-distributed around the normal."""
    rays = 0
    for pixel in range(len(face)):
        if face[pixel] < 0:
            continue
        height = 2 * jitter[pixel, 0] - 1
        ring = np.sqrt(max(1 - height * height, np.float32(0.0)))
        angle = np.float32(2 * np.pi) * jitter[pixel, 1]
        ways[rays, 0] = normal[pixel, 0] + np.float32(0.999) * ring * np.cos(angle)
        ways[rays, 1] = normal[pixel, 1] + np.float32(0.999) * ring * np.sin(angle)
        ways[rays, 2] = normal[pixel, 2] + np.float32(0.999) * height
        length = np.sqrt(ways[rays, 0] ** 2 + ways[rays, 1] ** 2 + ways[rays, 2] ** 2)
        for axis in range(3):
            ways[rays, axis] /= max(length, np.float32(1e-6))
            origins[rays, axis] = position[pixel, axis] + OFFSET_M * normal[pixel, axis]
        pixels[rays] = pixel
        rays += 1
    return rays


@compiled
def _add_bounced(
    face: npt.NDArray[np.int32],
    reach: Floats,
    ways: Floats,
    pixels: npt.NDArray[np.int32],
    rooms: npt.NDArray[np.int32],
    face_colour: Floats,
    ambient: Floats,
    sky: Floats,
    share: float,
    diffuse: Floats,
) -> None:
    """Add the light from the hits of bounce rays: coloured, weaker in tight corners; or from the sky."""
    part = np.float32(share)
    for ray in range(len(face)):
        pixel = pixels[ray]
        row = face[ray]
        if row < 0:
            brightness = np.float32(0.6) if ways[ray, 2] > 0 else np.float32(0.15)
            for axis in range(3):
                diffuse[pixel, axis] += part * brightness * sky[axis]
            continue
        openness = np.float32(0.15) + np.float32(0.85) * min(reach[ray] * np.float32(0.7), np.float32(1.0))
        for axis in range(3):
            back = ambient[rooms[pixel], axis] * (
                np.float32(0.35) + np.float32(0.65) * face_colour[row, axis]
            )
            diffuse[pixel, axis] += part * openness * back
