"""Solid shapes with exact normals and curvatures: boxes with rounded edges, bodies of revolution, panels.

All lengths are in metres, including texture coordinates, which a material divides by the size of its texture.
Curvature is positive where a surface is convex, as on the outside of a sphere.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from lightning_taskonomy.core.compiled import compiled

Floats = npt.NDArray[np.float64]

_NO_AREA = 1e-24


@dataclass(frozen=True)
class Shape:
    """Triangles of one solid.

    Attributes:
        corners: (n, 3, 3) positions.
        normals: (n, 3, 3) outward unit normals.
        uv: (n, 3, 2) texture coordinates.
        curvature: (n, 3, 2) principal curvatures k1 >= k2, 1/m.
    """

    corners: Floats
    normals: Floats
    uv: Floats
    curvature: Floats

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Shape":
        """The shape translated."""
        return Shape(self.corners + np.array([x, y, z]), self.normals, self.uv, self.curvature)

    def rotated(self, axis: int, angle: float) -> "Shape":
        """The shape rotated about the world axis 0, 1 or 2 by an angle in radians, counter-clockwise."""
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[second, first] = np.sin(angle)
        turn[first, second] = -turn[second, first]
        # As one matrix product: numpy would compute many small ones one by one.
        corners, normals = (
            (rows.reshape(-1, 3) @ turn.T).reshape(rows.shape) for rows in (self.corners, self.normals)
        )
        return Shape(corners, normals, self.uv, self.curvature)


def joined(shapes: list[Shape]) -> Shape:
    """Several shapes as one."""
    return Shape(
        np.concatenate([shape.corners for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.uv for shape in shapes]),
        np.concatenate([shape.curvature for shape in shapes]),
    )


def panel(origin: npt.ArrayLike, across: npt.ArrayLike, up: npt.ArrayLike) -> Shape:
    """A flat rectangle that faces in the direction of across x up.

    Args:
        origin: One corner (3).
        across: Edge (3) along the texture's first direction.
        up: Edge (3) along the second direction, perpendicular to `across`.
    """
    start, first, second = (np.asarray(value, np.float64) for value in (origin, across, up))
    corners = np.array(
        [
            [start, start + first, start + first + second],
            [start, start + first + second, start + second],
        ]
    )
    wide, high = np.linalg.norm(first), np.linalg.norm(second)
    uv = np.array([[[0, 0], [wide, 0], [wide, high]], [[0, 0], [wide, high], [0, high]]], np.float64)
    front = np.cross(first, second)
    normals = np.broadcast_to(front / np.linalg.norm(front), corners.shape).copy()
    return Shape(corners, normals, uv, np.zeros((2, 3, 2)))


def box(wide: float, deep: float, high: float, bevel: float = 0.003, smooth: int = 1) -> Shape:
    """A box that stands on z = 0, centred in x and y, with rounded edges.

    Args:
        wide: Size in x.
        deep: Size in y.
        high: Size in z.
        bevel: Radius of all edges and corners; at most half the smallest side.
        smooth: Steps of a rounded edge on each of its two faces.
    """
    half = np.array([wide, deep, high], np.float64) / 2
    radius = min(bevel, float(half.min()) * 0.999)
    template = _box_template(smooth if radius > 0 else 0)
    corners = template.signs * (half - radius) + radius * template.normals
    uv = np.empty((*corners.shape[:2], 2))
    for axes in ((0, 1), (1, 2), (0, 2)):
        rows = (template.uv_axes == axes).all(1)
        uv[rows] = corners[rows][..., list(axes)]
    sharp = 1.0 / radius if radius > 0 else 0.0
    curvature = np.repeat((template.bends[:, None, :] * sharp), 3, axis=1)
    return Shape(corners + np.array([0.0, 0.0, half[2]]), template.normals, uv, curvature)


@dataclass(frozen=True)
class _BoxTemplate:
    """Shared by boxes with the same `smooth`: corners are `signs * (half - radius) + radius * normals`."""

    signs: Floats
    normals: Floats
    bends: Floats
    uv_axes: npt.NDArray[np.int64]


@cache
def _box_template(smooth: int) -> _BoxTemplate:
    sides = [_box_side(smooth, axis, sign) for axis in range(3) for sign in (-1.0, 1.0)]
    signs, normals, bends, uv_axes = (np.concatenate([side[part] for side in sides]) for part in range(4))
    return _BoxTemplate(signs, normals, bends, uv_axes.astype(np.int64))


def _box_side(smooth: int, axis: int, sign: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Signs, normals, bends (1 where k1 or k2 is 1/radius) and texture axes of one side's triangles."""
    first, second = ((axis + 1) % 3, (axis + 2) % 3) if sign > 0 else ((axis + 2) % 3, (axis + 1) % 3)
    # Equal angles on the rounded edge: tan maps them to the plane of the face.
    slopes = np.tan(np.linspace(0.0, 1.0, smooth + 1) * np.pi / 4)
    line = np.concatenate([-slopes[::-1], slopes])
    ends = np.concatenate([-np.ones(smooth + 1), np.ones(smooth + 1)])
    count = len(line)
    signs, normals = np.zeros((count, count, 3)), np.zeros((count, count, 3))
    signs[..., first], signs[..., second], signs[..., axis] = ends[:, None], ends[None, :], sign
    normals[..., first], normals[..., second], normals[..., axis] = line[:, None], line[None, :], sign
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    bent = (np.arange(count - 1) != smooth).astype(int)
    turns = bent[:, None] + bent[None, :]
    bends = np.repeat(np.stack([turns >= 1, turns >= 2], -1)[..., None, :].astype(np.float64), 4, -2)
    # Textures are upright on the four vertical sides and run along x on top.
    uv_axes = {0: (1, 2), 1: (0, 2), 2: (0, 1)}[axis]
    triangles = _cells_to_triangles(bends)
    return (
        _cells_to_triangles(_grid_cells(signs)),
        _cells_to_triangles(_grid_cells(normals)),
        triangles[:, 0],
        np.broadcast_to(np.array(uv_axes, np.float64), (len(triangles), 2)),
    )


