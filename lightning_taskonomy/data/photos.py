"""Your own photos: the labels that follow from the image alone, in Taskonomy's folder layout."""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.core.pictures import PictureError, distinct_names, list_pictures, read_picture
from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.core.resizing import resized
from lightning_taskonomy.data.annotate import edge_texture, keypoints2d, segment_unsup2d
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.writing import write_labels

Bytes = npt.NDArray[np.uint8]

NOTE = "annotated.json"
"""File in the data folder that names the photos of its labels, and their size."""
_LABELS = ("rgb", "edge_texture", "keypoints2d", "segment_unsup2d")
"""In the order in which they are written: the last one marks a photo as finished."""
_LONGEST_NAME = 100
"""Bytes: room for a suffix and a number in the names that shards take."""


class Photo(NamedTuple):
    """A photo and its name.

    Attributes:
        name: of its labels' folders.
        path: of the photo.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Annotation:
    """The result of annotating photos.

    Attributes:
        labelled: how many have their labels.
        left_out: errors of those that cannot be read, one line each.
        notes: what parts of a file were ignored, one line each.
    """

    labelled: int
    left_out: Sequence[str]
    notes: Sequence[str]


def find_photos(folder: Path, named: Mapping[str, str] | None = None) -> list[Photo]:
    """The images of a folder and its subfolders, each with a name that is safe in file names.

    A name is the path below the folder, without suffix. Where several would be the same, as those of
    `my photo.jpg` and `my_photo.jpg`, suffixes are kept and numbers are added: each photo has its own.

    Args:
        folder: of the photos.
        named: names that photos already have, by their path below the folder.

    Raises:
        InputError: no such folder, or no images in it.
    """
    paths = list_pictures(folder, below=True)
    if not paths:
        raise InputError(f"{folder}: no pictures in this folder")
    known = named or {}
    places = [path.relative_to(folder) for path in paths]
    new = [place for place in places if place.as_posix() not in known]
    names = distinct_names(new, [_plain_name(place) for place in new], known.values())
    chosen = {**known, **{place.as_posix(): name for place, name in zip(new, names, strict=True)}}
    return [Photo(chosen[place.as_posix()], path) for place, path in zip(places, paths, strict=True)]


def claim(root: Path, images: Path, size: int) -> list[Photo]:
    """Reserve a data folder for the photos of a folder; returns them with their names there.

    Photos that have changed since they were annotated lose their labels, and are annotated again. Images in
    the data folder itself are skipped if it lies below the photos.

    Args:
        root: the data folder.
        images: of the photos.
        size: pixels per side of the labels.

    Raises:
        InputError: no images, or the data folder holds other labels; names them.
    """
    note = root / NOTE
    held = _read_note(root, note)
    if held is not None and held["size"] != size:
        raise InputError(f"{root}: holds labels at size {held['size']}, not {size}; choose another folder")
    if held is not None and held["images"] != str(images.resolve()):
        raise InputError(
            f"{root}: holds labels of the photos in {held['images']}, not of those in {images}; "
            "choose another folder"
        )
    before: dict[str, Any] = {} if held is None else held["photos"]
    found = find_photos(images, {place: entry["name"] for place, entry in before.items()})
    photos = [photo for photo in found if root.resolve() not in photo.path.resolve().parents]
    now = {path.relative_to(images).as_posix(): _state(name, path) for name, path in photos}
    for place, entry in now.items():
        if before.get(place, entry) != entry:
            for label in reversed(_LABELS):
                label_path(root, label, entry["name"], 0, 0).unlink(missing_ok=True)
    # Photos that were removed keep their labels, and their names are not given to others.
    content = {"images": str(images.resolve()), "size": size, "photos": {**before, **now}}
    write_text(note, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return photos


def read_photo(path: Path, size: int, note: Callable[[str], None] | None = None) -> Bytes:
    """A photo, upright, cropped to its largest central square and resized, (size, size, 3).

    Args:
        path: of the photo.
        size: pixels per side.
        note: as `read_picture` takes it.

    Raises:
        PictureError: the file is not an image that can be read.
    """
    return np.asarray(np.rint(resized(read_picture(path, note=note), size)), np.uint8)


def annotate_photos(
    photos: Sequence[Photo], root: Path, size: int, workers: int, after_each: Callable[[], None]
) -> Annotation:
    """Write the labels of every photo, each as a building with one point and one view.

    Args:
        photos: names and paths; no two names are the same.
        root: the data folder; photos that have all their labels are skipped.
        size: pixels per side.
        workers: processes.
        after_each: called after each photo, to show progress.
    """
    left_out: list[str] = []
    notes: list[str] = []
    for problem, noted in in_processes(_annotate, [(*photo, root, size) for photo in photos], workers):
        after_each()
        left_out += [] if problem is None else [problem]
        notes += noted
    return Annotation(len(photos) - len(left_out), sorted(left_out), sorted(notes))


def _annotate(name: str, path: Path, root: Path, size: int) -> tuple[str | None, list[str]]:
    """Label a photo; returns what was wrong with it, and notes."""
    notes: list[str] = []
    if label_path(root, _LABELS[-1], name, 0, 0).exists():
        return None, notes
    try:
        rgb = read_photo(path, size, notes.append)
    except PictureError as error:
        return str(error), notes
    made = (rgb, edge_texture(rgb), keypoints2d(rgb), segment_unsup2d(rgb))
    write_labels(root, name, 0, 0, dict(zip(_LABELS, made, strict=True)))
    return None, notes


def _plain_name(place: Path) -> str:
    """Letters, digits, - and _ only: a building's name becomes part of keys that must not hold dots."""
    joined = unicodedata.normalize("NFC", "_".join(place.with_suffix("").parts))
    plain = "".join(character if _is_plain(character) else "_" for character in joined)
    return plain.encode()[-_LONGEST_NAME:].decode(errors="ignore")


def _is_plain(character: str) -> bool:
    return character.isalnum() or character in "-_"


def _state(name: str, path: Path) -> dict[str, Any]:
    """What shows whether a photo has changed."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot read this picture ({error.strerror})") from error
    return {"name": name, "bytes": found.st_size, "modified_ns": found.st_mtime_ns}


def _read_note(root: Path, note: Path) -> dict[str, Any] | None:
    if not note.exists():
        if (root / "rgb").is_dir():
            raise InputError(f"{root}: holds pictures that are not of these photos; choose another folder")
        return None
    try:
        held: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        names = [entry["name"] for entry in held["photos"].values()]
        if len(set(names)) < len(names) or not all(map(_is_plain, "".join(names))):
            raise ValueError("expected a different name for each photo")
        _ = held["size"], held["images"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{note}: not written by this command ({error})") from error
    return held
