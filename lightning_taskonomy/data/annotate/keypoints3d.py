"""Keypoints of a depth image: the interest value of NARF (Steder et al. 2011, section V)."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.data.annotate.edges import Floats, Words, full_scale

SUPPORT_M = 0.3
"""Diameter of the neighbourhood that decides about a point."""
_PATCH_PIXELS = 10
"""A point is judged in the coarsest image in which its support is still as wide as this."""
_BORDER_SHARE = 0.05
"""Of the inverse depth: a larger second difference marks a border between surfaces."""
_LEAST_CHANGE = 0.2
"""Pixels whose surface changes less do not count."""
_STABLE_SHARE = 0.25
"""Of the support's radius: a point is not stable within this distance of a change."""
_DIRECTIONS = 18
_DIRECTION_SIGMA_PIXELS = 1.5
_BEAMS = np.array([(r * k, c * k) for k in (1, 2) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c])
_COARSEST_RADS = np.radians(4.0)

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.int32]


def keypoints3d(depth_m: Floats, field_of_view_rads: float) -> Words:
    """NARF interest of a z-depth image (H, W) in metres, infinite without a surface; 16-bit, (H, W).

    A point is interesting where the surface around it changes in at least two directions, while it is stable
    at the point itself. Each pixel gets a weight, how much the surface changes there (1 at the border of
    something in front), and the direction of that change in the image; the interest combines the weights of
    all pairs of pixels within the support that change in different directions. Near points are judged in
    smaller images, whose values are interpolated.

    Args:
        depth_m: depth along the viewing axis.
        field_of_view_rads: horizontal angle of view.
    """
    near = np.asarray(1 / np.maximum(depth_m, np.float32(1e-3)), np.float32)
    levels = list(_pyramid(near, field_of_view_rads / near.shape[1]))
    focal = 0.5 * near.shape[1] / np.tan(0.5 * field_of_view_rads)
    interest: Floats | None = None
    for level in reversed(range(len(levels))):
        inverse = levels[level]
        scaled_focal = float(focal / 2**level)
        normals = _normals(inverse, scaled_focal)
        weight, direction = np.zeros_like(inverse), np.zeros_like(inverse)
        judged = _borders(inverse, weight, direction)
        _bends(normals, judged, weight, direction)
        direction = _smoothed(direction, weight)
        coarser = np.zeros_like(inverse) if interest is None else _enlarged(interest, inverse.shape)
        nearer_than = 0.0 if interest is None else SUPPORT_M * scaled_focal / (2 * _PATCH_PIXELS)
        points = _points(inverse, scaled_focal)
        interest = _interest(weight, direction, judged, points, scaled_focal, nearer_than, coarser)
    assert interest is not None
    return full_scale(interest)