def _grid_cells(values: Floats) -> Floats:
    """The four corners of each cell of a grid: (rows, columns, …) to (rows - 1, columns - 1, 4, …)."""
    return np.stack([values[:-1, :-1], values[1:, :-1], values[1:, 1:], values[:-1, 1:]], 2)


def _cells_to_triangles(cells: Floats) -> Floats:
    """Two triangles (…, 3, …) per cell."""
    flat = cells.reshape(-1, 4, cells.shape[-1])
    return np.concatenate([flat[:, [0, 1, 2]], flat[:, [0, 2, 3]]])


def _from_grid(grid: Floats, normals: Floats, uv: Floats, curvature: Floats) -> Shape:
    """A shape from a grid of points; `curvature` (rows - 1, columns - 1, 4, 2) is per cell and corner."""
    given = (np.ascontiguousarray(values) for values in (grid, normals, uv, curvature))
    return Shape(*_triangles_of_grid(*given))


@compiled
def _triangles_of_grid(
    grid: Floats, normals: Floats, uv: Floats, curvature: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Two triangles per cell, without degenerate ones."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    most = 2 * rows * columns
    corners, fronts = np.empty((most, 3, 3)), np.empty((most, 3, 3))
    flat, bends = np.empty((most, 3, 2)), np.empty((most, 3, 2))
    found = 0
    for half in range(2):
        for cell in range(rows * columns):
            row, column = cell // columns, cell % columns
            for corner in range(3):
                # Corners 0, 1, 2 or corners 0, 2, 3 of the cell.
                place = corner + half if corner else 0
                down, right = row + int(place in (1, 2)), column + int(place > 1)
                corners[found, corner], fronts[found, corner] = grid[down, right], normals[down, right]
                flat[found, corner], bends[found, corner] = uv[down, right], curvature[row, column, place]
            found += _square_of_area(corners[found]) > _NO_AREA
    return corners[:found], fronts[:found], flat[:found], bends[:found]


@compiled
def _square_of_area(corners: Floats) -> float:
    """Squared area of the parallelogram of which a triangle is half."""
    square = 0.0
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        square += (
            (corners[1, one] - corners[0, one]) * (corners[2, other] - corners[0, other])
            - (corners[1, other] - corners[0, other]) * (corners[2, one] - corners[0, one])
        ) ** 2
    return square


def revolved(profile: npt.ArrayLike, sides: int = 20, closed: bool = True) -> Shape:
    """A smooth body of revolution about the z axis.

    Args:
        profile: (n, 2) radius and height along one smooth curve; upwards for an outside, downwards for an
            inside.
        sides: Steps around the axis.
        closed: Whether the body is complete; otherwise half of it is made.
    """
    curve = np.asarray(profile, np.float64)
    radius, height = curve[:, 0], curve[:, 1]
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(radius), np.diff(height)))])
    slope_r, slope_z = _rate(radius, steps), _rate(height, steps)
    speed = np.hypot(slope_r, slope_z)
    slope_r, slope_z = slope_r / speed, slope_z / speed
    meridian = slope_z * _rate(slope_r, steps) - slope_r * _rate(slope_z, steps)
    meridian = -meridian
    around = slope_z / np.maximum(radius, 1e-4)
    around = np.where(radius < 1e-3, meridian, around)
    angles = np.linspace(0.0, 2 * np.pi if closed else np.pi, sides + 1)
    cosine, sine = np.cos(angles), np.sin(angles)
    ones = np.ones(sides + 1)
    grid = np.stack([np.outer(cosine, radius), np.outer(sine, radius), np.outer(ones, height)], -1)
    normals = np.stack([np.outer(cosine, slope_z), np.outer(sine, slope_z), np.outer(ones, -slope_r)], -1)
    widest = max(float(radius.max()), 1e-3)
    uv = np.stack([np.outer(angles * widest, np.ones(len(radius))), np.outer(ones, steps)], -1)
    bends = np.stack([np.maximum(meridian, around), np.minimum(meridian, around)], -1)
    cells = np.stack([bends[:-1], bends[:-1], bends[1:], bends[1:]], 1)
    return _from_grid(grid, normals, uv, np.broadcast_to(cells[None], (sides, len(radius) - 1, 4, 2)))


