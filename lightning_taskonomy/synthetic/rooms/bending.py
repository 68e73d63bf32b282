"""Bending shapes by a smooth field, with exact normals and curvatures: plaster, cloth, upholstery.

The field moves every point x to x + d(x), where d is a sum of plane waves. Let J be the derivative of
x + d(x). A surface with tangents t, normal n and curvature tensor k is mapped to one with tangents J t, a
normal m perpendicular to them, first fundamental form (J t_i)·(J t_j), and second fundamental form
k_ij m·(J n) - m·d_ij (positive where convex), where d_ij is the second derivative of d along t_i and t_j.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.synthetic.rooms.shapes import Floats, Shape


@dataclass(frozen=True)
class Waves:
    """A displacement field of plane waves.

    Attributes:
        vectors: (m, 3) wave vectors, radians per metre.
        pushes: (m, 3) amplitude of each wave's displacement, metres.
        phases: (m,) radians.
        longest_edge_m: Triangles are subdivided until no edge is longer, so that they follow the waves.
    """

    vectors: Floats
    pushes: Floats
    phases: Floats
    longest_edge_m: float

    @classmethod
    def drawn(
        cls, random: np.random.Generator, shortest_m: float, longest_m: float, bend: float, count: int = 10
    ) -> "Waves":
        """A field of random waves in all directions.

        Args:
            random: Random generator.
            shortest_m: Minimum wavelength.
            longest_m: Maximum wavelength.
            bend: Root mean square curvature in the direction of the waves, 1/m.
            count: Number of waves.
        """
        ways, sides = random.standard_normal((2, count, 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        sides /= np.linalg.norm(sides, axis=1, keepdims=True)
        rate = 2 * np.pi / np.geomspace(shortest_m, longest_m, count)
        push = bend * np.sqrt(2 / count) / rate**2
        phases = random.uniform(0, 2 * np.pi, count)
        return cls(ways * rate[:, None], sides * push[:, None], phases, 0.75 * shortest_m)

    def shift(self, points: Floats) -> Floats:
        """Displacement (n, 3) of points (n, 3), metres."""
        return np.asarray(np.sin(points @ self.vectors.T + self.phases) @ self.pushes)

    def bent(self, shape: Shape) -> Shape:
        """A shape displaced by the field, after subdivision."""
        fine = cut(shape, self.longest_edge_m)
        corners, normals, curvature = _bend(
            np.ascontiguousarray(fine.corners),
            np.ascontiguousarray(fine.normals),
            np.ascontiguousarray(fine.curvature),
            self.vectors,
            self.pushes,
            self.phases,
        )
        return Shape(corners, normals, fine.uv, curvature)


def cut(shape: Shape, longest_m: float) -> Shape:
    """Subdivide triangles until no edge exceeds `longest_m`; neighbours split a shared edge alike."""
    values = np.concatenate([shape.corners, shape.normals, shape.uv, shape.curvature], -1)
    done = []
    while len(values):
        edges = values[:, [1, 2, 0], :3] - values[..., :3]
        # Squared lengths are compared in whole square micrometres, so that both neighbours of an edge agree.
        long = np.rint((edges**2).sum(-1) * 1e12) > np.rint(longest_m**2 * 1e12)
        count = long.sum(1)
        done.append(values[count == 0])
        pieces = []
        for number, cutter in ((1, _in_two), (2, _in_three), (3, _in_four)):
            chosen = count == number
            pieces += cutter(*_turned_to(values[chosen], long[chosen]))
        values = np.concatenate(pieces)
    whole = np.concatenate(done)
    normals = whole[..., 3:6]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return Shape(whole[..., :3], normals, whole[..., 6:8], whole[..., 8:])


def _turned_to(values: Floats, long: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Triangles with vertices rotated so that long edges come first, and the midpoints of their edges."""
    # A single long edge becomes the first. With two, the short one becomes the last.
    first = np.where(long.sum(1) == 1, long.argmax(1), ((~long).argmax(1) + 1) % 3)
    order = (first[:, None] + np.arange(3)) % 3
    turned = np.take_along_axis(values, order[..., None], 1)
    return turned, (turned + turned[:, [1, 2, 0]]) / 2


def _in_two(values: Floats, middles: Floats) -> list[Floats]:
    a, b, c = values.transpose(1, 0, 2)
    ab = middles[:, 0]
    return [np.stack([a, ab, c], 1), np.stack([ab, b, c], 1)]


def _in_three(values: Floats, middles: Floats) -> list[Floats]:
    a, b, c = values.transpose(1, 0, 2)
    ab, bc, _ = middles.transpose(1, 0, 2)
    return [np.stack([ab, b, bc], 1), np.stack([a, ab, bc], 1), np.stack([a, bc, c], 1)]


def _in_four(values: Floats, middles: Floats) -> list[Floats]:
    a, b, c = values.transpose(1, 0, 2)
    ab, bc, ca = middles.transpose(1, 0, 2)
    return [np.stack(corners, 1) for corners in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]


@compiled
def _bend(
    corners: Floats, normals: Floats, curvature: Floats, vectors: Floats, pushes: Floats, phases: Floats
) -> tuple[Floats, Floats, Floats]:
    moved, turned, bends = corners.copy(), normals.copy(), curvature.copy()
    frame, ahead, second, way = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for face in range(len(corners)):
        _way_of_first_curvature(corners[face], normals[face], way)
        for corner in range(3):
            _frame(normals[face, corner], way, frame)
            _derivatives(
                corners[face, corner], frame, vectors, pushes, phases, ahead, second, moved[face, corner]
            )
            _surface(curvature[face, corner], ahead, second, turned[face, corner], bends[face, corner])
    return moved, turned, bends


