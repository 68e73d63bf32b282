"""Images and video frames, one after another, as networks take them: square and 8-bit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import (
    PICTURE_SUFFIXES,
    PictureError,
    distinct_names,
    list_pictures,
    read_picture,
)
from lightning_taskonomy.core.resizing import resized

Bytes = npt.NDArray[np.uint8]

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg"})
_SMALLEST_SIDE = 8


class Source(NamedTuple):
    """An input file.

    Attributes:
        name: stem of its output files, different for every source.
        path: of an image or a video.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Shot:
    """One image, or one frame of a video.

    Attributes:
        name: stem of its output files.
        pixels: (S, S, 3).
    """

    name: str
    pixels: Bytes


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its suffix.

    Raises:
        InputError: there is no such file, or its suffix is neither that of an image nor of a video.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"{path}: no such picture or video")
    if suffix not in PICTURE_SUFFIXES | VIDEO_SUFFIXES:
        raise InputError(
            f"{path}: expected a picture ({', '.join(sorted(PICTURE_SUFFIXES))}) "
            f"or a video ({', '.join(sorted(VIDEO_SUFFIXES))})"
        )
    return suffix in VIDEO_SUFFIXES


def found_files(paths: Sequence[Path]) -> list[Source]:
    """The given files, and the images in the given folders; each once.

    Args:
        paths: of images, videos and folders of images.

    Raises:
        InputError: a folder without images.
    """
    found: list[Path] = []
    for path in paths:
        inside = list_pictures(path) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"{path}: no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}) in this folder")
        found += inside
    found = list(dict.fromkeys(found))
    return [Source(name, path) for name, path in zip(distinct_names(found), found, strict=True)]


def pictures(
    sources: Sequence[Source],
    size: int,
    leave_out: Callable[[PictureError], None],
    note: Callable[[str], None] | None = None,
) -> Iterator[Shot]:
    """Images as shots, read one by one.

    Args:
        sources: names and paths.
        size: pixels per side.
        leave_out: called with the error for each image that cannot be read.
        note: as `read_picture` takes it.
    """
    for name, path in sources:
        try:
            pixels = read_shot(path, size, note)
        except PictureError as error:
            leave_out(error)
        else:
            yield Shot(name, pixels)


def read_shot(path: Path, size: int, note: Callable[[str], None] | None = None) -> Bytes:
    """The largest central square of an image, (size, size, 3).

    Args:
        path: of the image.
        size: pixels per side.
        note: as `read_picture` takes it.

    Raises:
        PictureError: it cannot be read as an image, or is too small or too large.
    """
    picture = read_picture(path, least_side=2 * size, note=note)
    height, width = picture.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        raise PictureError(
            f"{path}: expected at least {_SMALLEST_SIDE} pixels per side, found {width} x {height}"
        )
    return square(Image.fromarray(picture), size)


def square(image: Image.Image, size: int) -> Bytes:
    """The largest central square, resized as in training, (size, size, 3)."""
    return np.asarray(np.rint(resized(np.asarray(image), size)), np.uint8)
