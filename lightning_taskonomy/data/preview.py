"""A contact sheet of some views with all their labels, as pictures a person can judge."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lightning_taskonomy.data.domains import DEPTH_INVALID, DEPTH_UNITS_PER_METRE, DOMAINS
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import whole_file

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.generic]

_TILE, _GAP, _HEAD = 160, 6, 20
_INK, _PAPER, _EMPTY = (34, 38, 43), (255, 255, 255), (232, 234, 237)
_NEAR_M, _FAR_M = 0.5, 10.0
_TEXT_DOMAINS = ("class_object", "class_scene", "point_info")


def draw_preview(root: Path, views: int) -> Image.Image:
    """A row per view, evenly spread over the buildings, and a column per domain.

    Args:
        root: a folder in Taskonomy's layout.
        views: how many.

    Raises:
        InputError: no pictures, or one that cannot be read.
    """
    found = sorted((root / "rgb").glob("*/*_domain_rgb.png"))
    if not found:
        raise InputError(f"{root}: expected pictures in rgb/<building>/, found none")
    picked = [found[round(index)] for index in np.linspace(0, len(found) - 1, min(views, len(found)))]
    domains = [name for name in DOMAINS if (root / name).is_dir()]
    width = _GAP + len(domains) * (_TILE + _GAP)
    height = _HEAD + len(picked) * (_TILE + _HEAD + _GAP)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, domain in enumerate(domains):
        draw.text((_GAP + column * (_TILE + _GAP), 4), domain, _INK, font)
    for row, path in enumerate(picked):
        top = _HEAD + row * (_TILE + _HEAD + _GAP)
        draw.text(
            (_GAP, top + _TILE + 2), f"{path.parent.name} / {path.name.split('_domain')[0]}", _INK, font
        )
        for column, domain in enumerate(domains):
            place = (_GAP + column * (_TILE + _GAP), top)
            sheet.paste(_tile(_label_path(path, domain), domain), place)
    return sheet


def save_preview(sheet: Image.Image, path: Path) -> None:
    """Write a contact sheet as PNG, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        sheet.save(temporary, format="PNG")


def _label_path(rgb: Path, domain: str) -> Path:
    name = rgb.name.replace("_domain_rgb.png", f"_domain_{domain}.{DOMAINS[domain].suffix}")
    return rgb.parents[2] / domain / rgb.parent.name / name


def _tile(path: Path, domain: str) -> Image.Image:
    if not path.exists():
        tile = Image.new("RGB", (_TILE, _TILE), _EMPTY)
        ImageDraw.Draw(tile).text((8, 8), "absent", _INK, ImageFont.load_default(11))
        return tile
    if domain in _TEXT_DOMAINS:
        tile = Image.new("RGB", (_TILE, _TILE), _EMPTY)
        lines = "\n".join(_words(path, domain))
        ImageDraw.Draw(tile).multiline_text((6, 6), lines, _INK, ImageFont.load_default(9), spacing=3)
        return tile
    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except OSError as error:
        raise InputError(f"{path}: cannot read this picture ({error})") from error
    return Image.fromarray(visible(values, domain)).resize((_TILE, _TILE), Image.Resampling.NEAREST)


def visible(values: Numbers, domain: str) -> Picture:
    """Stored label values as 8-bit colours, (H, W, 3): depths by their logarithm, ids in own colours."""
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


# The share of the full 16-bit scale that is drawn white: where the tasks' label decoding ends.
_FULL_AT: Mapping[str, float] = {
    "edge_texture": 0.08,
    "edge_occlusion": 0.00625,
    "keypoints2d": 0.005,
    "keypoints3d": 1.0,
}


def _grey(share: npt.NDArray[np.float64]) -> Picture:
    level = np.rint(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=-1)


def _id_colours() -> npt.NDArray[np.uint8]:
    """256 colours, neighbours far apart: hues a golden section from one to the next; 0 and 1 are greys."""
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a {domain} label ({error})") from error


def _vector_words(path: Path) -> list[str]:
    scores = np.load(path, allow_pickle=False)
    best = np.argsort(-scores)[:5]
    return ["class  score", *(f"{index:>5}  {scores[index]:.3f}" for index in best)]


def _point_words(path: Path) -> list[str]:
    info = json.loads(path.read_text(encoding="utf-8"))
    fields = [(name, value) for name, value in info.items() if isinstance(value, int | float | str)]
    return [
        f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}" for name, value in fields
    ][:11]


_WORDS: Mapping[str, Callable[[Path], list[str]]] = {
    "class_object": _vector_words,
    "class_scene": _vector_words,
    "point_info": _point_words,
}
