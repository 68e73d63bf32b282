"""`data render`: every label from one's own meshes, in Taskonomy's folder layout."""

import math
from pathlib import Path
from typing import Literal

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.render.jobs import Pictures, render_buildings
from lightning_taskonomy.synthetic.render.mesh_file import MeshFile


def render(
    mesh: tuple[Path, ...],
    out: Path,
    points: int = 12,
    views: int = 3,
    size: int = 256,
    seed: int = 0,
    semantic: tuple[Path, ...] = (),
    scene: str | None = None,
    up: Literal["auto", "y", "z"] = "auto",
    metres: float = 1.0,
    outside: bool = False,
    workers: int | None = None,
) -> None:
    """Render one's own meshes with every label that follows from them, in Taskonomy's folder layout.

    Any mesh that trimesh reads (glb, obj, ply, ...), with a texture or vertex colours. Semantic ids come from
    --semantic or from a face attribute of that name; without them segment_semantic and class_object are not
    written, and without --scene class_scene is not. An interrupted run is gone on with by the same command;
    views of another mesh, or with other options, are not kept: choose another folder for them.

    Args:
        mesh: one or more mesh files; each is a building.
        out: folder to write to.
        points: points per mesh that cameras look at.
        views: pictures of each point.
        size: pixels per side.
        seed: chooses cameras and points.
        semantic: .npy files of one semantic id (0 to 17) per face, one file per mesh.
        scene: scene class of all meshes, such as kitchen.
        up: the upward axis of the files; auto is y for glTF and z for the rest.
        metres: metres per unit of the files.
        outside: look at the meshes from outside, as at objects: cameras stand on a sphere around each.
        workers: processes, by default one per core.

    Raises:
        InputError: a file cannot be read, or has no free space for cameras.
    """
    if semantic and len(semantic) != len(mesh):
        raise InputError(f"semantic: expected one file per mesh, got {len(semantic)} for {len(mesh)} meshes")
    if not 0 < metres < math.inf:
        raise InputError(f"metres: expected a number above 0, got {metres}")
    ids = semantic or [None] * len(mesh)
    buildings = [
        MeshFile(path, seed, own, scene, up, metres, outside) for path, own in zip(mesh, ids, strict=True)
    ]
    names = [building.name for building in buildings]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"mesh: two files are called {name}; buildings need names of their own")
    render_buildings(buildings, Pictures(points, views, size), out, workers)
    print(f"written: {out}: {len(buildings) * points * views} views of {len(buildings)} meshes, splits.csv")
