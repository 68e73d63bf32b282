"""Where a depth image has keypoints: the interest value of NARF (Steder et al. 2011)."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lightning_taskonomy.data.annotate.edges import Floats, Words, finite, full_scale
from lightning_taskonomy.data.compiled import compiled

SUPPORT_M = 0.3
"""Diameter of the surroundings that decide about a point."""
_JUMP_SHARE = 0.04
"""Neighbours whose depths differ by more than this share are on different surfaces."""
_SAMPLES = 11
"""Pixels looked at across the support, in either direction."""
_DIRECTIONS = 18
_DIRECTION_BLUR_PIXELS = 2.0
_BLUR_PIXELS = 1.5


def keypoints3d(depth_m: Floats, field_of_view_rads: float) -> Words:
    """NARF interest of a z-depth image (H, W) in metres, infinite without a surface; 16-bit, (H, W).

    A point is interesting where the surface around it changes in at least two directions, while it is stable
    at the point itself. Each pixel gets a weight, how much the surface changes there (1 at a jump of depth),
    and the direction of that change in the picture; the interest combines the weights of pairs of pixels
    within the support that change in different directions.

    Args:
        depth_m: depth along the viewing axis.
        field_of_view_rads: horizontal angle of view.
    """
    filled = finite(depth_m)
    if not (filled > 0).any():
        return np.zeros(depth_m.shape, np.uint16)
    focal = 0.5 * depth_m.shape[1] / np.tan(0.5 * field_of_view_rads)
    points = _points(filled, focal)
    weight, direction = _surface_change(points, _normals(points), filled)
    interest = _interest(filled, weight, _smoothed(direction, weight), focal)
    interest[~np.isfinite(depth_m)] = 0
    return full_scale(ndimage.gaussian_filter(interest, _BLUR_PIXELS, mode="nearest"))


def _points(depth: Floats, focal: float) -> Floats:
    """Where the pixels' surfaces are in the camera's frame, metres, (H, W, 3)."""
    height, width = depth.shape
    rows = (np.arange(height) + 0.5 - 0.5 * height) / focal
    columns = (np.arange(width) + 0.5 - 0.5 * width) / focal
    return np.stack([depth * columns[None, :], depth * rows[:, None], depth], axis=-1).astype(np.float32)


def _normals(points: Floats) -> Floats:
    """Unit normals of the smoothed surface, (H, W, 3)."""
    smooth = ndimage.gaussian_filter(points, (1.0, 1.0, 0.0), mode="nearest")
    down = np.gradient(smooth, axis=0)
    across = np.gradient(smooth, axis=1)
    normals = np.cross(across, down)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12), np.float32)


@compiled
def _surface_change(
    points: Floats, normals: Floats, depth: Floats
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """How much the surface changes at each pixel, 0 to 1, and in which direction of the picture, radians."""
    height, width = depth.shape
    weight = np.zeros((height, width), np.float32)
    direction = np.zeros((height, width), np.float32)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            turn = np.zeros(2)  # of the normal per metre, down and across
            jump = np.zeros(2)
            for axis in range(2):
                r0, c0 = row - (axis == 0), column - (axis == 1)
                r1, c1 = row + (axis == 0), column + (axis == 1)
                jump[axis] = depth[r1, c1] - depth[r0, c0]
                apart, cosine = 0.0, 0.0
                for k in range(3):
                    apart += (points[r1, c1, k] - points[r0, c0, k]) ** 2
                    cosine += normals[r1, c1, k] * normals[r0, c0, k]
                turn[axis] = np.arccos(min(max(cosine, -1.0), 1.0)) / max(np.sqrt(apart), 1e-6)
            if np.hypot(jump[0], jump[1]) > 2 * _JUMP_SHARE * depth[row, column]:
                weight[row, column] = 1.0
                direction[row, column] = np.arctan2(jump[0], jump[1])
                continue
            share = min(np.hypot(turn[0], turn[1]) * SUPPORT_M / (4 * np.pi), 1.0)
            weight[row, column] = 1.0 - (1.0 - share) ** 3
            direction[row, column] = np.arctan2(turn[0], turn[1])
    return weight, direction


def _smoothed(direction: Floats, weight: Floats) -> Floats:
    """Directions averaged over neighbours, as the steps of a drawn line are no directions of the surface.

    A direction and its opposite are the same here, hence the doubled angle.
    """
    cosine, sine = (
        ndimage.gaussian_filter(weight * part(2 * direction), _DIRECTION_BLUR_PIXELS, mode="nearest")
        for part in (np.cos, np.sin)
    )
    return np.asarray(0.5 * np.arctan2(sine, cosine), np.float32)


@compiled
def _interest(depth: Floats, weight: Floats, direction: Floats, focal: float) -> Floats:
    """NARF's interest value I1 · I2 at each pixel, 0 to 1, (H, W)."""
    height, width = depth.shape
    interest = np.zeros((height, width), np.float32)
    strongest = np.zeros(_DIRECTIONS)
    difference = 1.0 - np.abs(np.cos(np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS))
    for row in range(height):
        for column in range(width):
            here = depth[row, column]
            reach = min(max(0.5 * SUPPORT_M * focal / here, 2.0), 40.0)
            step = 2 * reach / (_SAMPLES - 1)
            strongest[:] = 0.0
            stable = 1.0
            for i in range(_SAMPLES):
                for j in range(_SAMPLES):
                    down, across = -reach + i * step, -reach + j * step
                    r, c = round(row + down), round(column + across)
                    if not (0 <= r < height and 0 <= c < width):
                        continue
                    metres = here / focal
                    apart = np.sqrt((metres * down) ** 2 + (metres * across) ** 2 + (depth[r, c] - here) ** 2)
                    if apart > 0.5 * SUPPORT_M:
                        continue
                    w = weight[r, c]
                    stable = min(stable, 1.0 - w * max(1.0 - 10.0 * apart / SUPPORT_M, 0.0))
                    value = np.sqrt(w * max(1.0 - abs(2.0 * apart / SUPPORT_M - 0.5), 0.0))
                    place = int(direction[r, c] / np.pi * _DIRECTIONS + 2 * _DIRECTIONS) % _DIRECTIONS
                    strongest[place] = max(strongest[place], value)
            best = 0.0
            for first in range(_DIRECTIONS):
                for second in range(first):
                    pair = strongest[first] * strongest[second] * difference[first - second]
                    best = max(best, pair)
            interest[row, column] = stable * best
    return interest
