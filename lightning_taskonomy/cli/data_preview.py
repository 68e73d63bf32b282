"""`data preview`: a contact sheet of views and all their labels."""

from pathlib import Path

from lightning_taskonomy.cli.option_types import Positional
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pictures.preview import draw_preview, save_preview


def preview(folder: Positional[Path], out: Path, views: int = 6) -> None:
    """Draw some views with all their labels on one sheet.

    Args:
        folder: pictures with labels in Taskonomy's layout
        out: the picture to write, a PNG
        views: how many views, evenly spread over the buildings

    Raises:
        InputError: no pictures, or one that cannot be read.
    """
    if views < 1:
        raise InputError(f"views: expected at least 1, found {views}")
    save_preview(draw_preview(folder, views), out)
    print(f"written: {out}")
