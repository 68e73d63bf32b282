"""Finding and reading image files.

Images are read upright and as 8-bit RGB, whatever the file holds. 16-bit values are scaled by the full range
of their type, not by their own extremes; CMYK is converted; transparent pixels are composited on white; of
several frames or pages the first is taken.
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
"""A larger image is a mistake or an attack: it would take gigabytes."""
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""The formats read, whatever the file's suffix: readers of other formats start programs (EPS)."""
_WITH_PAGES = ("GIF", "PNG", "TIFF", "WEBP")
"""Formats with several frames or pages; the images that cameras append to a JPEG are previews."""
_PAPER = (255, 255, 255, 255)
_WHITE_IS_ZERO = 0


class PictureError(InputError):
    """One image cannot be read; a set of images can do without it."""


def read_picture(
    source: Path | bytes,
    name: str | None = None,
    least_side: int | None = None,
    note: Callable[[str], None] | None = None,
) -> Bytes:
    """Read an image, (H, W, 3).

    Args:
        source: a file, or its content.
        name: what error messages call it; by default its path.
        least_side: where a smaller image would do: a large JPEG is decoded at a half, a quarter or an
            eighth of its size, as long as no side is shorter than this.
        note: called with a message where the file holds several images.

    Raises:
        PictureError: it cannot be read, is too large, or its values have no known full scale.
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
    """Open an image and read only its header; its size is limited.

    For labels, whose stored values matter; other images are read by `read_picture`.

    Args:
        source: a file, or its content.
        where: what error messages call it.
        most_pixels: largest number of pixels.

    Raises:
        PictureError: it has more pixels.
        OSError, SyntaxError, ValueError: not an image.
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
    """Refuse an image by the width and height in its header.

    Raises:
        PictureError: it has more pixels.
    """
    width, height = size
    if width * height > most_pixels:
        raise PictureError(f"{where}: expected at most {most_pixels:,} pixels, found {width} x {height}")


def list_pictures(folder: Path, below: bool = False) -> list[Path]:
    """The image files of a folder, sorted.

    Names with a leading dot are skipped: `._a.jpg`, which macOS leaves beside `a.jpg`, is no image.

    Args:
        folder: to search.
        below: whether to search its subfolders, too.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        paths = sorted(_walk(str(folder), below))
    except OSError as error:
        raise InputError(f"{folder}: expected a folder of pictures ({error.strerror or error})") from error
    return [folder.joinpath(*parts) for parts in paths]


def distinct_names(
    paths: Sequence[Path], stems: Sequence[str] | None = None, taken: Iterable[str] = ()
) -> list[str]:
    """A unique name for what is made from each image: by default its file name without suffix.

    Where several images would share a name, their suffixes are added (`a_jpg`, `a_png`); where that name is
    taken, too, they are numbered. Names that differ only in case or in Unicode normalisation count as equal,
    because some file systems do not distinguish them.

    Args:
        paths: of the images.
        stems: the preferred names, one for each.
        taken: names that are already in use.
    """
    stems = [path.stem for path in paths] if stems is None else stems
    used = {_folded(name) for name in taken}
    counts = Counter(map(_folded, stems))
    unique = {name for name, count in counts.items() if count == 1} - used
    # Unique names stay as they are; only generated names are numbered.
    used |= unique
    names = []
    for path, stem in zip(paths, stems, strict=True):
        if _folded(stem) in unique:
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
    # Damaged EXIF data do not tell the orientation; the image itself is still readable.
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
    """Grey values of more than 8 bits, scaled to 8 and rounded."""
    if image.mode == "I" and image.format not in ("PPM", "PNG"):  # Pillow opens their 16 bits as 32
        raise ValueError("32-bit or signed numbers have no known full scale; expected 8 or 16 bits per pixel")
    full, inverted = 65_535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        full = 2 ** image.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0] - 1
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
    values = np.asarray(image).astype(np.int64)
    if inverted:
        values = full - values
    return ((values * 255 + full // 2) // full).astype(np.uint8)
