"""The group `data`: make, check and pack labelled images. Each command imports its own room."""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.commands import run_command
from lightning_taskonomy.cli.option_types import Names
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder, write_text

COMMANDS = dict.fromkeys(("rooms", "render", "annotate", "check", "pack", "preview"), __name__)
_SHOWN = 20
"""The most damaged labels that are named."""


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)


def rooms(
    *,
    out: Path,
    buildings: int = 4,
    points: int = 12,
    views: int = 3,
    size: int = 256,
    seed: int = 0,
    furniture: Path | None = None,
    workers: int | None = None,
) -> None:
    """Render furnished rooms with every label of the dictionary, in Taskonomy's folder layout.

    Views finished by an interrupted run with the same options are kept. The same seed always gives the same
    files.

    Args:
        out: folder to write to.
        buildings: how many buildings; splits.csv divides them into train, val and test.
        points: points per building that cameras look at.
        views: images of each point.
        size: pixels per side.
        seed: chooses the buildings and everything in them.
        furniture: folder with catalogues of furniture models (*.sh3f) as Debian's sweethome3d-furniture
            installs them; their models then replace procedural furniture of the same kind and size.
        workers: processes, by default one per core.

    Raises:
        InputError: a number is too small, a catalogue is malformed, or the folder cannot be written to.
    """
    from lightning_taskonomy.synthetic.render.jobs import Pictures, render_buildings
    from lightning_taskonomy.synthetic.rooms.furniture_catalogue import read_catalogues
    from lightning_taskonomy.synthetic.rooms.house import House

    if buildings < 1:
        raise InputError(f"buildings: expected at least 1, got {buildings}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, got {seed}")
    if furniture is not None:
        read_catalogues(furniture)
    houses = [House(seed, number, furniture) for number in range(buildings)]
    render_buildings(houses, Pictures(points, views, size), out, workers)
    print(f"written: {out}: {buildings * points * views} views of {buildings} buildings, splits.csv")


def render(
    *,
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
    """Render your own meshes with every label that can be derived from them, in Taskonomy's folder layout.

    Any mesh that trimesh reads (glb, obj, ply, ...), with a texture or vertex colours. Semantic ids come from
    --semantic or from a face attribute of that name; without them segment_semantic and class_object are not
    written, and without --scene class_scene is not. The same command resumes an interrupted run; views of
    another mesh, or with other options, are not kept: choose another folder for them.

    Args:
        mesh: one or more mesh files; each is a building.
        out: folder to write to.
        points: points per mesh that cameras look at.
        views: images of each point.
        size: pixels per side.
        seed: chooses cameras and points.
        semantic: .npy files of one semantic id (0 to 17) per face, one file per mesh.
        scene: scene class of all meshes, such as kitchen.
        up: the upward axis of the files; auto is y for glTF and z for the rest.
        metres: metres per unit of the files.
        outside: view the meshes from outside, as objects: cameras are placed on a sphere around each.
        workers: processes, by default one per core.

    Raises:
        InputError: a file cannot be read, or has no free space for cameras.
    """
    from lightning_taskonomy.synthetic.render.jobs import Pictures, render_buildings
    from lightning_taskonomy.synthetic.render.mesh_file import MeshFile

    if semantic and len(semantic) != len(mesh):
        raise InputError(f"semantic: expected one file per mesh, got {len(semantic)} for {len(mesh)} meshes")
    if not 0 < metres < math.inf:
        raise InputError(f"metres: expected a number above 0, got {metres}")
    ids = semantic or [None] * len(mesh)
    buildings = [
        MeshFile(path, seed, face_ids, scene, up, metres, outside)
        for path, face_ids in zip(mesh, ids, strict=True)
    ]
    names = [building.name for building in buildings]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"mesh: two files are called {name}; buildings need distinct names")
    render_buildings(buildings, Pictures(points, views, size), out, workers)
    print(f"written: {out}: {len(buildings) * points * views} views of {len(buildings)} meshes, splits.csv")


def annotate(*, images: Path, out: Path, size: int = 256, workers: int | None = None) -> None:
    """Make the labels that need only RGB from your own photos, in Taskonomy's folder layout.

    Texture edges, 2D keypoints and 2D segments; autoencoding, denoising, in-painting, colorization and jigsaw
    need only the image. A photo is cropped to its central square. Photos annotated before are kept.

    Args:
        images: folder of photos, with subfolders; any format that Pillow reads
        out: folder to write to
        size: pixels per side
        workers: processes; by default one per core
    """
    from lightning_taskonomy.data.folder.splits import write_splits
    from lightning_taskonomy.data.folder.views import DataFolder
    from lightning_taskonomy.data.photos import NOTE, annotate_photos, claim, find_photos

    if size < 32:
        raise InputError(f"size: expected at least 32 pixels, found {size}")
    count = _processes(workers)
    find_photos(images)  # before anything is written
    with output_folder(out):
        photos = claim(out, images, size)
        with progress("annotating", len(photos)) as step:
            found = annotate_photos(photos, out, size, count, step)
        for line in found.notes:
            print(line, file=sys.stderr)
        for line in found.left_out:
            print(f"left out: {line}", file=sys.stderr)
        if not found.labelled:
            (out / NOTE).unlink()
            raise InputError(f"{images}: none of the {len(photos)} pictures can be read")
        write_splits(out / "splits.csv", DataFolder.open(out).buildings)
    print(f"written: {out}: labels of {found.labelled} photos, splits.csv")


