"""Definition of a task: the labels it needs, their conversion to targets, the output, the loss and metric."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import PerImageLoss
from lightning_taskonomy.tasks.scales import Scale

ViewLabels = Mapping[str, Any]
"""Labels of one view by domain, as they are stored: images (H, W) or (H, W, 3) of 8 or 16 bits, vectors, and
`point_info` as a dictionary. Always includes `rgb`, and `key`, which names the view."""
Kind = Literal[
    "picture", "normals", "depth", "classes", "segments", "embeddings", "shares", "vector", "colours"
]
"""How outputs and targets are drawn."""
Partners = Literal["same_point", "overlapping", "same_or_other_point"]


class Stored(NamedTuple):
    """Values as they are stored, and the scale that converts them later, on the device.

    Attributes:
        values: (H, W) or (H, W, C), of any type.
        scale: Converts them to (C, H, W).
    """

    values: npt.NDArray[Any]
    scale: Scale


@dataclass(frozen=True)
class Example:
    """A training example.

    Attributes:
        inputs: Image of each view: (C, H, W) from −1 to 1, or stored values to be scaled to this.
        target: The target, in the shape of the task's output, or stored values to be scaled to it; integers
            are class indices or ids, (H, W).
        mask: True where the loss applies, (H, W); None if it applies everywhere.
    """

    inputs: Sequence[Stored | npt.NDArray[np.float32]]
    target: Stored | npt.NDArray[Any]
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Pixels:
    """An output per pixel.

    Attributes:
        channels: Values per pixel.
        size_divisor: Ratio of the input's side to the output's.
    """

    per_pixel: ClassVar[Literal[True]] = True

    channels: int
    size_divisor: int = 1

    @property
    def outputs(self) -> int:
        """Values per pixel."""
        return self.channels

    def shape(self, size: int) -> tuple[int, ...]:
        """Shape of the output for an input with `size` pixels per side: (C, H, W)."""
        return self.channels, size // self.size_divisor, size // self.size_divisor


@dataclass(frozen=True)
class Vector:
    """An output per example.

    Attributes:
        outputs: Length of the vector.
        hidden: Width of the hidden layers.
        layers: Number of layers, including the last one.
        normalised: Whether hidden layers are batch-normalised.
        of_pairs: Whether a shared decoder processes each pair of views separately and predicts its part of
            the vector.
    """

    per_pixel: ClassVar[Literal[False]] = False

    outputs: int
    hidden: int = 2048
    layers: int = 2
    normalised: bool = True
    of_pairs: bool = False

    def shape(self, size: int) -> tuple[int, ...]:
        """Shape of the output for an input of any size: (n,)."""
        return (self.outputs,)


@dataclass(frozen=True)
class Training:
    """Default hyper-parameters of training a task's network, as published.

    Attributes:
        batch_size: Examples per step.
        weight_decay: Weight decay of the weights, not of biases and normalisation layers.
        drop_after: Steps after which the learning rate drops to a tenth; None for never.
        gradient_norm: Maximum norm to which the gradient of each weight tensor is clipped.
        instance_noise: Initial standard deviation of the noise on the discriminator's inputs.
    """

    batch_size: int = 32
    weight_decay: float = 2e-6
    drop_after: int | None = 80_000
    gradient_norm: float | None = None
    instance_noise: float = 0.1


@dataclass(frozen=True)
class Standard:
    """Standardisation of vectors: (vector − mean) / deviation.

    Attributes:
        mean: Mean of each entry.
        deviation: Standard deviation of each entry.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def repeated(self, times: int) -> "Standard":
        """The standardisation of `times` concatenated vectors."""
        return Standard(self.mean * times, self.deviation * times)

    def as_lists(self) -> list[list[float]]:
        """Mean and deviation, as stored in files."""
        return [list(self.mean), list(self.deviation)]


@dataclass(frozen=True)
class Task:
    """One entry of the dictionary.

    Attributes:
        name: The name written to files and folders; `core.task_names` lists the aliases.
        title: Title for readers.
        domains: Labels needed besides `rgb`.
        output: Shape of the network's output.
        loss: Loss per image.
        read: Converts the stored labels of its views to an example, at a size in pixels; the generator is for
            noise and crops.
        views: Number of views of a scene, 1 to 3.
        partners: How the other views are chosen: views of the same point; a view of another point that the
            first view sees too; or, for matching, one of the two kinds with equal probability.
        standard: Standardisation of its vectors, as in Taskonomy's own data.
        pictures: Number of input images, if not one per view.
        input_channels: Channels of each input image.
        source_only: Whether it serves only as a source, never as a target.
        norm_share: Weight of `loss` in the objective if a discriminator is used too; else None.
        training: Hyper-parameters of its training.
        metric: Makes the metric, in familiar units.
        drawing: How targets are drawn.
        output_drawing: How outputs are drawn, if differently.
    """

    name: str
    title: str
    domains: tuple[str, ...]
    output: Pixels | Vector
    loss: PerImageLoss
    read: Callable[[Sequence[ViewLabels], int, np.random.Generator], Example]
    views: int = 1
    partners: Partners = "same_point"
    standard: Standard | None = None
    pictures: int | None = None
    input_channels: int = 3
    source_only: bool = False
    norm_share: float | None = None
    training: Training = Training()
    metric: Callable[["Task"], Metric] | None = None
    drawing: Kind = "vector"
    output_drawing: Kind | None = None