def turned_on_lathe(outline: list[npt.ArrayLike], sides: int = 20) -> Shape:
    """A body of revolution whose outline has corners between smooth parts."""
    return joined([revolved(part, sides) for part in outline])


def spline(points: npt.ArrayLike, count: int = 14) -> Floats:
    """A smooth curve (count, 2) through points (n, 2), for `revolved`."""
    knots = np.asarray(points, np.float64)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return np.asarray(PchipInterpolator(steps, knots)(np.linspace(0.0, steps[-1], count)))


def disc(radius: float, height: float, up: bool = True, sides: int = 20) -> Shape:
    """A flat disc about the z axis that faces up or down."""
    profile = [[radius, height], [0.0, height]] if up else [[0.0, height], [radius, height]]
    flat = revolved(profile, sides)
    return replace(flat, uv=flat.corners[..., :2].copy())


def cylinder(radius: float, high: float, sides: int = 18, top: float | None = None) -> Shape:
    """A closed cylinder standing on z = 0, or a frustum if `top` is another radius."""
    upper = radius if top is None else top
    return joined(
        [
            disc(radius, 0.0, False, sides),
            revolved([[radius, 0.0], [upper, high]], sides),
            disc(upper, high, True, sides),
        ]
    )


def sphere(radius: float, sides: int = 24) -> Shape:
    """A sphere about the origin."""
    return ellipsoid(radius, radius, sides)


