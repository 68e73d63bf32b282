"""Tiles: a square drawing with a title above and a strip of explanation below, many side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from lightning_taskonomy.bank.shots import Bytes
from lightning_taskonomy.pictures.sheets import (
    INK,
    PAPER,
    contact_sheet,
    fitted,
    font,
    framed_by,
    in_rows,
    titled,
)

SIDE = 256
"""Pixels per side of a drawing."""
STRIP = 34
_GAP, _COLUMNS = 10, 6


@dataclass(frozen=True)
class Tile:
    """A drawing and its explanation.

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


def in_square(drawing: Bytes) -> Bytes:
    """A drawing as (SIDE, SIDE, 3): pixels repeated, or averaged if larger; centred if it is not square."""
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


def explained(text: str) -> Bytes:
    """A strip with a line of text, (STRIP, SIDE, 3)."""
    strip = Image.new("RGB", (SIDE, STRIP), PAPER)
    ImageDraw.Draw(strip).text((4, 8), fitted(text, SIDE - 8), INK, font())
    return np.asarray(strip)


def sheet(tiles: Sequence[tuple[str, Tile]]) -> Bytes:
    """Titled tiles in rows of equal length, at most six per row, (H, W, 3)."""
    columns = math.ceil(len(tiles) / math.ceil(len(tiles) / _COLUMNS))
    drawn = [titled(tile.whole, title) for title, tile in tiles]
    return framed_by(contact_sheet(in_rows(drawn, columns), _GAP, upright=True), _GAP)
