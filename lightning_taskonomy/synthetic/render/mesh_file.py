"""3D scans as scenes: any mesh that trimesh can read, with its texture or vertex colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.synthetic.render.mesh_reading import GLTF_SUFFIXES, Part, files_of, read_parts
from lightning_taskonomy.synthetic.render.mesh_shape import shape_of_mesh
from lightning_taskonomy.synthetic.render.scene import Colour, Material, Room, Scene, Triangles
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES

Up = Literal["auto", "y", "z"]

_LAST_SEMANTIC_ID = 17
_OBJECT_OF_SEMANTIC = (
    -1, -1, 898, 559, 831, 738, 564, 532, 861, 851, 651, 827, 859, 896, 760, 921, 892, 883,
)  # fmt: skip
"""The ImageNet class of each semantic id."""

_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class MeshFile:
    """A mesh file as a building to render.

    Attributes:
        path: A glb, obj, ply or any other file that trimesh can read.
        seed: Seed of the viewpoints.
        semantic: `.npy` file with one semantic id per face, in the order of the file; or None.
        scene_class: One of `SCENE_CLASSES`, or None to write no `class_scene`.
        up: The file's upward axis; "auto" is y for glTF and z for other formats.
        metres: Length of a unit of the file, in metres.
        outside: Whether cameras are placed around it, as around an object, rather than inside.
    """

    path: Path
    seed: int = 0
    semantic: Path | None = None
    scene_class: str | None = None
    up: Up = "auto"
    metres: float = 1.0
    outside: bool = False

    @property
    def name(self) -> str:
        """The building's name: the file's name without suffix, with dots replaced."""
        return self.path.stem.replace(".", "_").replace("/", "_")

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that determines its images: the options and the content of its files.

        Raises:
            InputError: a file cannot be read.
        """
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such mesh file")
        return {
            "content of the mesh": [sha256_of(path) for path in files_of(self.path)],
            "semantic ids": None if self.semantic is None else sha256_of(self.semantic),
            "seed": self.seed,
            "scene": self.scene_class,
            "up": self.up,
            "metres": self.metres,
            "outside": self.outside,
        }

    def load(self) -> Scene:
        """Read the file.

        Raises:
            InputError: it cannot be read, has no triangles, or the semantic ids do not match it.
        """
        if self.scene_class is not None and self.scene_class not in SCENE_CLASSES:
            raise InputError(
                f"scene: {self.scene_class!r} is not one of the 63 scene classes: {', '.join(SCENE_CLASSES)}"
            )
        parts, missing = read_parts(self.path)
        corners = np.concatenate([part.corners for part in parts]) * self.metres
        if self.up == "y" or (self.up == "auto" and self.path.suffix.lower() in GLTF_SUFFIXES):
            corners = corners @ _TO_Z_UP.T
        semantic = self._semantic_ids(parts, len(corners))
        normals, curvature = shape_of_mesh(corners)
        low, high = corners.min((0, 1)), corners.max((0, 1))
        counts = [len(part.corners) for part in parts]
        textures = [part.texture for part in parts if part.texture is not None]
        whole = Triangles(
            corners=corners.astype(np.float32),
            normals=normals.astype(np.float32),
            uv=np.concatenate([part.uv for part in parts]).astype(np.float32),
            curvature=curvature.astype(np.float32),
            material=np.repeat(np.arange(len(parts)), counts).astype(np.int32),
            semantic=semantic,
            instance=semantic.astype(np.int32),
            colour=np.concatenate([part.colour for part in parts]).astype(np.float32),
        )
        return Scene(
            triangles=whole,
            materials=_materials(parts),
            textures=tuple(textures),
            lamps=(),
            rooms=(Room(self.name, _triple(low), _triple(high), self.scene_class),),
            object_classes=np.array(_OBJECT_OF_SEMANTIC if semantic.any() else [-1], np.int32),
            sky=(0.0, 0.0, 0.0) if any(part.has_light for part in parts) else (0.9, 1.0, 1.1),
            baked_light=any(part.has_light for part in parts),
            outside=self.outside,
            notes=tuple(
                f"{self.path}: missing texture {name}; rendered in plain colours" for name in missing
            ),
        )

    def _semantic_ids(self, parts: list[Part], faces: int) -> npt.NDArray[np.uint8]:
        if self.semantic is not None:
            try:
                ids = read_npy(self.semantic)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{self.semantic}: expected a .npy file of one semantic id per face ({error})"
                ) from error
            source = str(self.semantic)
        else:
            ids = np.concatenate([part.semantic for part in parts])
            source = str(self.path)
        if ids.shape != (faces,) or not np.issubdtype(ids.dtype, np.integer):
            raise InputError(
                f"{source}: expected {faces} integers, one semantic id per face of {self.path}; "
                f"got {ids.dtype} of shape {ids.shape}"
            )
        if faces and not (ids.min() >= 0 and ids.max() <= _LAST_SEMANTIC_ID):
            raise InputError(
                f"{source}: semantic ids must be 0 (uncertain), 1 (background) or 2 to {_LAST_SEMANTIC_ID}; "
                f"got {ids.min()} to {ids.max()}"
            )
        return np.asarray(ids, np.uint8)


def _materials(parts: list[Part]) -> tuple[Material, ...]:
    materials, textures = [], 0
    for part in parts:
        materials.append(Material(texture=-1 if part.texture is None else textures, tint=part.tint))
        textures += part.texture is not None
    return tuple(materials)


def _triple(vector: npt.NDArray[np.float64]) -> Colour:
    return float(vector[0]), float(vector[1]), float(vector[2])
