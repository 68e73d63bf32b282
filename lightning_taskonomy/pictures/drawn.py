"""Inputs, targets and outputs of a task as images to compare side by side."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pictures.drawing import BARS_WIDTH, Drawing, draw, draw_colorization
from lightning_taskonomy.pictures.sheets import contact_sheet, in_rows
from lightning_taskonomy.tasks.colours import BINS
from lightning_taskonomy.tasks.losses import CrossEntropy
from lightning_taskonomy.tasks.task import Kind, Task
from lightning_taskonomy.tasks.tiles import permutations, read_jigsaw

_GAP_OF_VIEWS = 2
_VEIL, _VEIL_SHARE = 200.0, 0.65
"""Grey level and opacity of the veil over invalid pixels: the image stays visible beneath."""
_FRAME = (190, 194, 199)
_MOST_NUMBERS = BARS_WIDTH // 2
_LARGEST = 1e4
"""Replaces infinity in drawings."""


def drawn_input(task: Task, input: Tensor) -> Drawing:
    """The views side by side, or the tiles of a view in a square, (H, W, 3).

    Args:
        task: whose input it is.
        input: of one example, (views, C, H, W), from −1 to 1; of more than three channels the first three.
    """
    pictures = [draw("picture", view[:3]) for view in input]
    columns = len(pictures) if task.pictures is None else math.ceil(math.sqrt(len(pictures)))
    return contact_sheet(in_rows(pictures, columns), _GAP_OF_VIEWS)


def drawn_target(task: Task, input: Tensor, target: Tensor, mask: Tensor | None = None) -> Drawing:
    """The target, (H, W, 3), drawn like `drawn_output`, so that the two can be compared.

    Args:
        task: whose target it is.
        input: of one example, (views, C, H, W).
        target: of the same example, in the shape of the task's output; (H, W) or () for class indices or ids.
        mask: true where the loss counts, (H, W); the rest is greyed out.

    Raises:
        InputError: the task's kind of drawing does not fit its targets.
    """
    if _is_class_number(task) and target.ndim == 0:
        target = functional.one_hot(target.long(), task.output.outputs).float()
    return _veiled(_drawn(task, task.drawing, input, target), task, mask)


def drawn_output(task: Task, input: Tensor, output: Tensor, mask: Tensor | None = None) -> Drawing:
    """The output, (H, W, 3); NaN is drawn as 0, and infinity at the end of the scale.

    Colorization's colours are drawn onto the lightness of the input, jigsaw's tiles where the network places
    them, and the output of a classifier as class probabilities.

    Args:
        task: whose output it is.
        input: of one example, (views, C, H, W).
        output: of the network for it, in the shape of the task's output.
        mask: true where the loss counts, (H, W); the rest is greyed out.

    Raises:
        InputError: the task's kind of drawing does not fit its outputs.
    """
    finite = torch.nan_to_num(output.float(), nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    return _veiled(_drawn(task, task.output_drawing or task.drawing, input, finite), task, mask)


def _drawn(task: Task, kind: Kind, input: Tensor, values: Tensor) -> Drawing:
    if task.read is read_jigsaw:
        return _put_together(input, int(values if values.ndim == 0 else values.argmax()))
    if not task.output.per_pixel and kind == "vector":
        kind = "shares" if _is_class_number(task) else kind
        values = values if kind == "shares" else values[:_MOST_NUMBERS]
    try:
        if kind == "colours":
            return draw_colorization(input[0], values, torch.from_numpy(BINS))
        return _framed(draw(kind, values)) if kind in ("shares", "vector") else draw(kind, values)
    except ValueError as error:
        raise InputError(f"task {task.name}: cannot be drawn as {kind}: {error}") from error


def _framed(drawing: Drawing) -> Drawing:
    """The drawing with a border, which shows the full height of its columns on white."""
    drawing[[0, -1]] = drawing[:, [0, -1]] = _FRAME
    return drawing


def _put_together(tiles: Tensor, number: int) -> Drawing:
    """The image that nine tiles form if they were shuffled by the permutation of that number."""
    pictures: list[Drawing] = [draw("picture", tile) for tile in tiles]
    order = np.argsort(permutations()[number])
    return contact_sheet(in_rows([pictures[place] for place in order.tolist()], 3), _GAP_OF_VIEWS)


def _veiled(drawing: Drawing, task: Task, mask: Tensor | None) -> Drawing:
    if mask is None or not task.output.per_pixel:
        return drawing
    counted: npt.NDArray[np.bool_] = mask.detach().cpu().numpy().astype(bool)
    # Drawings may be larger than the output.
    down, right = (
        np.arange(drawn) * masked // drawn
        for drawn, masked in zip(drawing.shape, counted.shape, strict=False)
    )
    veiled = drawing * (1 - _VEIL_SHARE) + _VEIL * _VEIL_SHARE
    return np.where(counted[down][:, right, None], drawing, np.rint(veiled).astype(np.uint8))


def _is_class_number(task: Task) -> bool:
    """Whether the task classifies whole examples."""
    return isinstance(task.loss, CrossEntropy) and not task.output.per_pixel
