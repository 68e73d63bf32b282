"""Reading mesh files: triangles with their textures or colours, and the files that belong to a mesh."""

import importlib.util
import json
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
from trimesh.resolvers import FilePathResolver
from trimesh.visual import ColorVisuals, TextureVisuals

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.scene import Colour

GLTF_SUFFIXES = frozenset({".glb", ".gltf"})
_SEMANTIC_NAMES = ("semantic", "semantic_id", "label", "category_id")
"""Face attributes used as semantic ids; the first one found wins."""
_COMPRESSED = {
    "KHR_draco_mesh_compression": ("Draco", "DracoPy"),
    "EXT_meshopt_compression": ("meshopt", None),
}
"""glTF extensions whose geometry would be read as zeros: their names, and the package that can read them."""
_LARGEST_HEADER = 256 << 20


@dataclass(frozen=True)
class Part:
    """Triangles of one material.

    Attributes:
        corners: (n, 3, 3) in units of the file.
        uv: (n, 3, 2).
        colour: (n, 3, 3) linear.
        semantic: (n,) semantic ids from the file, or zeros.
        texture: (rows, columns, 3) sRGB, or None.
        tint: Linear colour.
        has_light: Whether texture or colours are from a scan and include the lighting.
    """

    corners: npt.NDArray[np.float64]
    uv: npt.NDArray[np.float64]
    colour: npt.NDArray[np.float64]
    semantic: npt.NDArray[np.int64]
    texture: npt.NDArray[np.uint8] | None
    tint: Colour
    has_light: bool


def read_parts(path: Path) -> tuple[list[Part], list[str]]:
    """The parts of a mesh file, and the names of missing textures.

    Raises:
        InputError: it cannot be read, has missing or non-finite vertices, or no triangles.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such mesh file")
    _refuse_compressed(path)
    files = _Files(path)
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)  # errors are reported here, in one line
    try:
        loaded = trimesh.load_scene(
            str(path), resolver=files, process=False
        )  # processing would drop triangles
        parts = [part for part in map(_of_node, *_nodes(loaded)) if part is not None]
    except Exception as error:  # readers of damaged files raise nearly anything
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise InputError(f"{path}: cannot read this mesh ({reason})") from error
    if not parts:
        raise InputError(f"{path}: expected a mesh with triangles, found none")
    return parts, sorted(files.missing)


def files_of(path: Path) -> list[Path]:
    """The mesh file, and the existing files that it refers to."""
    files = _Files(path)
    try:
        named = list(_named_files(path, files))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        named = []  # reading it will report the error
    found = [place for name in named if (place := files.place(name)) is not None]
    return [path, *sorted(set(found) - {path.resolve()})]


class _Files(FilePathResolver):
    """Resolves file names in a mesh, which may be paths of another machine, to files beside it.

    Attributes:
        missing: Names of textures that were not found.
    """

    def __init__(self, source: Any) -> None:  # noqa: ANN401 - trimesh has no types
        super().__init__(str(source))
        self.missing: set[str] = set()

    def place(self, name: str) -> Path | None:
        """The path of a file, only in the mesh's folder and its subfolders."""
        plain = name.strip().strip('"').replace("\\", "/")
        words = plain.split() or [plain]
        # Options may precede the name, as in `map_Kd -s 1 1 1 wall.png`.
        for candidate in (plain, Path(plain).name, words[-1]):
            path = Path(self.parent).resolve()
            for part in Path(candidate.lstrip("/")).parts:
                path = _in_any_case(path, part)
            if path.is_file() and path.resolve().is_relative_to(Path(self.parent).resolve()):
                return path.resolve()
        return None

    def get(self, name: str) -> bytes:
        """The content of a file."""
        path = self.place(name)
        if path is None:
            self.missing.add(name.strip())
            raise FileNotFoundError(name)
        return path.read_bytes()


def _in_any_case(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists() and folder.is_dir():
        alike = (other for other in sorted(folder.iterdir()) if other.name.casefold() == name.casefold())
        return next(alike, path)
    return path


def _nodes(scene: trimesh.Scene) -> tuple[list[Any], list[npt.NDArray[np.float64]]]:
    """The meshes of a scene, each with its transform."""
    meshes, transforms = [], []
    for node in scene.graph.nodes_geometry:
        transform, geometry = scene.graph[node]
        meshes.append(scene.geometry[geometry])
        transforms.append(np.asarray(transform))
    return meshes, transforms


def _of_node(mesh: Any, transform: npt.NDArray[np.float64]) -> Part | None:  # noqa: ANN401 - trimesh has no types
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        return None
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"a triangle has corner {faces.max()} of {len(vertices)}")
    wrong = faces[~np.isfinite(vertices[faces]).all(axis=2)]
    if len(wrong):
        raise ValueError(f"corner {wrong[0]} is not finite: {' '.join(map(str, vertices[wrong[0]]))}")
    vertices = vertices @ transform[:3, :3].T + transform[:3, 3]
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
    return Part(vertices[faces], uv, colour, _face_ids(mesh, count), texture, tint, has_light)


def _texture_of(material: Any) -> tuple[npt.NDArray[np.uint8] | None, Colour]:  # noqa: ANN401 - trimesh has no types
    """The texture (rows, columns, 3; sRGB) and the linear base colour of a trimesh material."""
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


def _refuse_compressed(path: Path) -> None:
    if path.suffix.lower() not in GLTF_SUFFIXES:
        return
    try:
        header = _gltf_header(path)
        used = {*header.get("extensionsUsed", ()), *header.get("extensionsRequired", ())}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise InputError(f"{path}: cannot read this mesh (not glTF: {error})") from error
    for extension, (name, package) in _COMPRESSED.items():
        if extension not in used or (package is not None and importlib.util.find_spec(package)):
            continue
        way = "" if package is None else f"install the package that reads it (pip install {package}), or "
        raise InputError(
            f"{path}: its geometry is compressed with {name} ({extension}); {way}export it uncompressed"
        )


def _gltf_header(path: Path) -> dict[str, Any]:
    """The JSON of a glTF file, text or binary."""
    with path.open("rb") as file:
        start = file.read(20)
        if start[:4] == b"glTF":
            content = file.read(min(struct.unpack("<I", start[12:16])[0], _LARGEST_HEADER))
        else:
            content = start + file.read(_LARGEST_HEADER)
    header = json.loads(content)
    if not isinstance(header, dict):
        raise ValueError("expected an object")
    return header


def _named_files(path: Path, files: _Files) -> Iterator[str]:
    suffix = path.suffix.lower()
    if suffix in GLTF_SUFFIXES:
        header = _gltf_header(path)
        for entry in (*header.get("buffers", ()), *header.get("images", ())):
            uri = entry.get("uri", "")
            if uri and not uri.startswith("data:"):
                yield uri
    elif suffix == ".obj":
        for library in _values(path, "mtllib"):
            yield library
            place = files.place(library)
            if place is not None:
                yield from _values(place, "map_kd")


def _values(path: Path, key: str) -> Iterator[str]:
    """The values after a keyword at the beginning of a line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            word, _, value = line.strip().partition(" ")
            if word.lower() == key and value:
                yield value.strip()
