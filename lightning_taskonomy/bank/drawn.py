"""Predictions as tiles, drawn as labels are, with a legend or explanation where one is needed."""

from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from lightning_taskonomy.bank.class_names import class_names
from lightning_taskonomy.bank.clusters import segments_of
from lightning_taskonomy.bank.geometry import DrawnLayout, draw_poses, draw_vanishing_points, turn_and_way
from lightning_taskonomy.bank.predictor import Prediction
from lightning_taskonomy.bank.shots import Bytes, Shot
from lightning_taskonomy.bank.tiles import SIDE, STRIP, Tile, explained, in_square
from lightning_taskonomy.pictures.drawing import FAR_METRES, NEAR_METRES, draw
from lightning_taskonomy.pictures.drawn import drawn_output
from lightning_taskonomy.pictures.sheets import FAINT, INK, PAPER, fitted, font
from lightning_taskonomy.tasks.losses import CrossEntropy, PoseNorm, SoftCrossEntropy
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.tasks.tiles import read_jigsaw
from lightning_taskonomy.tasks.vectors import read_room_layout, read_vanishing_points

MOST_LIKELY = 5
_LEGEND = 4
_UNITS_PER_METRE, _CODES = 512, 2**16
_MARKS_METRES = (0.5, 1.0, 2.0, 5.0, 10.0)
_BAR = (44, 105, 176)

Names = Mapping[str, tuple[str, ...]]
"""Names of classes by task."""


def draw_prediction(shot: Shot, prediction: Prediction, names: Names, field_of_view: float) -> Tile:
    """Draw a network's prediction for a shot.

    Args:
        shot: the input image.
        prediction: which must have an output.
        names: class names by task.
        field_of_view: full angle across the square image in degrees, for geometry drawn into it.

    Raises:
        InputError: the task's drawing does not fit its outputs.
    """
    task, output = prediction.task, prediction.output
    assert output is not None
    if task.read is read_room_layout:
        return _layout(shot, task, output, field_of_view)
    if task.read is read_vanishing_points:
        picture, legend = draw_vanishing_points(photo(shot), output.numpy().reshape(3, 3), field_of_view)
        return Tile(picture, legend)
    if isinstance(task.loss, PoseNorm):
        return _poses(task, output)
    if is_choice(task) and task.read is not read_jigsaw:
        return Tile(_likely_classes(shares_of(output), names.get(task.name) or class_names(task)))
    if task.output.per_pixel:
        return _pixels(prediction, output, names)
    return Tile(in_square(drawn_output(task, prediction.input, output)))


