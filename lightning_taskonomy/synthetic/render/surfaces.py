"""Surfaces hit by rays: triangle, position, normal and curvature at each hit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled
from lightning_taskonomy.synthetic.render.prepared import PreparedScene

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Surfaces:
    """The surfaces hit by n rays; without a hit, `face` is -1 and the rest is zero.

    Attributes:
        face: (n,) triangle.
        reach: (n,) ray parameter, infinite without a surface.
        weights: (n, 2) barycentric weights of the second and third corner.
        position: (n, 3) metres.
        normal: (n, 3) unit normal on the side that is seen.
        curvature: (n, 2) principal curvatures k1 >= k2 seen from that side, 1/m.
    """

    face: npt.NDArray[np.int32]
    reach: Floats
    weights: Floats
    position: Floats
    normal: Floats
    curvature: Floats

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Whether each ray hits a surface (n,)."""
        return np.asarray(self.face >= 0)


def surfaces_along(prepared: PreparedScene, origin: Floats, directions: Floats) -> Surfaces:
    """Cast rays from one origin and look up the surface at every hit.

    Args:
        prepared: The scene.
        origin: (3) origin of the rays.
        directions: (n, 3) directions.
    """
    hits = prepared.caster.nearest(origin, directions)
    triangles = prepared.scene.triangles
    count = len(hits.face)
    weights = np.column_stack([hits.u, hits.v]).astype(np.float32)
    position, normal = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    curvature = np.zeros((count, 2), np.float32)
    _interpolate(
        hits.face,
        weights,
        directions,
        triangles.corners,
        triangles.normals,
        triangles.curvature,
        position,
        normal,
        curvature,
    )
    return Surfaces(hits.face, hits.reach, weights, position, normal, curvature)


@compiled
def _interpolate(
    face: npt.NDArray[np.int32],
    weights: Floats,
    directions: Floats,
    corners: Floats,
    normals: Floats,
    curvatures: Floats,
    position: Floats,
    normal: Floats,
    curvature: Floats,
) -> None:
    for ray in range(len(face)):
        row = face[ray]
        if row < 0:
            continue
        second, third = weights[ray, 0], weights[ray, 1]
        first = np.float32(1.0) - second - third
        length = np.float32(0.0)
        for axis in range(3):
            position[ray, axis] = (
                first * corners[row, 0, axis] + second * corners[row, 1, axis] + third * corners[row, 2, axis]
            )
            value = (
                first * normals[row, 0, axis] + second * normals[row, 1, axis] + third * normals[row, 2, axis]
            )
            normal[ray, axis] = value
            length += value * value
        # The visible side is decided by the flat triangle: shading normals may point beyond the horizon.
        ax, bx = corners[row, 1, 0] - corners[row, 0, 0], corners[row, 2, 0] - corners[row, 0, 0]
        ay, by = corners[row, 1, 1] - corners[row, 0, 1], corners[row, 2, 1] - corners[row, 0, 1]
        az, bz = corners[row, 1, 2] - corners[row, 0, 2], corners[row, 2, 2] - corners[row, 0, 2]
        facing = (
            (ay * bz - az * by) * directions[ray, 0]
            + (az * bx - ax * bz) * directions[ray, 1]
            + (ax * by - ay * bx) * directions[ray, 2]
        )
        scale = np.float32(1.0) / np.sqrt(max(length, np.float32(1e-20)))
        if facing > 0:
            scale = -scale
        for axis in range(3):
            normal[ray, axis] *= scale
        k1 = first * curvatures[row, 0, 0] + second * curvatures[row, 1, 0] + third * curvatures[row, 2, 0]
        k2 = first * curvatures[row, 0, 1] + second * curvatures[row, 1, 1] + third * curvatures[row, 2, 1]
        if facing > 0:
            k1, k2 = -k2, -k1
        curvature[ray, 0] = k1
        curvature[ray, 1] = k2
