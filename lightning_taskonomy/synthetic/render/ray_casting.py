"""Ray casting against triangles with Embree: nearest hits, and occlusion."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex import rtcore  # type: ignore[import-untyped]
from embreex.mesh_construction import TriangleMesh  # type: ignore[import-untyped]
from embreex.rtcore_scene import EmbreeScene  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Hits:
    """The hits of n rays.

    Attributes:
        face: (n,) row of the triangle, -1 if the ray leaves the scene.
        reach: (n,) distance in lengths of the given direction; infinite without a hit.
        u: (n,) weight of the second corner.
        v: (n,) weight of the third corner.
    """

    face: npt.NDArray[np.int32]
    reach: Floats
    u: Floats
    v: Floats


class RayCaster:
    """Triangles in Embree's bounding volume hierarchy."""

    def __init__(self, corners: Floats) -> None:
        """Build the hierarchy.

        Args:
            corners: (n, 3, 3) triangles.
        """
        vertices = np.ascontiguousarray(corners.reshape(-1, 3), dtype=np.float32)
        indices = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
        self._device = rtcore.EmbreeDevice()
        self._scene = EmbreeScene(self._device)
        self._mesh = TriangleMesh(self._scene, vertices, indices)

    def nearest(self, origins: npt.ArrayLike, directions: npt.ArrayLike) -> Hits:
        """The first triangle on each ray.

        Args:
            origins: (n, 3) origins of the rays.
            directions: (n, 3) directions of any length.
        """
        starts, ways = _rays(origins, directions)
        if not len(ways):
            empty = np.zeros(0, np.float32)
            return Hits(np.zeros(0, np.int32), empty, empty, empty)
        found = self._scene.run(starts, ways, query="INTERSECT", output=1)
        missed = found["primID"] < 0
        reach = np.where(missed, np.float32(np.inf), found["tfar"])
        return Hits(found["primID"], reach, found["u"], found["v"])

    def blocked(
        self, origins: npt.ArrayLike, directions: npt.ArrayLike, reach: float = 1.0
    ) -> npt.NDArray[np.bool_]:
        """Whether each ray (n,) hits a triangle within `reach` lengths of its direction."""
        starts, ways = _rays(origins, directions)
        if not len(ways):
            return np.zeros(0, np.bool_)
        limits = np.full(len(ways), reach, np.float32)
        found = self._scene.run(starts, ways, dists=limits, query="OCCLUDED")
        return np.asarray(found == 0)


def _rays(origins: npt.ArrayLike, directions: npt.ArrayLike) -> tuple[Floats, Floats]:
    ways = np.ascontiguousarray(np.asarray(directions, dtype=np.float32).reshape(-1, 3))
    starts = np.asarray(origins, dtype=np.float32).reshape(-1, 3)
    return np.ascontiguousarray(np.broadcast_to(starts, ways.shape)), ways
