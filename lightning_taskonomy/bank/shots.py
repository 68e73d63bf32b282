"""Pictures and the frames of videos, one after another, as networks take them: square and 8 bits."""

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
    """A file to look at.

    Attributes:
        name: of what is made of it; no other file has it.
        path: of a picture or a video.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Shot:
    """One picture, or one frame of a video.

    Attributes:
        name: of the files that are made of it, without suffix.
        pixels: (S, S, 3).
    """

    name: str
    pixels: Bytes


def is_video(path: Path) -> bool:
    """Whether a path is that of a video, by its suffix.

    Raises:
        InputError: there is no such file, or it is neither picture nor video by its suffix.
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
    """The given files, and for a folder the pictures in it; each once.

    Args:
        paths: of pictures, videos and folders of pictures.

    Raises:
        InputError: a folder without pictures.
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
    """Pictures as shots, read one by one.

    Args:
        sources: names and paths.
        size: pixels per side.
        leave_out: called with what is wrong where one cannot be read.
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
    """The largest central square of a picture, (size, size, 3).

    Args:
        path: of the picture.
        size: pixels per side.
        note: as `read_picture` takes it.

    Raises:
        PictureError: it is no picture that can be read, or is too small or too large.
    """
    picture = read_picture(path, least_side=2 * size, note=note)
    height, width = picture.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        raise PictureError(
            f"{path}: expected at least {_SMALLEST_SIDE} pixels per side, found {width} x {height}"
        )
    return square(Image.fromarray(picture), size)


def square(image: Image.Image, size: int) -> Bytes:
    """The largest central square at another size, as training reads its pictures, (size, size, 3)."""
    return np.asarray(np.rint(resized(np.asarray(image), size)), np.uint8)
