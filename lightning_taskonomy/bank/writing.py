"""Writing predictions: an image of every output, a sheet of all outputs of a shot, and the values."""

import json
import math
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_taskonomy.bank.class_names import class_names
from lightning_taskonomy.bank.drawn import (
    MOST_LIKELY,
    Names,
    draw_prediction,
    in_units,
    is_choice,
    photo,
    shares_of,
)
from lightning_taskonomy.bank.predictor import Prediction, Predictions
from lightning_taskonomy.bank.shots import Bytes, Shot
from lightning_taskonomy.bank.tiles import Tile, sheet
from lightning_taskonomy.core.output import whole_file, write_text
from lightning_taskonomy.pictures.sheets import write_png
from lightning_taskonomy.tasks.task import Task

_SHEET = "sheet"


@dataclass(frozen=True)
class Wanted:
    """What to write besides the drawings.

    Attributes:
        raw: outputs as `.npy`.
        representations: as `.npy`, too.
        names: class names by task.
        field_of_view: full angle across the square image in degrees.
    """

    raw: bool = False
    representations: bool = False
    names: Names = field(default_factory=dict)
    field_of_view: float = 60.0


def write_pictures(folder: Path, found: Iterable[tuple[Shot, Predictions]], wanted: Wanted) -> int:
    """Write `<name>_<task>.png` for every prediction and `<name>_sheet.png`; returns the number of images.

    Vectors and class probabilities are also written as `.json`.

    Raises:
        InputError: a file cannot be written.
    """
    written = 0
    for shot, predictions in found:
        for task, prediction in predictions.items():
            _write_numbers(folder, f"{shot.name}_{task}", prediction, wanted)
        for title, drawing in _drawings(shot, predictions, wanted).items():
            write_png(folder / f"{shot.name}_{title}.png", drawing)
        written += 1
    return written


def write_video(
    folder: Path, name: str, rate: Fraction, found: Iterable[tuple[Shot, Predictions]], wanted: Wanted
) -> int:
    """Write `<video>_<task>.mp4` for every task and `<video>_sheet.mp4`; returns the number of frames.

    The values of a frame are written into the folder `<video>_<task>`, as `<frame>.npy` and `.json`.

    Raises:
        InputError: a file cannot be written.
    """
    from lightning_taskonomy.bank.video import VideoWriter  # images do not need PyAV

    writers: dict[str, VideoWriter] = {}
    frames = 0
    with ExitStack() as stack:
        for shot, predictions in found:
            for task, prediction in predictions.items():
                _write_numbers(folder / f"{name}_{task}", shot.name, prediction, wanted)
            for title, drawing in _drawings(shot, predictions, wanted).items():
                if title not in writers:
                    path = folder / f"{name}_{title}.mp4"
                    writers[title] = stack.enter_context(VideoWriter(path, rate))
                writers[title].write(drawing)
            frames += 1
    return frames


def _drawings(shot: Shot, predictions: Predictions, wanted: Wanted) -> dict[str, Bytes]:
    """The drawing of every task by its name, and the sheet."""
    tiles = {
        task: draw_prediction(shot, prediction, wanted.names, wanted.field_of_view)
        for task, prediction in predictions.items()
        if prediction.output is not None
    }
    if not tiles:
        return {}
    titled = [(predictions[task].task.title, tile) for task, tile in tiles.items()]
    whole = sheet([("Photo", Tile(photo(shot))), *titled])
    return {**{task: tile.whole for task, tile in tiles.items()}, _SHEET: whole}


def _write_numbers(folder: Path, stem: str, prediction: Prediction, wanted: Wanted) -> None:
    output = prediction.output
    if wanted.raw and output is not None:
        _save_array(folder / f"{stem}.npy", output)
    if wanted.representations:
        _save_array(folder / f"{stem}_representation.npy", prediction.representation)
    if output is not None and not prediction.task.output.per_pixel:
        write_text(folder / f"{stem}.json", json.dumps(_in_words(prediction.task, output, wanted.names)))


def _save_array(path: Path, values: Tensor) -> None:
    with whole_file(path) as temporary:
        np.save(temporary, values.numpy(), allow_pickle=False)


def _in_words(task: Task, output: Tensor, names: Names) -> dict[str, Any]:
    """Likely classes with their probabilities, or a vector in radians and metres."""
    if is_choice(task):
        shares = shares_of(output)
        known = names.get(task.name) or class_names(task)
        best = torch.argsort(shares, descending=True, stable=True)[:MOST_LIKELY].tolist()
        likely = [{"class": known[number], "probability": _rounded(float(shares[number]))} for number in best]
        return {"task": task.name, "likely": likely}
    numbers = [_rounded(number) for number in in_units(task, output).tolist()]
    return {"task": task.name, "output": numbers}


def _rounded(number: float) -> float | None:
    """Rounded to single precision; None for what is not finite, which JSON cannot express."""
    return float(f"{number:.7g}") if math.isfinite(number) else None
