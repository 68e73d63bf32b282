"""A contact sheet of some views with all their labels, drawn for inspection."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.core.pictures import open_picture
from lightning_taskonomy.data.domains import DEPTH_INVALID, DEPTH_UNITS_PER_METRE, DOMAINS
from lightning_taskonomy.data.folder.label_check import MOST_PIXELS, wrong_mode, wrong_vector
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.pictures.drawing import Drawing
from lightning_taskonomy.pictures.sheets import (
    INK,
    contact_sheet,
    font,
    framed_by,
    in_rows,
    text_strip,
    titled,
)
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENE_PLACES, SCENES_IN_FILES

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.generic]

_TILE, _GAP, _COLUMNS = 160, 8, 6
_KEY = 14
"""Font size of a view's key, in pixels."""
_EMPTY, _RIM = (232, 234, 237), (170, 175, 180)
_NEAR_M, _FAR_M = 0.5, 10.0
_TEXT_DOMAINS = ("class_object", "class_scene", "point_info")


def draw_preview(root: Path, views: int) -> Drawing:
    """One block per view, evenly spread over the buildings, with a titled tile per domain, (H, W, 3).

    Args:
        root: a folder in any of Taskonomy's layouts.
        views: number of views.

    Raises:
        InputError: there are no images, or a label cannot be read.
    """
    folder = DataFolder.open(root)
    picked = _spread(folder, views)
    blocks = []
    for view, labels in picked:
        tiles = [titled(_rimmed(_tile(labels.get(domain), domain)), domain) for domain in folder.domains]
        block = contact_sheet(in_rows(tiles, _COLUMNS), _GAP)
        blocks.append([np.concatenate([text_strip(view.key, block.shape[1], size=_KEY), block])])
    return framed_by(contact_sheet(blocks, _GAP), _GAP)


def _spread(folder: DataFolder, count: int) -> list[tuple[ViewName, dict[str, Path]]]:
    """Views evenly spread over the buildings; only the folders of their buildings are listed."""
    indices = np.linspace(0, len(folder.buildings) - 1, count).round().astype(int)
    counts = Counter(folder.buildings[index] for index in indices)
    picked: list[tuple[ViewName, dict[str, Path]]] = []
    for building, wanted in counts.items():
        views = [(view, labels) for view, labels in folder.labels(building).items() if "rgb" in labels]
        if views:
            places = np.linspace(0, len(views) - 1, min(wanted, len(views))).round().astype(int)
            picked += [views[place] for place in places]
    if not picked:
        raise InputError(f"{folder.root}: expected rgb images, found none in {', '.join(counts)}")
    return picked


def _rimmed(tile: Drawing) -> Drawing:
    """A tile with a border: labels may be as white as the sheet."""
    rimmed = np.empty((_TILE + 2, _TILE + 2, 3), np.uint8)
    rimmed[:] = _RIM
    rimmed[1:-1, 1:-1] = tile
    return rimmed


def _tile(path: Path | None, domain: str) -> Drawing:
    if path is None:
        tile = Image.new("RGB", (_TILE, _TILE), _EMPTY)
        ImageDraw.Draw(tile).text((8, 8), "absent", INK, font(11))
        return np.asarray(tile)
    if domain in _TEXT_DOMAINS:
        tile = Image.new("RGB", (_TILE, _TILE), _EMPTY)
        lines = "\n".join(_words(path, domain))
        ImageDraw.Draw(tile).multiline_text((6, 6), lines, INK, font(9), spacing=3)
        return np.asarray(tile)
    try:
        with open_picture(path, path.name, MOST_PIXELS) as image:
            wrong = wrong_mode(image.mode, DOMAINS[domain])
            if wrong is not None:
                raise ValueError(wrong)
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: cannot read this picture ({error})") from error
    return np.asarray(
        Image.fromarray(visible(values, domain)).resize((_TILE, _TILE), Image.Resampling.NEAREST)
    )


def visible(values: Numbers, domain: str) -> Picture:
    """Stored label values as 8-bit colours, (H, W, 3): depths on a log scale, each id in its own colour."""
    if domain.startswith("depth"):
        metres = values.astype(np.float64) / DEPTH_UNITS_PER_METRE
        near = 1 - np.log(np.clip(metres, _NEAR_M, _FAR_M) / _NEAR_M) / np.log(_FAR_M / _NEAR_M)
        return _grey(np.where(values == DEPTH_INVALID, 0.0, 0.05 + 0.95 * near))
    if domain in _FULL_AT:
        return _grey(values.astype(np.float64) / 65535 / _FULL_AT[domain])
    if DOMAINS[domain].ids and domain != "mask_valid":
        return np.asarray(_ID_COLOURS[values.astype(np.int64) % len(_ID_COLOURS)], np.uint8)
    if values.ndim == 2:
        return _grey(values.astype(np.float64) / 255)
    return np.asarray(values[..., :3], np.uint8)


# The fraction of the 16-bit scale that is drawn white: where the decoding of the tasks' labels saturates.
_FULL_AT: Mapping[str, float] = {
    "edge_texture": 0.08,
    "edge_occlusion": 0.00625,
    "keypoints2d": 0.005,
    "keypoints3d": 1.0,
}


def _grey(fraction: npt.NDArray[np.float64]) -> Picture:
    level = np.rint(255 * np.clip(fraction, 0.0, 1.0)).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=-1)


def _id_colours() -> npt.NDArray[np.uint8]:
    """256 colours whose neighbours differ strongly: hues in golden-ratio steps; 0 and 1 are greys."""
    numbers = np.arange(256)
    hue = 2 * np.pi * ((numbers * 0.61803398875) % 1.0)
    light = 150 + 70 * ((numbers * 0.37) % 1.0 - 0.5)
    waves = np.stack([np.cos(hue + shift) for shift in (0.0, 2.1, 4.2)], axis=-1)
    colours: npt.NDArray[np.uint8] = np.clip(light[:, None] + 85 * waves, 0, 255).astype(np.uint8)
    colours[:2] = [[60, 60, 60], [205, 205, 205]]
    return colours


_ID_COLOURS = _id_colours()


def _words(path: Path, domain: str) -> Sequence[str]:
    try:
        return _WORDS[domain](path)
    except (OSError, AttributeError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(f"{path}: not a {domain} label ({error})") from error


def _object_words(path: Path) -> list[str]:
    scores = _vector(path, "class_object")
    best = np.argsort(-scores)[:5]
    return ["class  score", *(f"{index:>5}  {scores[index]:.3f}" for index in best)]


def _scene_words(path: Path) -> list[str]:
    probabilities = _vector(path, "class_scene")
    if len(probabilities) == SCENES_IN_FILES:
        probabilities = probabilities[list(SCENE_PLACES)]
    best = np.argsort(-probabilities)[:5]
    return ["scene: probability", *(f"{SCENE_CLASSES[index]}: {probabilities[index]:.3f}" for index in best)]


def _vector(path: Path, domain: str) -> npt.NDArray[np.floating[Any]]:
    values = read_npy(path)
    wrong = wrong_vector(values, DOMAINS[domain])
    if wrong is not None:
        raise ValueError(wrong)
    return np.asarray(values)


def _point_words(path: Path) -> list[str]:
    info = json.loads(path.read_text(encoding="utf-8"))
    fields = [(name, value) for name, value in info.items() if isinstance(value, int | float | str)]
    return [
        f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}" for name, value in fields
    ][:11]


_WORDS: Mapping[str, Callable[[Path], list[str]]] = {
    "class_object": _object_words,
    "class_scene": _scene_words,
    "point_info": _point_words,
}
