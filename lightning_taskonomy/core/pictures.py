"""Picture files: the one way in which they are found and read.

Pictures are read as the camera was held and as 8 bits of red, green and blue, whatever is in the file: 16
bits are brought to 8 by what they can hold, not by what is in them; ink becomes light; what is transparent is
put on white; of several pictures in a file, such as an animation, the first is taken.
"""

import contextlib
import io
import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from lightning_taskonomy.core.errors import InputError

Bytes = npt.NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
MOST_PIXELS = 160_000_000
"""A picture beyond this is a mistake or an attack: it would take gigabytes."""
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""What is read, whatever a file is called: readers of other formats start programs (EPS)."""
_WITH_PAGES = ("GIF", "PNG", "TIFF", "WEBP")
"""Formats of animations and of several pages; what cameras append to a JPEG are previews."""
_PAPER = (255, 255, 255, 255)
_WHITE_IS_ZERO = 0


class PictureError(InputError):
    """One picture cannot be read: a set of pictures can do without it."""


def read_picture(
    source: Path | bytes,
    name: str | None = None,
    least_side: int | None = None,
    note: Callable[[str], None] | None = None,
) -> Bytes:
    """A picture, (H, W, 3).

    Args:
        source: a file, or what is in one.
        name: what to call it where it cannot be read; by default its path.
        least_side: where a smaller picture would do: a large JPEG is decoded at a half, a quarter or an
            eighth of its size, as long as no side is shorter than this.
        note: called with a line that says so where the file holds further pictures.

    Raises:
        PictureError: it cannot be read, is too large, or its numbers have no known full scale; in one line.
    """
    where = name if name is not None else "picture" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # of large pictures, which are judged here
            with open_picture(source, where) as image:
                pages = getattr(image, "n_frames", 1) if note and image.format in _WITH_PAGES else 1
                if note is not None and pages > 1:
                    note(f"{where}: holds {pages} pictures; the first is taken")
                if least_side is not None:
                    image.draft(None, (least_side, least_side))
                image.load()
                _turn_upright(image)
                return np.array(_eight_bits(image))
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"{where}: cannot read this picture (none of {', '.join(_FORMATS)})") from error
    except Exception as error:  # on damaged files the readers raise nearly anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"{where}: cannot read this picture ({reason})") from error


def open_picture(source: Path | bytes, where: str, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """An image of a sensible size whose header alone has been read.

    For labels, whose numbers count as they are stored; pictures are read by `read_picture`.

    Args:
        source: a file, or what is in one.
        where: what to call it.
        most_pixels: it may have.

    Raises:
        PictureError: it has more pixels.
        OSError, SyntaxError, ValueError: not a picture.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of large pictures, which are judged here
        try:
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, "r", _FORMATS)
        except Image.DecompressionBombError as error:
            raise PictureError(f"{where}: expected at most {most_pixels:,} pixels, found far more") from error
    try:
        require_pixels(image.size, where, most_pixels)
    except PictureError:
        image.close()
        raise
    return image


def require_pixels(size: tuple[int, int], where: str, most_pixels: int = MOST_PIXELS) -> None:
    """Refuse a picture by the width and height that its header says.

    Raises:
        PictureError: it has more pixels.
    """
    width, height = size
    if width * height > most_pixels:
        raise PictureError(f"{where}: expected at most {most_pixels:,} pixels, found {width} x {height}")


def list_pictures(folder: Path, below: bool = False) -> list[Path]:
    """The picture files of a folder, sorted.

    Names with a leading dot are passed over: `._a.jpg`, which macOS leaves beside `a.jpg`, is no picture.

    Args:
        folder: where to look.
        below: whether to look into its folders, too.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        found = sorted(_walk(str(folder), below))
    except OSError as error:
        raise InputError(f"{folder}: expected a folder of pictures ({error.strerror or error})") from error
    return [folder.joinpath(*parts) for parts in found]


def distinct_names(
    paths: Sequence[Path], stems: Sequence[str] | None = None, taken: Iterable[str] = ()
) -> list[str]:
    """A name for what is made of each picture: by default its file name without suffix.

    Where several would have one name, their suffixes are kept (`a_jpg`, `a_png`); where that is taken, too,
    they are numbered. Names that differ in capitals or in how accents are written count as one: not every
    file system can tell them apart.

    Args:
        paths: of the pictures.
        stems: the names wanted, one for each.
        taken: names that others have already.
    """
    stems = [path.stem for path in paths] if stems is None else stems
    used = {_folded(name) for name in taken}
    counts = Counter(map(_folded, stems))
    alone = {name for name, count in counts.items() if count == 1} - used
    # Names that are their own stay; only those that were made up are numbered.
    used |= alone
    names = []
    for path, stem in zip(paths, stems, strict=True):
        if _folded(stem) in alone:
            names.append(stem)
            continue
        name = f"{stem}_{path.suffix[1:].lower()}"
        chosen, number = name, 2
        while _folded(chosen) in used:
            chosen, number = f"{name}_{number}", number + 1
        used.add(_folded(chosen))
        names.append(chosen)
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _walk(folder: str, below: bool, parts: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if Path(entry.name).suffix.lower() in PICTURE_SUFFIXES and entry.is_file():
                yield *parts, entry.name
            elif below and entry.is_dir(follow_symlinks=False):
                folders.append(entry)
    for entry in folders:
        yield from _walk(entry.path, below, (*parts, entry.name))


def _turn_upright(image: Image.Image) -> None:
    # Damaged EXIF data say nothing of how the camera was held; the picture is there all the same.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point numbers per pixel have no known full scale; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        return Image.fromarray(_of_full_scale(image)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _PAPER), layer).convert("RGB")
    return image.convert("RGB")


def _of_full_scale(image: Image.Image) -> Bytes:
    """Greys of more than 8 bits as 8, rounded."""
    if image.mode == "I" and image.format not in ("PPM", "PNG"):  # those hold 16 bits, and are given as 32
        raise ValueError("32-bit or signed numbers have no known full scale; expected 8 or 16 bits per pixel")
    full, inverted = 65_535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        full = 2 ** image.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0] - 1
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
    values = np.asarray(image).astype(np.int64)
    if inverted:
        values = full - values
    return ((values * 255 + full // 2) // full).astype(np.uint8)
