"""One's own photos: the labels that follow from the picture alone, in Taskonomy's folder layout."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.resizing import resized
from lightning_taskonomy.data.annotate import edge_texture, keypoints2d, segment_unsup2d
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.writing import write_labels

Bytes = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})


def find_photos(folder: Path) -> list[tuple[str, Path]]:
    """The pictures of a folder and its subfolders, with a name for each that suits file names.

    A name is the path below the folder, without suffix; two files of one name keep their suffixes.

    Raises:
        InputError: no such folder, or no pictures in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of pictures")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InputError(f"{folder}: no pictures ({', '.join(sorted(SUFFIXES))}) in this folder")
    names = [_name(path.relative_to(folder).with_suffix("")) for path in paths]
    return [
        (name if names.count(name) == 1 else f"{name}_{path.suffix[1:].lower()}", path)
        for name, path in zip(names, paths, strict=True)
    ]


def read_photo(path: Path, size: int) -> Bytes:
    """A photo as the camera was held, its largest central square at `size` pixels per side, (size, size, 3).

    Raises:
        InputError: the file is not a picture that can be read.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            square = resized(np.asarray(upright), size)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot read this picture ({error})") from error
    return np.asarray(np.rint(square), np.uint8)


def annotate_photos(
    photos: Sequence[tuple[str, Path]], root: Path, size: int, workers: int, after_each: Callable[[], None]
) -> list[str]:
    """Write the labels of every photo, each photo a building with one point seen once.

    Args:
        photos: names and paths.
        root: the data folder; photos whose labels are all there are passed over.
        size: pixels per side.
        workers: processes.
        after_each: called after each photo, to show progress.

    Returns:
        What was wrong with the photos that could not be read, a line each.
    """
    problems: list[str] = []
    for problem in _each(photos, root, size, workers):
        after_each()
        if problem is not None:
            problems.append(problem)
    return sorted(problems)


def _each(photos: Sequence[tuple[str, Path]], root: Path, size: int, workers: int) -> Iterator[str | None]:
    if workers == 1 or len(photos) == 1:
        for name, path in photos:
            yield _annotate(name, path, root, size)
        return
    with ProcessPoolExecutor(min(workers, len(photos)), get_context("spawn")) as pool:
        waiting = [pool.submit(_annotate, name, path, root, size) for name, path in photos]
        for done in as_completed(waiting):
            yield done.result()


def _annotate(name: str, path: Path, root: Path, size: int) -> str | None:
    # Written in this order, the last label marks a photo as finished.
    if label_path(root, "segment_unsup2d", name, 0, 0).exists():
        return None
    try:
        rgb = read_photo(path, size)
    except InputError as error:
        return str(error)
    labels = {
        "rgb": rgb,
        "edge_texture": edge_texture(rgb),
        "keypoints2d": keypoints2d(rgb),
        "segment_unsup2d": segment_unsup2d(rgb),
    }
    write_labels(root, name, 0, 0, labels)
    return None


def _name(path: Path) -> str:
    """Letters, digits, - and _ only: a building's name becomes part of keys that must not hold dots."""
    joined = "_".join(path.parts)
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in joined)
