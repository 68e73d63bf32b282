"""Geometric labels of one view in Taskonomy's units and bit depths.

Normals are in the camera frame, with red to the right, green downwards and blue into the scene, as in
Taskonomy's own files: a wall facing the camera is (127, 127, 0), a floor under a level camera (127, 0, 127),
a ceiling (127, 254, 127).
"""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.data.domains import DEPTH_INVALID, DEPTH_MAXIMUM_M, DEPTH_UNITS_PER_METRE
from lightning_taskonomy.synthetic.render.camera import Camera
from lightning_taskonomy.synthetic.render.scene import Scene
from lightning_taskonomy.synthetic.render.surfaces import Surfaces

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]

MIN_CURVATURE_RADIUS_M = 0.03
LAMP_HALF_LIFE_M2 = 8.0
"""Squared distance at which the lamp's light has dropped to half."""
LAMP_GAIN = 1.6
_CENTRE = 127
_NORMAL_AXES = np.array([1.0, -1.0, -1.0], np.float32)
"""From camera axes (x right, y up, z backwards) to those of the normal image (right, down, forward)."""


def camera_normals(surfaces: Surfaces, camera: Camera) -> Floats:
    """Unit normals (resolution, resolution, 3) in the axes of the normal image; zero without a surface."""
    matrix = (camera.rotation * _NORMAL_AXES).astype(np.float32)
    return _turned(surfaces.normal, matrix).reshape(camera.resolution, camera.resolution, 3)


def normal_picture(normals: Floats) -> Bytes:
    """Normals (..., 3) as 8-bit colours with zero at 127; (127, 127, 127) without a surface."""
    return np.asarray(np.rint(_CENTRE + _CENTRE * normals), np.uint8)


def z_depth(surfaces: Surfaces, camera: Camera) -> Floats:
    """Depth along the viewing axis (resolution, resolution), metres; infinite without a surface."""
    return surfaces.reach.reshape(camera.resolution, camera.resolution)


def distance_per_depth(camera: Camera) -> Floats:
    """Ratio of the distance from the camera to z-depth, per pixel (resolution, resolution)."""
    steps = (np.arange(camera.resolution) + 0.5 - 0.5 * camera.resolution) / camera.focal_pixels
    return np.sqrt(1.0 + steps[:, None] ** 2 + steps[None, :] ** 2).astype(np.float32)


def depth_picture(depth_m: Floats) -> Words:
    """Depths or distances in metres as 16-bit integers in units of 1/512 m; 65535 without a surface."""
    furthest = DEPTH_MAXIMUM_M - 1 / DEPTH_UNITS_PER_METRE
    units = np.rint(np.minimum(depth_m, furthest) * DEPTH_UNITS_PER_METRE)
    return np.where(np.isfinite(depth_m), np.minimum(units, DEPTH_INVALID - 1), DEPTH_INVALID).astype(
        np.uint16
    )


def reshading_picture(surfaces: Surfaces, camera: Camera) -> Bytes:
    """White matt surfaces lit by a lamp at the camera: 255 · min(1, 1.6 · cos θ · 8 / (8 + r²)).

    θ is the angle between surface normal and ray, r the distance to the camera in metres. All three channels
    are equal, (resolution, resolution, 3).
    """
    grey = _lit_from_camera(surfaces.normal, camera.grid_directions(), surfaces.reach)
    return np.repeat(grey.reshape(camera.resolution, camera.resolution, 1), 3, axis=-1)


@compiled
def _lit_from_camera(normal: Floats, directions: Floats, reach: Floats) -> Bytes:
    grey = np.zeros(len(normal), np.uint8)
    half_life, gain = np.float32(LAMP_HALF_LIFE_M2), np.float32(LAMP_GAIN)
    for pixel in range(len(normal)):
        if reach[pixel] == np.inf:
            continue
        cosine, square = np.float32(0.0), np.float32(0.0)
        for axis in range(3):
            cosine -= normal[pixel, axis] * directions[pixel, axis]
            square += directions[pixel, axis] ** 2
        cosine /= np.sqrt(square)
        left = half_life / (half_life + reach[pixel] * reach[pixel] * square)
        light = min(max(gain * cosine * left, np.float32(0.0)), np.float32(1.0))
        grey[pixel] = np.uint8(np.float32(255) * light + np.float32(0.5))
    return grey


@compiled
def _turned(vectors: Floats, matrix: Floats) -> Floats:
    """Rows times a 3x3 matrix; BLAS would start threads for this small product."""
    turned = np.empty_like(vectors)
    for row in range(len(vectors)):
        for column in range(3):
            turned[row, column] = (
                vectors[row, 0] * matrix[0, column]
                + vectors[row, 1] * matrix[1, column]
                + vectors[row, 2] * matrix[2, column]
            )
    return turned


def curvature_picture(surfaces: Surfaces, camera: Camera) -> Bytes:
    """Principal curvatures, the one of larger magnitude in red, the other in green; blue is 0.

    Convex is positive; -1/0.03 m to 1/0.03 m becomes 0 to 254, and larger curvatures are clipped.
    """
    side = camera.resolution
    first, second = surfaces.curvature.T
    bends = np.where(
        (np.abs(second) > np.abs(first))[:, None], surfaces.curvature[:, ::-1], surfaces.curvature
    )
    picture = np.zeros((side * side, 3), np.uint8)
    picture[:, :2] = np.rint(_CENTRE + _CENTRE * np.clip(bends * MIN_CURVATURE_RADIUS_M, -1.0, 1.0))
    return picture.reshape(side, side, 3)


def semantic_picture(scene: Scene, surfaces: Surfaces, camera: Camera) -> Bytes:
    """Semantic ids; 0 (uncertain) without a surface."""
    ids = np.where(surfaces.seen, scene.triangles.semantic[surfaces.face], 0)
    return ids.astype(np.uint8).reshape(camera.resolution, camera.resolution)


def valid_picture(surfaces: Surfaces, camera: Camera) -> Bytes:
    """255 where there is a surface, else 0."""
    return np.where(surfaces.seen, 255, 0).astype(np.uint8).reshape(camera.resolution, camera.resolution)
