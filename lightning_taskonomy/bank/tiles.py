"""Tiles of pictures: a square drawing, a strip of explanation below, a title above, many side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightning_taskonomy.bank.shots import Bytes

SIDE = 256
"""Pixels per side of a drawing."""
STRIP = 34
INK, PAPER, FAINT = (34, 38, 43), (255, 255, 255), (120, 126, 132)
_TITLE, _GAP, _COLUMNS = 22, 10, 6
_TEXT = 12


@dataclass(frozen=True)
class Tile:
    """A drawing with what explains it.

    Attributes:
        drawing: (SIDE, SIDE, 3).
        strip: (STRIP, SIDE, 3), or None.
    """

    drawing: Bytes
    strip: Bytes | None = None

    @property
    def whole(self) -> Bytes:
        """Both, one above the other."""
        return self.drawing if self.strip is None else np.concatenate([self.drawing, self.strip])


def enlarged(drawing: Bytes) -> Bytes:
    """A drawing as (SIDE, SIDE, 3): pixels repeated, or averaged where it is larger; bars in the middle."""
    height, width = drawing.shape[:2]
    if height != width:
        tile = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
        image = Image.fromarray(drawing)
        image.thumbnail((SIDE, SIDE))
        top, left = (SIDE - image.height) // 2, (SIDE - image.width) // 2
        tile[top : top + image.height, left : left + image.width] = np.asarray(image)
        return tile
    way = Image.Resampling.NEAREST if height < SIDE else Image.Resampling.BOX
    return np.asarray(Image.fromarray(drawing).resize((SIDE, SIDE), way))


def text_strip(text: str) -> Bytes:
    """A line of text."""
    strip = Image.new("RGB", (SIDE, STRIP), PAPER)
    ImageDraw.Draw(strip).text((4, 8), fitted(text, SIDE - 8), INK, font())
    return np.asarray(strip)


def fitted(text: str, width: float) -> str:
    """A text, its end left out where it is wider than so many pixels."""
    if font().getlength(text) <= width:
        return text
    while text and font().getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def font(size: int = _TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """What texts are written in."""
    return ImageFont.load_default(size)


def sheet(tiles: Sequence[tuple[str, Tile]]) -> Bytes:
    """Titled tiles in rows of equal length, at most six in one, (H, W, 3)."""
    columns = -(-len(tiles) // -(-len(tiles) // _COLUMNS))
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    heights = [
        _TITLE + SIDE + (STRIP if any(tile.strip is not None for _, tile in row) else 0) for row in rows
    ]
    width = _GAP + len(rows[0]) * (SIDE + _GAP)
    made = Image.new("RGB", (width, _GAP + sum(heights) + _GAP * len(rows)), PAPER)
    pen, top = ImageDraw.Draw(made), _GAP
    for row, height in zip(rows, heights, strict=True):
        for place, (title, tile) in enumerate(row):
            left = _GAP + place * (SIDE + _GAP)
            pen.text((left, top + 3), fitted(title, SIDE), INK, font())
            made.paste(Image.fromarray(tile.whole), (left, top + _TITLE))
        top += height + _GAP
    return np.asarray(made)