@compiled
def _frame(normal: Floats, way: Floats, frame: Floats) -> None:
    """A right-handed frame of two unit tangents, the first as close to `way` as possible, and the normal."""
    along = _dot(normal, way)
    for axis in range(3):
        frame[2, axis] = normal[axis]
        frame[0, axis] = way[axis] - along * normal[axis]
    length = np.sqrt(_dot(frame[0], frame[0]))
    if length < 1e-3:
        smallest = 0
        for axis in range(1, 3):
            if abs(normal[axis]) < abs(normal[smallest]):
                smallest = axis
        for axis in range(3):
            frame[0, axis] = (1.0 if axis == smallest else 0.0) - normal[smallest] * normal[axis]
        length = np.sqrt(_dot(frame[0], frame[0]))
    for axis in range(3):
        frame[0, axis] /= length
    _cross(frame[2], frame[0], frame[1])


@compiled
def _derivatives(
    point: Floats,
    frame: Floats,
    vectors: Floats,
    pushes: Floats,
    phases: Floats,
    ahead: Floats,
    second: Floats,
    moved: Floats,
) -> None:
    """J times the rows of a frame, the second derivatives along its two tangents, and the displaced point."""
    for axis in range(3):
        for row in range(3):
            ahead[row, axis] = frame[row, axis]
            second[row, axis] = 0.0
    for wave in range(len(vectors)):
        angle = phases[wave] + _dot(vectors[wave], point)
        sine, cosine = np.sin(angle), np.cos(angle)
        first_rate = _dot(vectors[wave], frame[0])
        second_rate = _dot(vectors[wave], frame[1])
        normal_rate = _dot(vectors[wave], frame[2])
        for axis in range(3):
            push = pushes[wave, axis]
            moved[axis] += push * sine
            ahead[0, axis] += push * cosine * first_rate
            ahead[1, axis] += push * cosine * second_rate
            ahead[2, axis] += push * cosine * normal_rate
            second[0, axis] -= push * sine * first_rate * first_rate
            second[1, axis] -= push * sine * first_rate * second_rate
            second[2, axis] -= push * sine * second_rate * second_rate


@compiled
def _surface(old: Floats, ahead: Floats, second: Floats, normal: Floats, bends: Floats) -> None:
    """The normal and the principal curvatures of the bent surface, from its fundamental forms."""
    _cross(ahead[0], ahead[1], normal)
    area = np.sqrt(_dot(normal, normal))
    for axis in range(3):
        normal[axis] /= area
    stretch = _dot(normal, ahead[2])
    one = stretch * old[0] - _dot(normal, second[0])
    mixed = -_dot(normal, second[1])
    two = stretch * old[1] - _dot(normal, second[2])
    e, f, g = _dot(ahead[0], ahead[0]), _dot(ahead[0], ahead[1]), _dot(ahead[1], ahead[1])
    mean = (e * two - 2 * f * mixed + g * one) / (2 * area * area)
    product = (one * two - mixed * mixed) / (area * area)
    spread = np.sqrt(max(mean * mean - product, 0.0))
    bends[0] = mean + spread
    bends[1] = mean - spread


@compiled
def _dot(a: Floats, b: Floats) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@compiled
def _cross(a: Floats, b: Floats, out: Floats) -> None:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@compiled
def _way_of_first_curvature(corners: Floats, normals: Floats, way: Floats) -> None:
    """The direction of a triangle's largest curvature, by least squares over its edges.

    Zero if the triangle is flat: then all directions are equivalent.
    """
    first, other, up, second = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    turn = 0.0
    for axis in range(3):
        way[axis] = 0.0
        first[axis] = corners[1, axis] - corners[0, axis]
        other[axis] = corners[2, axis] - corners[0, axis]
        turn += abs(normals[1, axis] - normals[0, axis]) + abs(normals[2, axis] - normals[0, axis])
    _cross(first, other, up)
    area, length = np.sqrt(_dot(up, up)), np.sqrt(_dot(first, first))
    if turn < 1e-9 or area < 1e-14:
        return
    for axis in range(3):
        first[axis] /= length
        up[axis] /= area
    _cross(up, first, second)
    uu, uv, vv = 0.0, 0.0, 0.0
    turn_uu, turn_uv, turn_vv = 0.0, 0.0, 0.0
    for edge in range(3):
        end = (edge + 1) % 3
        u = _dot(corners[end], first) - _dot(corners[edge], first)
        v = _dot(corners[end], second) - _dot(corners[edge], second)
        turn_u = _dot(normals[end], first) - _dot(normals[edge], first)
        turn_v = _dot(normals[end], second) - _dot(normals[edge], second)
        uu += u * u
        uv += u * v
        vv += v * v
        turn_uu += u * turn_u
        turn_uv += v * turn_u + u * turn_v
        turn_vv += v * turn_v
    # Cramer's rule for (uu, uv, 0; uv, uu + vv, uv; 0, uv, vv) (a, b, c) = (turn_uu, turn_uv, turn_vv).
    whole = uu * ((uu + vv) * vv - uv * uv) - uv * uv * vv
    if abs(whole) < 1e-30:
        return
    a = (turn_uu * ((uu + vv) * vv - uv * uv) - uv * (turn_uv * vv - uv * turn_vv)) / whole
    b = (uu * (turn_uv * vv - uv * turn_vv) - turn_uu * uv * vv) / whole
    c = (uu * ((uu + vv) * turn_vv - uv * turn_uv) - uv * uv * turn_vv + turn_uu * uv * uv) / whole
    half = 0.5 * np.arctan2(2 * b, a - c)
    for axis in range(3):
        way[axis] = np.cos(half) * first[axis] + np.sin(half) * second[axis]