def _pyramid(inverse: Floats, pixel_rads: float) -> Iterator[Floats]:
    """The inverse depths, then images of half the sides with the nearest of four pixels, while fine."""
    while True:
        yield inverse
        height, width = (length // 2 for length in inverse.shape)
        if pixel_rads > _COARSEST_RADS or min(height, width) < 4:
            return
        inverse = inverse[: 2 * height, : 2 * width].reshape(height, 2, width, 2).max(axis=(1, 3))
        pixel_rads *= 2


def _enlarged(image: Floats, shape: tuple[int, ...]) -> Floats:
    height, width = shape
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def _points(inverse: Floats, focal: float) -> Floats:
    """The pixels' surface points: right, down, ahead in metres, (H, W, 3)."""
    height, width = inverse.shape
    depth = 1 / np.maximum(inverse, np.float32(1e-6))
    down = ((np.arange(height) + 0.5 - 0.5 * height) / focal).astype(np.float32)
    across = ((np.arange(width) + 0.5 - 0.5 * width) / focal).astype(np.float32)
    return np.stack([depth * across, depth * down[:, None], depth], axis=-1)


@compiled
def _slope(back: float, forth: float, here: float) -> float:
    """Change of the inverse depth per pixel: from both neighbours, or from the one on the same surface."""
    if abs(forth) > 3 * abs(back) + 1e-3 * here:
        return back
    if abs(back) > 3 * abs(forth) + 1e-3 * here:
        return forth
    return 0.5 * (back + forth)


@compiled
def _normals(inverse: Floats, focal: float) -> Floats:
    """Unit normals (H, W, 3), right, down, ahead; zero without a surface.

    A plane n·p = d has the inverse depth (n·ray)/d, linear in the image: its slopes are the normal's parts.
    """
    height, width = inverse.shape
    normals = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            here = inverse[row, column]
            if here == 0:
                continue
            up, down = inverse[max(row - 1, 0), column], inverse[min(row + 1, height - 1), column]
            left, right = inverse[row, max(column - 1, 0)], inverse[row, min(column + 1, width - 1)]
            x = focal * _slope(here - left, right - here, here)
            y = focal * _slope(here - up, down - here, here)
            z = here - (x * (column + 0.5 - 0.5 * width) + y * (row + 0.5 - 0.5 * height)) / focal
            length = np.sqrt(x * x + y * y + z * z)
            normals[row, column, 0], normals[row, column, 1] = x / length, y / length
            normals[row, column, 2] = z / length
    return normals


@compiled
def _borders(inverse: Floats, weight: Floats, direction: Floats) -> Mask:
    """Set weight 1 and direction at foreground borders; returns which pixels count, (H, W).

    Pixels without a surface, and those behind such a border, do not count.
    """
    height, width = inverse.shape
    judged = inverse > 0
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            here = inverse[row, column]
            down, up = inverse[row + 1, column] - here, inverse[row - 1, column] - here
            right, left = inverse[row, column + 1] - here, inverse[row, column - 1] - here
            # A plane does not bend: its inverse depth is linear in the image.
            limit = _BORDER_SHARE * here
            if max(down + up, right + left) > limit:
                judged[row, column] = False
            elif judged[row, column] and min(down + up, right + left) < -limit:
                weight[row, column] = 1.0
                diagonal_down = inverse[row + 1, column + 1] - inverse[row - 1, column - 1]
                diagonal_up = inverse[row + 1, column - 1] - inverse[row - 1, column + 1]
                direction[row, column] = np.arctan2(
                    2 * (down - up) + diagonal_down + diagonal_up,
                    2 * (right - left) + diagonal_down - diagonal_up,
                )
    return judged


@compiled
def _bends(normals: Floats, judged: Mask, weight: Floats, direction: Floats) -> None:
    """Set weight and direction where there is no border: the largest spread of the normals nearby."""
    height, width = judged.shape
    for row in range(2, height - 2):
        for column in range(2, width - 2):
            if not judged[row, column] or weight[row, column] == 1:
                continue
            mean_x, mean_y, mean_z, count = 0.0, 0.0, 0.0, 0
            xx, xy, xz, yy, yz, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for neighbour in range(16):  # in eight directions, one and two pixels away
                r, c = row + _BEAMS[neighbour, 0], column + _BEAMS[neighbour, 1]
                if judged[r, c]:
                    x, y, z = normals[r, c, 0], normals[r, c, 1], normals[r, c, 2]
                    mean_x, mean_y, mean_z, count = mean_x + x, mean_y + y, mean_z + z, count + 1
                    xx, xy, xz = xx + x * x, xy + x * y, xz + x * z
                    yy, yz, zz = yy + y * y, yz + y * z, zz + z * z
            if count < 3:
                continue
            mean_x, mean_y, mean_z = mean_x / count, mean_y / count, mean_z / count
            xx, xy, xz = xx / count - mean_x**2, xy / count - mean_x * mean_y, xz / count - mean_x * mean_z
            yy, yz, zz = yy / count - mean_y**2, yz / count - mean_y * mean_z, zz / count - mean_z**2
            if xx + yy + zz < _LEAST_CHANGE**2:
                continue
            spread, x, y = _main_axis(xx, xy, xz, yy, yz, zz)
            weight[row, column], direction[row, column] = spread, np.arctan2(y, x)


@compiled
def _main_axis(
    xx: float, xy: float, xz: float, yy: float, yz: float, zz: float
) -> tuple[float, float, float]:
    """Largest standard deviation of a covariance, and the axis's first two components; power iteration."""
    x, y, z = xx, xy, xz
    if yy > xx and yy >= zz:
        x, y, z = xy, yy, yz
    elif zz > xx:
        x, y, z = xz, yz, zz
    for _ in range(8):
        shorter = 1 / np.sqrt(x * x + y * y + z * z)
        x, y, z = x * shorter, y * shorter, z * shorter
        x, y, z = xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z
    return np.sqrt(np.sqrt(x * x + y * y + z * z)), x, y


def _smoothed(direction: Floats, weight: Floats) -> Floats:
    """Directions averaged over neighbours, as the pixel steps of a line are not directions of the surface.

    A direction and its opposite are the same here, hence the doubled angle.
    """
    cosine, sine = (
        ndimage.gaussian_filter(weight * part(2 * direction), _DIRECTION_SIGMA_PIXELS, mode="nearest")
        for part in (np.cos, np.sin)
    )
    return np.asarray(0.5 * np.arctan2(sine, cosine), np.float32)


@compiled
def _changing(weight: Floats) -> tuple[Places, Places]:
    """Where the surface changes enough to count.

    Returns:
        Rows and columns of these pixels, row by row, (n, 2); and how many come before each pixel, (H, W + 1).
    """
    height, width = weight.shape
    places, before = np.empty((height * width, 2), np.int32), np.empty((height, width + 1), np.int32)
    found = 0
    for row in range(height):
        for column in range(width):
            before[row, column] = found
            if weight[row, column] >= _LEAST_CHANGE:
                places[found, 0], places[found, 1] = row, column
                found += 1
        before[row, width] = found
    return places[:found], before


@compiled
def _interest(
    weight: Floats,
    direction: Floats,
    judged: Mask,
    points: Floats,
    focal: float,
    nearer_than: float,
    coarser: Floats,
) -> Floats:
    """NARF's interest at each pixel, 0 to 1, (H, W); that of the coarser image below `nearer_than`."""
    height, width = weight.shape
    interest = np.zeros((height, width), np.float32)
    strongest, apart = np.zeros(_DIRECTIONS), _angles_between_directions()
    places, before = _changing(weight)
    # The changing pixels' positions and weights, and their directions, side by side.
    changes, bins = np.empty((len(places), 4), np.float32), np.empty(len(places), np.int32)
    for place in range(len(places)):
        r, c = places[place, 0], places[place, 1]
        for axis in range(3):
            changes[place, axis] = points[r, c, axis]
        changes[place, 3] = weight[r, c]
        turn = direction[r, c] / np.pi
        bins[place] = int(turn * _DIRECTIONS + 2 * _DIRECTIONS) % _DIRECTIONS
    for row in range(height):
        for column in range(width):
            if not judged[row, column]:
                continue
            x, y, z = points[row, column, 0], points[row, column, 1], points[row, column, 2]
            distance = np.sqrt(x * x + y * y + z * z)
            if distance < nearer_than:
                interest[row, column] = coarser[row, column]
                continue
            reach = max(int(0.5 * SUPPORT_M * focal * distance / (z * z)), 2)
            stable = _stability(changes, bins, before, x, y, z, row, column, reach, strongest)
            if stable > 0:
                interest[row, column] = stable * _of_best_pair(strongest, apart)
    return interest


@compiled
def _stability(
    changes: Floats,
    bins: Places,
    before: Places,
    x: float,
    y: float,
    z: float,
    row: int,
    column: int,
    reach: int,
    strongest: Values,
) -> float:
    """How stable a pixel at (x, y, z) is, 0 to 1; 0 as well where nothing around it changes.

    `strongest` gets the largest value in each direction of its support. Only pixels where the surface changes
    are visited, which are few.
    """
    height, width = before.shape[0], before.shape[1] - 1
    per_radius = 1 / (0.5 * SUPPORT_M)
    strongest[:] = 0.0
    left, right = max(column - reach, 0), min(column + reach + 1, width)
    change, seen = 0.0, 0
    # Without branches: what lies outside the support has the value 0.
    for r in range(max(row - reach, 0), min(row + reach + 1, height)):
        for place in range(before[r, left], before[r, right]):
            right_of, below, behind = changes[place, 0] - x, changes[place, 1] - y, changes[place, 2] - z
            square = float(right_of * right_of) + float(below * below) + float(behind * behind)
            share = np.sqrt(square) * per_radius
            w = changes[place, 3]
            strongest[bins[place]] = max(strongest[bins[place]], w * max(1.0 - share, 0.0))
            change = max(change, w * max(1.0 - share / _STABLE_SHARE, 0.0))
        seen += before[r, right] - before[r, left]
    if seen == 0:
        return 0.0
    # Neighbours count in full, however far away they are.
    for r in range(max(row - 1, 0), min(row + 2, height)):
        for place in range(before[r, max(column - 1, 0)], before[r, min(column + 2, width)]):
            strongest[bins[place]] = max(strongest[bins[place]], float(changes[place, 3]))
    return (1.0 - 0.5 * change) ** 2


@compiled
def _angles_between_directions() -> Values:
    """Angles between directions as fractions of a right angle, (directions, directions)."""
    apart = np.empty((_DIRECTIONS, _DIRECTIONS))
    for first in range(_DIRECTIONS):
        for second in range(_DIRECTIONS):
            turn = 2.0 * abs(first - second) / _DIRECTIONS
            apart[first, second] = min(turn, 2.0 - turn)
    return apart


@compiled
def _of_best_pair(strongest: Values, apart: Values) -> float:
    """Square root of the largest product of two directions' values and the angle between them."""
    best = 0.0
    for first in range(_DIRECTIONS):
        if strongest[first] > 0:
            for second in range(first):
                best = max(best, strongest[first] * strongest[second] * apart[first, second])
    root: float = np.sqrt(best)
    return root
