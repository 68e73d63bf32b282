"""One's own 3D scans as scenes: any mesh that trimesh reads, with its texture or vertex colours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.mesh_shape import shape_of_mesh
from lightning_taskonomy.synthetic.render.scene import Colour, Material, Room, Scene, Triangles
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES

Up = Literal["auto", "y", "z"]

_SEMANTIC_NAMES = ("semantic", "semantic_id", "label", "category_id")
"""Face attributes that are taken for semantic ids, the first one found."""

_LAST_SEMANTIC_ID = 17
_OBJECT_OF_SEMANTIC = (
    -1, -1, 898, 559, 831, 738, 564, 532, 861, 851, 651, 827, 859, 896, 760, 921, 892, 883,
)  # fmt: skip
"""The ImageNet class of each semantic id."""

_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class MeshFile:
    """A mesh on disk as a building to be rendered.

    Attributes:
        path: glb, obj, ply or anything else that trimesh reads.
        seed: decides where pictures of it are taken.
        semantic: `.npy` of one semantic id per face, in the order of the file; or None.
        scene_class: one of `SCENE_CLASSES`, or None to write no `class_scene`.
        up: the file's upward axis; "auto" is y for glTF and z for the rest.
        metres: how many metres one unit of the file is.
    """

    path: Path
    seed: int = 0
    semantic: Path | None = None
    scene_class: str | None = None
    up: Up = "auto"
    metres: float = 1.0

    @property
    def name(self) -> str:
        """The building's name: that of the file, without dots."""
        return self.path.stem.replace(".", "_").replace("/", "_")

    def load(self) -> Scene:
        """Read the file.

        Raises:
            InputError: it cannot be read, holds no triangles, or the semantic ids do not fit.
        """
        if self.scene_class is not None and self.scene_class not in SCENE_CLASSES:
            raise InputError(
                f"scene: {self.scene_class!r} is none of the 63 scene classes: {', '.join(SCENE_CLASSES)}"
            )
        parts = _read_parts(self.path)
        corners = np.concatenate([part.corners for part in parts]) * self.metres
        if self.up == "y" or (self.up == "auto" and self.path.suffix.lower() in (".glb", ".gltf")):
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
        )

    def _semantic_ids(self, parts: list["_Part"], faces: int) -> npt.NDArray[np.uint8]:
        if self.semantic is not None:
            try:
                ids = np.load(self.semantic, allow_pickle=False)
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
                f"{source}: expected {faces} whole numbers, one semantic id per face of {self.path}; "
                f"got {ids.dtype} of shape {ids.shape}"
            )
        if faces and not (ids.min() >= 0 and ids.max() <= _LAST_SEMANTIC_ID):
            raise InputError(
                f"{source}: semantic ids must be 0 (uncertain), 1 (background) or 2 to {_LAST_SEMANTIC_ID}; "
                f"got {ids.min()} to {ids.max()}"
            )
        return np.asarray(ids, np.uint8)


@dataclass(frozen=True)
class _Part:
    corners: npt.NDArray[np.float64]
    uv: npt.NDArray[np.float64]
    colour: npt.NDArray[np.float64]
    semantic: npt.NDArray[np.int64]
    texture: npt.NDArray[np.uint8] | None
    tint: Colour
    has_light: bool


def _read_parts(path: Path) -> list[_Part]:
    if not path.is_file():
        raise InputError(f"{path}: no such mesh file")
    try:
        loaded = trimesh.load_scene(str(path))
    except Exception as error:
        raise InputError(
            f"{path}: trimesh cannot read this mesh ({type(error).__name__}: {error})"
        ) from error
    parts = []
    for node in loaded.graph.nodes_geometry:
        transform, geometry = loaded.graph[node]
        mesh = loaded.geometry[geometry]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            parts.append(_part(mesh, np.asarray(transform)))
    if not parts:
        raise InputError(f"{path}: expected a mesh with triangles, found none")
    return parts


def _part(mesh: trimesh.Trimesh, transform: npt.NDArray[np.float64]) -> _Part:
    vertices = np.asarray(mesh.vertices) @ transform[:3, :3].T + transform[:3, 3]
    faces = np.asarray(mesh.faces)
    if np.linalg.det(transform[:3, :3]) < 0:
        faces = faces[:, ::-1]
    count = len(faces)
    uv, colour = np.zeros((count, 3, 2)), np.ones((count, 3, 3))
    texture, tint, has_light = None, (0.6, 0.6, 0.6), False
    visual = mesh.visual
    if isinstance(visual, TextureVisuals):
        texture, tint = _texture_of(visual.material)
        if texture is not None and visual.uv is not None:
            uv = np.asarray(visual.uv, np.float64)[faces]
            has_light = True
        else:
            texture = None
    elif isinstance(visual, ColorVisuals) and visual.kind is not None:
        if visual.kind == "vertex":
            chosen = np.asarray(visual.vertex_colors, np.float64)[faces]
        else:
            chosen = np.repeat(np.asarray(visual.face_colors, np.float64)[:, None], 3, axis=1)
        colour, tint, has_light = _linear(chosen[..., :3] / 255), (1.0, 1.0, 1.0), True
    return _Part(vertices[faces], uv, colour, _face_ids(mesh, count), texture, tint, has_light)


def _texture_of(material: Any) -> tuple[npt.NDArray[np.uint8] | None, Colour]:  # noqa: ANN401 - trimesh has no types
    """The picture (rows, columns, 3; sRGB) and the linear base colour of a trimesh material."""
    picture = getattr(material, "baseColorTexture", None)
    picture = getattr(material, "image", None) if picture is None else picture
    factor = getattr(material, "baseColorFactor", None)
    tint: Colour = (1.0, 1.0, 1.0)
    if factor is not None:
        red, green, blue = (np.asarray(factor, np.float64)[:3] / 255).tolist()
        tint = (red, green, blue)
    elif picture is None:
        red, green, blue = _linear(np.asarray(material.main_color, np.float64)[:3] / 255).tolist()
        tint = (red, green, blue)
    return (None if picture is None else np.asarray(picture.convert("RGB"))), tint


def _linear(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _face_ids(mesh: trimesh.Trimesh, count: int) -> npt.NDArray[np.int64]:
    stored: dict[str, Any] = dict(mesh.face_attributes)
    ply = mesh.metadata.get("_ply_raw", {}).get("face", {}).get("data")
    if ply is not None and getattr(ply, "dtype", None) is not None and ply.dtype.names:
        stored |= {name: ply[name] for name in ply.dtype.names}
    for name in _SEMANTIC_NAMES:
        if name in stored and len(stored[name]) == count:
            return np.asarray(stored[name]).reshape(count).astype(np.int64)
    return np.zeros(count, np.int64)


def _materials(parts: list[_Part]) -> tuple[Material, ...]:
    made, textures = [], 0
    for part in parts:
        made.append(Material(texture=-1 if part.texture is None else textures, tint=part.tint))
        textures += part.texture is not None
    return tuple(made)


def _triple(vector: npt.NDArray[np.float64]) -> Colour:
    return float(vector[0]), float(vector[1]), float(vector[2])
