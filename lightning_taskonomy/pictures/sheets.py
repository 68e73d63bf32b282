"""Contact sheets: images in rows and columns under titles; text on them, and writing them as PNG."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.pictures.drawing import Drawing

INK, PAPER, FAINT = (34, 38, 43), (255, 255, 255), (120, 126, 132)
GAP = 6
_TEXT, _LINE = 12, 18
"""Font size and line spacing, in pixels."""


def contact_sheet(
    rows: Sequence[Sequence[Drawing]], gap: int = GAP, titles: Sequence[str] = (), *, upright: bool = False
) -> Drawing:
    """Images in rows and columns on white, (H, W, 3), each centred in its cell.

    Args:
        rows: of images (h, w, 3), at least one; images may differ in size, and rows in length.
        gap: pixels between images.
        titles: of the columns, above the first row; lines too wide for their column are cut.
        upright: align each image to the top left of its cell instead.
    """
    columns = range(max(len(row) for row in rows))
    widths = [max(row[place].shape[1] for row in rows if place < len(row)) for place in columns]
    if titles:
        lines = max(title.count("\n") + 1 for title in titles)
        rows = [[text_strip(title, width, lines) for title, width in zip(titles, widths, strict=True)], *rows]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    size = (sum(heights) + gap * (len(heights) - 1), sum(widths) + gap * (len(widths) - 1), 3)
    sheet = np.full(size, PAPER, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for picture, width in zip(row, widths, strict=False):
            spare = (0, 0) if upright else (height - picture.shape[0], width - picture.shape[1])
            down, right = top + spare[0] // 2, left + spare[1] // 2
            sheet[down : down + picture.shape[0], right : right + picture.shape[1]] = picture
            left += width + gap
        top += height + gap
    return sheet


def in_rows(pictures: Sequence[Drawing], columns: int) -> list[Sequence[Drawing]]:
    """Images arranged row by row, in this many columns."""
    return [pictures[first : first + columns] for first in range(0, len(pictures), columns)]


def titled(drawing: Drawing, title: str) -> Drawing:
    """An image with its title above, cut to the image's width."""
    return np.concatenate([text_strip(title, drawing.shape[1]), drawing])


def framed_by(drawing: Drawing, pixels: int) -> Drawing:
    """An image with a white margin of this many pixels on every side."""
    return np.pad(drawing, ((pixels, pixels), (pixels, pixels), (0, 0)), constant_values=255)


def enlarged(drawing: Drawing, pixels: int) -> Drawing:
    """An image enlarged by the smallest integer factor that makes its shorter side at least `pixels`."""
    times = math.ceil(pixels / min(drawing.shape[:2]))
    return drawing.repeat(times, axis=0).repeat(times, axis=1)


def text_strip(text: str, width: int, lines: int | None = None, size: int = _TEXT) -> Drawing:
    """Lines of text on white, (H, width, 3), each cut to the width.

    Args:
        text: its lines.
        width: in pixels.
        lines: to reserve space for; by default those of the text.
        size: of the font, in pixels.
    """
    reserved = lines or text.count("\n") + 1
    strip = Image.new("RGB", (width, round(reserved * _LINE * size / _TEXT)), PAPER)
    cut = "\n".join(fitted(line, width, size) for line in text.split("\n"))
    ImageDraw.Draw(strip).multiline_text((0, 0), cut, INK, font(size), spacing=_LINE - _TEXT)
    return np.asarray(strip)


def fitted(text: str, width: float, size: int = _TEXT) -> str:
    """A text, truncated with an ellipsis where it is wider than this many pixels."""
    letters = font(size)
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@cache
def font(size: int = _TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font for all texts."""
    return ImageFont.load_default(size)


def write_png(path: Path, drawing: Drawing) -> None:
    """Write an image, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        Image.fromarray(drawing).save(temporary, format="PNG")
