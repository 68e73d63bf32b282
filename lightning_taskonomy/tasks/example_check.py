"""Checks that a reader's example fits its task, before a network sees it, with errors in the task's terms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lightning_taskonomy.tasks.losses import L2, CrossEntropy, PixelPairs, PoseNorm, SoftCrossEntropy, l1
from lightning_taskonomy.tasks.own_files import PREFIX, own_line
from lightning_taskonomy.tasks.task import Example, Stored, Task

_STORABLE = ("bool", "uint8", "uint16", "int16", "int32", "int64", "float32", "float64")
_OF_OUTPUTS_SHAPE = (L2, SoftCrossEntropy, PoseNorm)
"""Losses, besides `l1`, whose target has the shape of the output."""


def is_own(task: Task) -> bool:
    """Whether the task is custom: its reader is not from this package."""
    read: Any = task.read
    module = getattr(getattr(read, "func", read), "__module__", None) or type(read).__module__
    return module.startswith(PREFIX) or not module.startswith("lightning_taskonomy.")


def reading_error(error: Exception) -> str:
    """Describe an error in a reader, with type, file and line if the reader is the user's."""
    line = own_line(error)
    if line is None:
        return f"cannot be decoded ({error})"
    return f"{type(error).__name__} in {line} ({error})"


def misfit(task: Task, example: object, size: int) -> str | None:
    """Describe how an example does not fit its task; None if it does.

    Args:
        task: The task.
        example: What the task's reader returned.
        size: Pixels per side.
    """
    if not isinstance(example, Example):
        return f"its reader should return an Example, found {_type(example)}"
    return (
        _inputs_misfit(task, example, size)
        or _target_misfit(task, example, size)
        or _mask_misfit(task, example, size)
        or class_misfit(task, example)
        or _loss_misfit(task, example, size)
    )


def class_misfit(task: Task, example: Example) -> str | None:
    """Describe a class index that is out of range where the mask is true; None if all are valid."""
    target = example.target
    if not isinstance(task.loss, CrossEntropy) or isinstance(target, Stored):
        return None
    counted = target[example.mask] if example.mask is not None else np.asarray(target)
    wrong = counted[(counted < 0) | (counted >= task.output.outputs)]
    if not wrong.size:
        return None
    return (
        f"its output expects classes from 0 to {task.output.outputs - 1}, found class {wrong.flat[0]} "
        "(exclude pixels without a class by the mask)"
    )


def _inputs_misfit(task: Task, example: Example, size: int) -> str | None:
    wanted = task.pictures or task.views
    if not isinstance(example.inputs, tuple | list):
        return f"inputs should be a tuple of {wanted}, found {_type(example.inputs)}"
    if len(example.inputs) != wanted:
        return f"inputs should be {wanted}, one per image, found {len(example.inputs)}"
    for part in example.inputs:
        shape = task.input_channels, size, size
        found = _scaled(part)
        if isinstance(found, str) or found.dtype != torch.float32 or tuple(found.shape) != shape:
            return f"its network expects inputs of shape {shape}, float32, found {_described(found)}"
    return None


def _target_misfit(task: Task, example: Example, size: int) -> str | None:
    found = _scaled(example.target)
    classes = isinstance(task.loss, CrossEntropy | PixelPairs)
    output = task.output.shape(size)
    if classes:
        kind = "class indices" if isinstance(task.loss, CrossEntropy) else "segment ids"
        whole = not isinstance(found, str) and not found.is_floating_point() and found.dtype != torch.bool
        if not whole or tuple(found.shape) != output[1:]:  # type: ignore[union-attr]
            return f"its output expects {kind} of shape {output[1:]}, integers, found {_described(found)}"
        return None
    if isinstance(found, str):
        return f"its output expects a target of shape {output}, float32, found {found}"
    as_output = task.loss is l1 or isinstance(task.loss, _OF_OUTPUTS_SHAPE)
    if as_output and not (found.is_floating_point() and tuple(found.shape) == output):
        return f"its output expects a target of shape {output}, float32, found {_described(found)}"
    return None


def _mask_misfit(task: Task, example: Example, size: int) -> str | None:
    mask = example.mask
    if mask is None:
        return None
    if not task.output.per_pixel:
        return "its output is not an image: expected no mask"
    shape = task.output.shape(size)[1:]
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        return f"its output expects a mask of shape {shape}, bool, found {_described(mask)}"
    return None


def _loss_misfit(task: Task, example: Example, size: int) -> str | None:
    """Check the task's loss, which may be custom too, on an output of zeros."""
    target, mask = _scaled(example.target), example.mask
    if isinstance(target, str):
        return f"expected a target of numbers, found {target}"
    output = torch.zeros(1, *task.output.shape(size))
    try:
        loss = task.loss(output, target[None], None if mask is None else torch.from_numpy(mask)[None])
    except Exception as error:  # whatever the user's loss does
        line = own_line(error)
        where = f" in {line}" if line else ""
        return f"its loss fails on the target ({type(error).__name__}{where}: {error})"
    if not isinstance(loss, torch.Tensor) or tuple(loss.shape) != (1,):
        return f"its loss should return one value per image, shape (1,), found {_described(loss)}"
    return None


def _scaled(part: object) -> torch.Tensor | str:
    """The part as a tensor for the network, or a description of what was found instead."""
    values = part.values if isinstance(part, Stored) else part
    if not isinstance(values, np.ndarray | np.generic):
        return _type(values)
    if values.dtype.name not in _STORABLE:
        return f"{np.shape(values)} {values.dtype.name}"
    tensor = torch.from_numpy(np.array(values))
    if not isinstance(part, Stored):
        return tensor
    if tensor.ndim not in (2, 3):
        return f"stored values of shape {tuple(tensor.shape)}"
    scale: Callable[[torch.Tensor], torch.Tensor] = part.scale
    return scale(tensor if tensor.ndim == 3 else tensor[..., None])


def _type(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _described(found: object) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, np.ndarray | torch.Tensor):
        return f"{tuple(found.shape)} {str(found.dtype).removeprefix('torch.')}"
    return _type(found)