def photo(shot: Shot) -> Bytes:
    """A shot's image at the size of a tile, (SIDE, SIDE, 3)."""
    return np.asarray(Image.fromarray(shot.pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def is_choice(task: Task) -> bool:
    """Whether a task assigns one of several classes to an example as a whole."""
    return isinstance(task.loss, CrossEntropy | SoftCrossEntropy) and not task.output.per_pixel


def shares_of(output: Tensor) -> Tensor:
    """Probabilities of classes, (K,)."""
    return torch.softmax(output.double(), dim=0)


def in_units(task: Task, output: Tensor) -> Tensor:
    """A vector in radians and metres, if need be with the task's standardisation undone."""
    if task.standard is None:
        return output.double()
    mean, deviation = (
        torch.tensor(values).double() for values in (task.standard.mean, task.standard.deviation)
    )
    return mean + deviation * output.double()


def _pixels(prediction: Prediction, output: Tensor, names: Names) -> Tile:
    task = prediction.task
    kind = task.output_drawing or task.drawing
    if kind == "embeddings":
        segments = segments_of(output.numpy())
        return Tile(
            in_square(draw("segments", torch.from_numpy(segments))),
            explained(f"{int(segments.max()) + 1} segments, by clustering"),
        )
    drawing = in_square(drawn_output(task, prediction.input, output))
    if kind == "depth":
        return Tile(drawing, _depth_scale())
    if kind == "classes" and output.ndim == 3:
        return Tile(drawing, _class_legend(output, names.get(task.name) or class_names(task)))
    return Tile(drawing)


def _depth_scale() -> Bytes:
    """A colour bar of depths from near to far, labelled in metres."""
    near, far = (np.log1p(metres * _UNITS_PER_METRE) for metres in (NEAR_METRES, FAR_METRES))
    bar = torch.linspace(float(near), float(far), SIDE) / np.log(_CODES)
    strip = Image.new("RGB", (SIDE, STRIP), PAPER)
    strip.paste(Image.fromarray(draw("depth", bar.expand(1, 12, SIDE))), (0, 5))
    pen = ImageDraw.Draw(strip)
    for metres in _MARKS_METRES:
        place = (np.log1p(metres * _UNITS_PER_METRE) - near) / (far - near) * (SIDE - 1)
        label = f"{metres:g} m"
        width = font().getlength(label)
        pen.text((min(max(place - width / 2, 0), SIDE - width), 18), label, INK, font())
    return np.asarray(strip)


def _class_legend(output: Tensor, names: tuple[str, ...]) -> Bytes:
    """A legend of the classes that cover most of the image, the largest first."""
    counts = torch.bincount(output.argmax(dim=0).flatten(), minlength=len(names))
    colours = draw("classes", torch.arange(len(names))[None])[0]
    strip = Image.new("RGB", (SIDE, STRIP), PAPER)
    pen = ImageDraw.Draw(strip)
    for place, number in enumerate(torch.argsort(counts, descending=True, stable=True)[:_LEGEND].tolist()):
        if counts[number] > 0:
            left, top = (place % 2) * SIDE // 2, 2 + (place // 2) * STRIP // 2
            pen.rectangle((left + 2, top + 2, left + 12, top + 12), tuple(colours[number].tolist()), FAINT)
            share = f" {100 * int(counts[number]) / int(counts.sum()):.0f} %"
            room = SIDE / 2 - 20 - font().getlength(share)
            pen.text((left + 17, top), fitted(names[number], room) + share, INK, font())
    return np.asarray(strip)


def _likely_classes(shares: Tensor, names: tuple[str, ...]) -> Bytes:
    """The most likely classes with their probabilities, (SIDE, SIDE, 3)."""
    tile = Image.new("RGB", (SIDE, SIDE), PAPER)
    pen = ImageDraw.Draw(tile)
    best = torch.argsort(shares, descending=True, stable=True)[:MOST_LIKELY].tolist()
    height = SIDE // MOST_LIKELY
    for place, number in enumerate(best):
        top, share = place * height + 6, float(shares[number])
        label = f"{100 * share:.0f} %"
        pen.text((6, top), fitted(names[number], SIDE - 60), INK, font())
        pen.text((SIDE - 6 - font().getlength(label), top), label, INK, font())
        pen.rectangle((6, top + 20, SIDE - 6, top + 30), None, FAINT)
        pen.rectangle((6, top + 20, 6 + round(share * (SIDE - 12)), top + 30), _BAR)
    return np.asarray(tile)


def _layout(shot: Shot, task: Task, output: Tensor, field_of_view: float) -> Tile:
    layout = DrawnLayout.of(in_units(task, output).numpy())
    across, along, high = np.abs(layout.sides).tolist()
    return Tile(
        layout.drawn_on(photo(shot), field_of_view),
        explained(f"room of {across:.1f} x {along:.1f} x {high:.1f} m"),
    )


def _poses(task: Task, output: Tensor) -> Tile:
    poses = in_units(task, output).numpy().reshape(-1, 6)
    # Of three views, the poses of the first and the second relative to the last one.
    seen = poses if len(poses) == 1 else poses[1:]
    turn, way = turn_and_way(seen[-1])
    return Tile(draw_poses(seen), explained(f"turned {turn:.0f}°, moved {way:.2f} m"))
