"""Smooth normals and principal curvatures of a triangle mesh.

Curvatures follow Rusinkiewicz, "Estimating curvatures and their derivatives on triangle meshes" (2004): the
change of the normal along a triangle's edges determines its shape operator, which is averaged over the
triangles at a vertex. Faces that meet at more than 40 degrees form a crease, over which neither normals nor
curvatures are smoothed.
"""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

CREASE_RADS = float(np.radians(40))


def shape_of_mesh(corners: Floats, crease_rads: float = CREASE_RADS) -> tuple[Floats, Floats]:
    """Normals (n, 3, 3) and curvatures k1 >= k2 (n, 3, 2; 1/m) at the corners (n, 3, 3) of triangles.

    Args:
        corners: Positions in metres; corners at the same position are one vertex.
        crease_rads: Minimum angle of a crease.
    """
    _, vertex = np.unique(np.round(corners.reshape(-1, 3), 6), axis=0, return_inverse=True)
    return shape_of_vertices(corners, vertex.reshape(-1).astype(np.int64), crease_rads)


def shape_of_vertices(
    corners: Floats, vertex: Whole, crease_rads: float = CREASE_RADS
) -> tuple[Floats, Floats]:
    """The same for corners with known vertex indices (3n,)."""
    order = np.argsort(vertex, kind="stable")
    starts = np.searchsorted(vertex[order], np.arange(int(vertex.max()) + 2))
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    face_normals = cross / np.maximum(area, 1e-20)[:, None]
    incident = (order // 3).astype(np.int64)
    limit = float(np.cos(crease_rads))
    normals = _corner_normals(vertex, starts.astype(np.int64), incident, face_normals, area, limit)
    operators = _shape_operators(corners, normals, face_normals, area)
    bends = _corner_curvatures(
        vertex, starts.astype(np.int64), incident, face_normals, area, limit, normals, operators
    )
    return normals.reshape(-1, 3, 3), bends.reshape(-1, 3, 2)


@compiled
def _corner_normals(
    vertex: Whole, starts: Whole, incident: Whole, face_normals: Floats, area: Floats, limit: float
) -> Floats:
    normals = np.zeros((len(vertex), 3))
    for corner in range(len(vertex)):
        face = corner // 3
        for entry in range(starts[vertex[corner]], starts[vertex[corner] + 1]):
            other = incident[entry]
            aligned = 0.0
            for axis in range(3):
                aligned += face_normals[face, axis] * face_normals[other, axis]
            if aligned >= limit or other == face:
                for axis in range(3):
                    normals[corner, axis] += area[other] * face_normals[other, axis]
        length = np.sqrt((normals[corner] ** 2).sum())
        for axis in range(3):
            normals[corner, axis] = normals[corner, axis] / length if length > 0 else face_normals[face, axis]
    return normals


@compiled
def _shape_operators(corners: Floats, normals: Floats, face_normals: Floats, area: Floats) -> Floats:
    """The shape operator of each face (n, 3, 3) in world axes, by least squares over its edges."""
    operators = np.zeros((len(corners), 3, 3))
    system, right = np.zeros((3, 3)), np.zeros(3)
    for face in range(len(corners)):
        if area[face] < 1e-14:
            continue
        first = corners[face, 1] - corners[face, 0]
        first = first / np.sqrt((first**2).sum())
        second = np.cross(face_normals[face], first)
        system[:] = 0.0
        right[:] = 0.0
        for edge in range(3):
            start, end = edge, (edge + 1) % 3
            way = corners[face, end] - corners[face, start]
            turn = normals[3 * face + end] - normals[3 * face + start]
            u, v = (way * first).sum(), (way * second).sum()
            turn_u, turn_v = (turn * first).sum(), (turn * second).sum()
            # (u, v, 0) and (0, u, v) times (a, b, c) are the change of the normal; sum the normal equations.
            system[0, 0] += u * u
            system[0, 1] += u * v
            system[1, 1] += u * u + v * v
            system[1, 2] += u * v
            system[2, 2] += v * v
            right[0] += u * turn_u
            right[1] += v * turn_u + u * turn_v
            right[2] += v * turn_v
        system[1, 0], system[2, 1] = system[0, 1], system[1, 2]
        a, b, c = np.linalg.solve(system, right)
        for i in range(3):
            for j in range(3):
                operators[face, i, j] = (
                    a * first[i] * first[j]
                    + b * (first[i] * second[j] + second[i] * first[j])
                    + c * second[i] * second[j]
                )
    return operators


@compiled
def _corner_curvatures(
    vertex: Whole,
    starts: Whole,
    incident: Whole,
    face_normals: Floats,
    area: Floats,
    limit: float,
    normals: Floats,
    operators: Floats,
) -> Floats:
    bends = np.zeros((len(vertex), 2))
    mean = np.zeros((3, 3))
    for corner in range(len(vertex)):
        face = corner // 3
        mean[:] = 0.0
        total = 0.0
        for entry in range(starts[vertex[corner]], starts[vertex[corner] + 1]):
            other = incident[entry]
            aligned = (face_normals[face] * face_normals[other]).sum()
            if aligned >= limit or other == face:
                mean += area[other] * operators[other]
                total += area[other]
        normal = normals[corner]
        helper = np.zeros(3)
        helper[np.argmin(np.abs(normal))] = 1.0
        first = np.cross(normal, helper)
        first = first / np.sqrt((first**2).sum())
        second = np.cross(normal, first)
        total = max(total, 1e-20)
        a, b, c = 0.0, 0.0, 0.0
        for i in range(3):
            for j in range(3):
                a += first[i] * mean[i, j] * first[j] / total
                b += first[i] * mean[i, j] * second[j] / total
                c += second[i] * mean[i, j] * second[j] / total
        middle, spread = (a + c) / 2, np.sqrt(((a - c) / 2) ** 2 + b * b)
        bends[corner, 0] = middle + spread
        bends[corner, 1] = middle - spread
    return bends