def ellipsoid(radius: float, half_height: float, sides: int = 24) -> Shape:
    """An ellipsoid of revolution about the z axis, with exact principal curvatures."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    cosine, sine = np.cos(angles), np.sin(angles)
    turn = np.linspace(0.0, 2 * np.pi, sides + 1)
    grid = np.stack(
        [
            np.outer(np.cos(turn), radius * cosine),
            np.outer(np.sin(turn), radius * cosine),
            np.outer(np.ones(sides + 1), half_height * sine),
        ],
        -1,
    )
    normals = grid / np.array([radius**2, radius**2, half_height**2])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    stretch = np.sqrt(radius**2 * sine**2 + half_height**2 * cosine**2)
    meridian = radius * half_height / stretch**3
    around = half_height / (radius * stretch)
    bends = np.stack([np.maximum(meridian, around), np.minimum(meridian, around)], -1)
    cells = np.stack([bends[:-1], bends[:-1], bends[1:], bends[1:]], 1)
    uv = np.stack(
        [np.outer(turn * radius, np.ones(len(angles))), np.outer(np.ones(sides + 1), angles * half_height)],
        -1,
    )
    return _from_grid(grid, normals, uv, np.broadcast_to(cells[None], (sides, len(angles) - 1, 4, 2)))


def tube(path: npt.ArrayLike, radius: float, sides: int = 8) -> Shape:
    """A round tube along points (n, 3), of straight pieces with open ends, for taps and handles."""
    points = np.asarray(path, np.float64)
    pieces = []
    for start, end in pairwise(points):
        way = end - start
        length = float(np.linalg.norm(way))
        piece = revolved([[radius, 0.0], [radius, length]], sides)
        tilt = float(np.arccos(np.clip(way[2] / length, -1, 1)))
        heading = float(np.arctan2(way[1], way[0]))
        pieces.append(piece.rotated(1, tilt).rotated(2, heading).moved(*start))
    return joined([*pieces, *(sphere(radius, 8).moved(*point) for point in points[1:-1])])


def wavy_sheet(wide: float, high: float, depth: float, folds: int) -> Shape:
    """A hanging curtain with sinusoidal folds along x, which reaches down to z = 0 and faces -y."""
    across = np.linspace(-wide / 2, wide / 2, folds * 7 + 1)
    rate = 2 * np.pi * folds / wide
    wave, slope = depth * np.sin(rate * across), depth * rate * np.cos(rate * across)
    bend = -(rate**2) * wave / (1 + slope**2) ** 1.5
    rows = np.array([0.0, high])
    ones = np.ones(2)
    grid = np.stack([np.outer(across, ones), np.outer(wave, ones), np.outer(np.ones(len(across)), rows)], -1)
    normals = np.stack([np.outer(slope, ones), -np.ones_like(grid[..., 0]), np.zeros_like(grid[..., 0])], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    # A fold towards the viewer (-y) is where the wave is low and its second derivative positive.
    bends = np.stack([np.maximum(bend, 0), np.minimum(bend, 0)], -1)
    cells = np.stack([bends[:-1], bends[1:], bends[1:], bends[:-1]], 1)[:, None]
    return _from_grid(grid, normals, grid[..., [0, 2]], cells)


def _rate(values: Floats, steps: Floats) -> Floats:
    """The derivative of values along a curve, of second order even at its ends."""
    if len(steps) == 2:
        return np.full(2, (values[1] - values[0]) / (steps[1] - steps[0]))
    return np.asarray(np.gradient(values, steps, edge_order=2))


def extruded(profile: npt.ArrayLike, length: float, step: float) -> Shape:
    """A smooth profile extruded along x, from -length/2 to length/2.

    Args:
        profile: (n, 2) distance out (towards -y) and height, listed upwards; the solid is behind it (+y).
        length: Length, metres.
        step: Maximum distance between rows of vertices along x.
    """
    curve = np.asarray(profile, np.float64)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    slope_y, slope_z = -_rate(curve[:, 0], steps), _rate(curve[:, 1], steps)
    speed = np.hypot(slope_y, slope_z)
    slope_y, slope_z = slope_y / speed, slope_z / speed
    bend = slope_z * _rate(slope_y, steps) - slope_y * _rate(slope_z, steps)
    along = np.linspace(-length / 2, length / 2, max(1, int(np.ceil(length / step))) + 1)
    ones, rows = np.ones(len(along)), np.ones(len(curve))
    grid = np.stack([np.outer(along, rows), np.outer(ones, -curve[:, 0]), np.outer(ones, curve[:, 1])], -1)
    normals = np.stack([np.zeros_like(grid[..., 0]), np.outer(ones, -slope_z), np.outer(ones, slope_y)], -1)
    uv = np.stack([np.outer(along, rows), np.outer(ones, steps)], -1)
    bends = np.stack([np.maximum(bend, 0), np.minimum(bend, 0)], -1)
    cells = np.stack([bends[:-1], bends[:-1], bends[1:], bends[1:]], 1)
    return _from_grid(grid, normals, uv, np.broadcast_to(cells[None], (len(along) - 1, len(curve) - 1, 4, 2)))


def grid_panel(origin: npt.ArrayLike, across: npt.ArrayLike, up: npt.ArrayLike, step: float) -> Shape:
    """A `panel` of cells of about `step` metres, fine enough to be bent."""
    start, first, second = (np.asarray(value, np.float64) for value in (origin, across, up))
    wide, high = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    columns = np.linspace(0.0, 1.0, max(1, int(np.ceil(wide / step))) + 1)
    rows = np.linspace(0.0, 1.0, max(1, int(np.ceil(high / step))) + 1)
    grid = start + columns[:, None, None] * first + rows[None, :, None] * second
    front = np.cross(first, second)
    normals = np.broadcast_to(front / np.linalg.norm(front), grid.shape)
    uv = np.stack(np.broadcast_arrays(columns[:, None] * wide, rows[None, :] * high), -1)
    return _from_grid(grid, normals, uv, np.zeros((len(columns) - 1, len(rows) - 1, 4, 2)))
