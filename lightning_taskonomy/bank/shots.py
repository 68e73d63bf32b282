"""Pictures and the frames of videos, one after another, as networks take them: square and 8 bits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.resizing import resized

Bytes = npt.NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg"})
_SMALLEST_SIDE = 8
_MOST_PIXELS = 400_000_000
"""A picture beyond this is a mistake or an attack: it would take gigabytes."""
_PAPER = (255, 255, 255)


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


def found_files(paths: Sequence[Path]) -> list[Path]:
    """The given files, and for a folder the pictures in it.

    Raises:
        InputError: a folder without pictures, or two files whose results would have one name.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
        if not inside:
            raise InputError(f"{path}: no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}) in this folder")
        found += inside
    stems: dict[str, Path] = {}
    for file in found:
        if file.stem in stems:
            raise InputError(f"{file}: its results would have the names of those of {stems[file.stem]}")
        stems[file.stem] = file
    return found


def pictures(paths: Sequence[Path], size: int) -> Iterator[Shot]:
    """Pictures as shots, read one by one.

    Args:
        paths: of the pictures.
        size: pixels per side.

    Raises:
        InputError: one is no picture that can be read, or is too small.
    """
    for path in paths:
        yield Shot(path.stem, read_picture(path, size))


def read_picture(path: Path, size: int) -> Bytes:
    """A picture as the camera was held, its largest central square, (size, size, 3).

    16 bits are brought to 8 by what they can hold, not by what is in them; ink to light; what is transparent
    is put on white; of several pictures in a file the first is taken.

    Raises:
        InputError: it is no picture that can be read, or is too small or too large.
    """
    try:
        with Image.open(path) as image:
            _require_sensible(path, image.size)
            image.draft("RGB", (2 * size, 2 * size))  # JPEG: large ones need not be decoded in full
            return np.array(square(_eight_bits(ImageOps.exif_transpose(image)), size))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot read this picture ({error})") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: expected a picture of at most {_MOST_PIXELS:,} pixels") from error


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest central square at another size, as training reads its pictures."""
    return Image.fromarray(np.asarray(np.rint(resized(np.asarray(image), size)), np.uint8))


def _require_sensible(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < _SMALLEST_SIDE:
        raise InputError(
            f"{path}: expected at least {_SMALLEST_SIDE} pixels per side, found {width} x {height}"
        )
    if width * height > _MOST_PIXELS:
        raise InputError(f"{path}: expected at most {_MOST_PIXELS:,} pixels, found {width} x {height}")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return Image.fromarray(_of_full_scale(np.asarray(image))).convert("RGB")
    if image.mode == "F":
        raise ValueError("expected whole numbers per pixel, found floating-point ones")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*_PAPER, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _of_full_scale(values: npt.NDArray[np.generic]) -> Bytes:
    """16 bits as 8; readers give them as 32 bits, too."""
    numbers = values.astype(np.int64)
    if numbers.min() < 0 or numbers.max() > 65_535:
        raise ValueError(f"expected 16 bits per pixel, found numbers from {numbers.min()} to {numbers.max()}")
    return (numbers * 255 // 65_535).astype(np.uint8)
