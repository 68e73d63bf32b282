"""What a task is: the labels it needs, what is made of them, what a network puts out, how it is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

ViewLabels = Mapping[str, Any]
"""Labels of one view by domain, as they are stored: pictures (H, W) or (H, W, 3) of 8 or 16 bits, vectors,
and `point_info` as a dictionary; `rgb` among them."""
Loss = Literal["l1", "l2", "cross_entropy", "soft_cross_entropy", "metric_pairs", "pose"]


@dataclass(frozen=True)
class Example:
    """What a network learns from.

    Attributes:
        inputs: pictures in [−1, 1], (views, channels, size, size).
        target: what it should put out, in the shape of the task's output.
        mask: 1 where the loss counts, (size, size); None where it counts everywhere.
    """

    inputs: npt.NDArray[np.float32]
    target: npt.NDArray[Any]
    mask: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Pixels:
    """An output per pixel.

    Attributes:
        channels: numbers per pixel.
        size_divisor: the output is so many times smaller than the input.
    """

    channels: int
    size_divisor: int = 1


@dataclass(frozen=True)
class Vector:
    """An output per example.

    Attributes:
        outputs: how many numbers.
    """

    outputs: int


@dataclass(frozen=True)
class Task:
    """One entry of the dictionary.

    Attributes:
        name: as the published tables call it.
        title: as a reader does.
        domains: labels needed beside `rgb`.
        output: what its network puts out.
        loss: how that is judged.
        read: makes an example of the stored labels of its views, at a size in pixels; the generator decides
            about noise and crops.
        views: how many pictures it sees, 1 to 3.
        fixated: whether they look at the same point.
        source_only: whether it is never solved for its own sake.
        adversarial: whether a discriminator judges the output as well.
    """

    name: str
    title: str
    domains: tuple[str, ...]
    output: Pixels | Vector
    loss: Loss
    read: Callable[[Sequence[ViewLabels], int, np.random.Generator], Example]
    views: int = 1
    fixated: bool = True
    source_only: bool = False
    adversarial: bool = False
