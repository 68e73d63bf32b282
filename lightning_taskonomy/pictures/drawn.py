"""What a network was given, what it should put out and what it did, as pictures side by side."""

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
"""The grey over pixels that do not count, and how much of it: what is below stays visible."""
_FRAME = (190, 194, 199)
_MOST_NUMBERS = BARS_WIDTH // 2
_LARGEST = 1e4
"""Stands for infinity in drawings."""


def drawn_input(task: Task, input: Tensor) -> Drawing:
    """The views side by side, or the pictures made of a view in a square, (H, W, 3).

    Args:
        task: which it belongs to.
        input: of one example, (views, C, H, W), from −1 to 1; of more than three channels the first three.
    """
    pictures = [draw("picture", view[:3]) for view in input]
    columns = len(pictures) if task.pictures is None else math.ceil(math.sqrt(len(pictures)))
    return contact_sheet(in_rows(pictures, columns), _GAP_OF_VIEWS)


def drawn_target(task: Task, input: Tensor, target: Tensor, mask: Tensor | None = None) -> Drawing:
    """What should be put out, (H, W, 3): as `drawn_output` draws it, so that the two can be compared.

    Args:
        task: which it belongs to.
        input: of one example, (views, C, H, W).
        target: of the same, in the shape of the task's output; (H, W) or () where it is class numbers or ids.
        mask: true where the loss counts, (H, W); the rest is greyed out.

    Raises:
        InputError: the task is drawn in a way that does not fit its targets.
    """
    if _is_class_number(task) and target.ndim == 0:
        target = functional.one_hot(target.long(), task.output.outputs).float()
    return _veiled(_drawn(task, task.drawing, input, target), task, mask)


def drawn_output(task: Task, input: Tensor, output: Tensor, mask: Tensor | None = None) -> Drawing:
    """What was put out, (H, W, 3): numbers that are not finite as 0 or as far as the drawing goes.

    Colorization's colours are drawn onto the lightness of the input, jigsaw's tiles where the network puts
    them, and a choice between classes as their shares.

    Args:
        task: which it belongs to.
        input: of one example, (views, C, H, W).
        output: of the network for it, in the shape of the task's output.
        mask: true where the loss counts, (H, W); the rest is greyed out.

    Raises:
        InputError: the task is drawn in a way that does not fit its outputs.
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
    """With a line around it: on white one could not see how high columns may become."""
    drawing[[0, -1]] = drawing[:, [0, -1]] = _FRAME
    return drawing


def _put_together(tiles: Tensor, number: int) -> Drawing:
    """The picture that nine tiles make if they lie in the permutation of that number."""
    pictures: list[Drawing] = [draw("picture", tile) for tile in tiles]
    order = np.argsort(permutations()[number])
    return contact_sheet(in_rows([pictures[place] for place in order.tolist()], 3), _GAP_OF_VIEWS)


def _veiled(drawing: Drawing, task: Task, mask: Tensor | None) -> Drawing:
    if mask is None or not task.output.per_pixel:
        return drawing
    counted: npt.NDArray[np.bool_] = mask.detach().cpu().numpy().astype(bool)
    # Drawings may be larger than what was put out.
    down, right = (
        np.arange(drawn) * given // drawn for drawn, given in zip(drawing.shape, counted.shape, strict=False)
    )
    veiled = drawing * (1 - _VEIL_SHARE) + _VEIL * _VEIL_SHARE
    return np.where(counted[down][:, right, None], drawing, np.rint(veiled).astype(np.uint8))


def _is_class_number(task: Task) -> bool:
    """Whether it is one of several classes that is to be chosen for a whole example."""
    return isinstance(task.loss, CrossEntropy) and not task.output.per_pixel