def check(
    folder: Path,
    *,
    json: Path | None = None,
    split: Path | None = None,
    workers: int | None = None,
    show: int = 20,
) -> None:
    """Read every file of a data folder, or of packed shards, and report what is present, missing and damaged.

    Both layouts are read, Omnidata's and the original one. Missing labels, views without a partner and
    records without room, box or vanishing points are reported as warnings. So are cameras outside their rooms
    and normals that point towards the camera: such labels follow other conventions than Taskonomy's. For any
    other problem the exit status is 2. Shards are compared with their index.

    Args:
        folder: images with labels, or the folder that data pack wrote
        json: where to write the whole report as JSON
        split: list of splits to compare with, or tiny, medium, full or fullplus for the official list of that
            name in the folder; by default the one found there, if any
        workers: processes; by default one per core
        show: how many problems of each kind to print
    """
    from lightning_taskonomy.data.folder.check import check_folder
    from lightning_taskonomy.data.folder.views import DataFolder
    from lightning_taskonomy.data.shards.verify import is_packed

    count = _processes(workers)
    if is_packed(folder):
        _check_shards(folder, json, count, show)
        return
    buildings = len(DataFolder.open(folder).buildings)
    with progress("checking buildings", buildings) as step:
        report = check_folder(folder, count, split, lambda _: step())
    if json is not None:
        write_text(json, dumps(report.as_json(), indent=2) + "\n")
    print(report.text(show))
    if report.damage:
        damaged = len(report.damage)
        raise InputError(f"{folder}: {damaged} problem{'s' * (damaged > 1)} beyond warnings, see above")


def _check_shards(folder: Path, json: Path | None, workers: int, show: int) -> None:
    from lightning_taskonomy.data.folder.report import problem_lines
    from lightning_taskonomy.data.shards.index import SplitIndex
    from lightning_taskonomy.data.shards.verify import planned_checks, unfinished_splits, verify_shards

    indices = [SplitIndex.read(path.parent) for path in sorted(folder.glob("*/index.json"))]
    checks = [check for index in indices for check in planned_checks(index)]
    with progress("checking shards", len(checks)) as step:
        problems = unfinished_splits(folder) + verify_shards(checks, workers, step)
    if json is not None:
        report = {
            "splits": {
                index.split: {
                    "samples": len(index.keys),
                    "shards": len(index.samples),
                    "labels": {domain: int(held.sum()) for domain, held in index.present.items()},
                }
                for index in indices
            },
            "problems": [asdict(problem) for problem in problems],
        }
        write_text(json, dumps(report, indent=2) + "\n")
    for index in indices:
        print(f"{index.split}: {len(index.keys)} views in {len(index.samples)} shards")
    print("\n".join(problem_lines(problems, show)))
    if problems:
        raise InputError(f"{folder}: {len(problems)} problem{'s' * (len(problems) > 1)}, see above")


def pack(
    *,
    source: Path,
    out: Path,
    split: Path | None = None,
    size: int | None = None,
    jpeg: int | None = None,
    domains: Names | None = None,
    shard_size: int | None = None,
    seed: int = 0,
    skip_damaged: bool = False,
    workers: int | None = None,
) -> None:
    """Pack a data folder into WebDataset shards: a folder per split, aligned tars per domain, an index.

    Splits are by building. Buildings are shuffled; the views of a point stay together. The same command
    resumes an interrupted run.

    Args:
        source: images with labels, in Omnidata's or the original layout
        out: folder for the shards
        split: list of splits: a CSV, or tiny, medium, full or fullplus; by default the only one in the folder
        size: pixels per side to resize to; by default images keep their size
        jpeg: store rgb as JPEG of this quality, 1 to 100; by default PNG
        domains: domains to pack; by default all
        shard_size: views per shard; by default 2048, fewer in small sets
        seed: of the shuffling
        skip_damaged: leave out unreadable labels; otherwise the first one stops the packing
        workers: processes; by default one per core
    """
    from lightning_taskonomy.data.folder.split_lists import find_splits
    from lightning_taskonomy.data.folder.splits import read_splits
    from lightning_taskonomy.data.shards.encode import Encoding
    from lightning_taskonomy.data.shards.pack import Packing, PackPlan

    count = _processes(workers)
    found = find_splits(source, split)
    if found is None:
        raise InputError(f"{source}: no list of splits (splits.csv) in this folder; name one with --split")
    packing = Packing(Encoding(size, jpeg), domains, shard_size, seed)
    plan = PackPlan(source, out, read_splits(found), packing, skip_damaged)
    with progress("packing", len(plan)) as step:
        plan.run(count, step)
    left_out = plan.left_out()
    for label in left_out[:_SHOWN]:
        print(f"left out: {label.reason}", file=sys.stderr)
    if left_out:
        print(f"left out: {len(left_out)} damaged labels in all, listed in the index", file=sys.stderr)
    for name, jobs in plan.jobs.items():
        views = sum(len(job.views) for job in jobs)
        print(f"{name}: {views} views in {len(jobs)} shards of {len(plan.domains)} domains")
    print(f"written: {out}")


def preview(folder: Path, *, out: Path, views: int = 6) -> None:
    """Draw some views with all their labels on one sheet.

    Args:
        folder: images with labels in Taskonomy's layout
        out: the sheet to write, a PNG
        views: how many views, evenly spread over the buildings

    Raises:
        InputError: no images, or one that cannot be read.
    """
    from lightning_taskonomy.pictures.preview import draw_preview
    from lightning_taskonomy.pictures.sheets import write_png

    if views < 1:
        raise InputError(f"views: expected at least 1, found {views}")
    write_png(out, draw_preview(folder, views))
    print(f"written: {out}")


def _processes(workers: int | None) -> int:
    """The number of worker processes; by default one per core."""
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, found {workers}")
    return workers or len(os.sched_getaffinity(0))
