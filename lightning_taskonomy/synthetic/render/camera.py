"""The package's camera convention, and the conversion from `point_info` to K, R and t.

World: right-handed, metres, z up. Camera (as in Blender): it looks along its own -z, with +x to the right and
+y up; `camera_rotation_final` holds Euler angles in radians about the fixed axes x, then y, then z ("XYZ"),
which map camera directions to world directions; `camera_location` is the optical centre.

Image: square; pixel (row 0, column 0) is the top left one, with its centre at (0.5, 0.5);
`field_of_view_rads` is the full angle across the image, the same in both directions. The camera axes of
computer vision (x right, y down, z forward) are Blender's with y and z negated; `Camera.pose` and
`Camera.intrinsics` use those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.tasks.rotations import rotation_from_euler

Floats = npt.NDArray[np.float64]

_TO_VISION_AXES = np.diag([1.0, -1.0, -1.0])


def looking_at(location: npt.ArrayLike, target: npt.ArrayLike, roll_rads: float = 0.0) -> Floats:
    """The rotation (3x3, camera to world) of a camera with `target` in the centre of its image.

    Args:
        location: Optical centre (3), metres.
        target: The point that it looks at (3), metres; not directly above or below.
        roll_rads: Rotation about the viewing axis.
    """
    backward = np.asarray(location, dtype=np.float64) - np.asarray(target, dtype=np.float64)
    backward /= np.linalg.norm(backward)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    level = np.column_stack([right, np.cross(backward, right), backward])
    return np.asarray(level @ rotation_from_euler([0.0, 0.0, roll_rads]))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with a square image.

    Attributes:
        location: Optical centre (3), metres, world axes.
        rotation: 3x3, from camera directions (x right, y up, looking along -z) to world directions.
        field_of_view_rads: Full angle across the image.
        resolution: Pixels per side.
    """

    location: Floats
    rotation: Floats
    field_of_view_rads: float
    resolution: int

    @classmethod
    def from_point_info(cls, info: Mapping[str, Any]) -> "Camera":
        """The camera described by a `point_info` record."""
        return cls(
            np.asarray(info["camera_location"], dtype=np.float64),
            rotation_from_euler(info["camera_rotation_final"]),
            float(info["field_of_view_rads"]),
            int(info["resolution"]),
        )

    @property
    def focal_pixels(self) -> float:
        """Focal length in pixels."""
        return float(0.5 * self.resolution / np.tan(0.5 * self.field_of_view_rads))

    def intrinsics(self) -> Floats:
        """K (3x3), from points in vision axes (x right, y down, z forward) to homogeneous pixels."""
        centre = 0.5 * self.resolution
        return np.array([[self.focal_pixels, 0, centre], [0, self.focal_pixels, centre], [0, 0, 1.0]])

    def pose(self) -> tuple[Floats, Floats]:
        """R (3x3) and t (3): a world point X is R X + t in vision axes."""
        rotation = _TO_VISION_AXES @ self.rotation.T
        return rotation, -rotation @ self.location

    def project(self, points: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Pixels (n, 2: column, row) and z-depths (n, metres; negative behind) of world points (n, 3)."""
        rotation, translation = self.pose()
        seen = np.asarray(points, dtype=np.float64).reshape(-1, 3) @ rotation.T + translation
        depth = seen[:, 2]
        away = np.where(np.abs(depth) < 1e-12, 1e-12, depth)
        return seen[:, :2] / away[:, None] * self.focal_pixels + 0.5 * self.resolution, depth

    def directions(self, pixels: npt.ArrayLike) -> Floats:
        """World directions (n, 3) through pixels (n, 2: column, row), scaled to 1 m of z-depth."""
        flat = (
            np.asarray(pixels, dtype=np.float64).reshape(-1, 2) - 0.5 * self.resolution
        ) / self.focal_pixels
        seen = np.column_stack([flat[:, 0], -flat[:, 1], np.full(len(flat), -1.0)])
        return np.asarray(seen @ self.rotation.T)

    def grid_directions(self) -> npt.NDArray[np.float32]:
        """`directions` (resolution², 3) through the centres of all pixels, row by row."""
        steps = (np.arange(self.resolution) + 0.5 - 0.5 * self.resolution) / self.focal_pixels
        across, up, backward = self.rotation.T
        rows = -steps[:, None] * up - backward
        grid = rows[:, None, :] + (steps[:, None] * across)[None, :, :]
        return np.asarray(grid.reshape(-1, 3), np.float32)


def relative_pose(first: Camera, second: Camera) -> tuple[Floats, Floats]:
    """R (3x3) and t (3) that map points from the first camera's vision axes to the second's."""
    first_rotation, first_translation = first.pose()
    second_rotation, second_translation = second.pose()
    rotation = second_rotation @ first_rotation.T
    return rotation, second_translation - rotation @ first_translation
