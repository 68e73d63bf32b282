"""What a task is: the labels it needs, what is made of them, what a network puts out, how it is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import PerImageLoss
from lightning_taskonomy.tasks.scales import Scale

ViewLabels = Mapping[str, Any]
"""Labels of one view by domain, as they are stored: pictures (H, W) or (H, W, 3) of 8 or 16 bits, vectors,
and `point_info` as a dictionary; `rgb` among them; and `key`, which names the view."""
Kind = Literal[
    "picture", "normals", "depth", "classes", "segments", "embeddings", "shares", "vector", "colours"
]
"""How outputs and targets are drawn."""
Partners = Literal["same_point", "overlapping", "same_or_other_point"]


class Stored(NamedTuple):
    """Numbers as they are stored, and what makes a network's numbers of them, later and on the device.

    Attributes:
        values: (H, W) or (H, W, C), of any type.
        scale: makes (C, H, W) of them.
    """

    values: npt.NDArray[Any]
    scale: Scale


@dataclass(frozen=True)
class Example:
    """What a network learns from.

    Attributes:
        inputs: the picture of each view: (C, H, W) from −1 to 1, or such numbers yet to be scaled.
        target: what the network should put out, in the shape of the task's output, or yet to be scaled to it;
            integers are class numbers or ids, (H, W).
        mask: true where the loss counts, (H, W); None where it counts everywhere.
    """

    inputs: Sequence[Stored | npt.NDArray[np.float32]]
    target: Stored | npt.NDArray[Any]
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Pixels:
    """An output per pixel.

    Attributes:
        channels: numbers per pixel.
        size_divisor: the output is so many times smaller than the input.
    """

    per_pixel: ClassVar[Literal[True]] = True

    channels: int
    size_divisor: int = 1

    @property
    def outputs(self) -> int:
        """How many numbers, per pixel."""
        return self.channels

    def shape(self, size: int) -> tuple[int, ...]:
        """Of the output for an input of so many pixels per side: (C, H, W)."""
        return self.channels, size // self.size_divisor, size // self.size_divisor


@dataclass(frozen=True)
class Vector:
    """An output per example.

    Attributes:
        outputs: how many numbers.
        hidden: how wide the layers before are.
        layers: how many there are, the last one included.
        normalised: whether the layers before are batch-normalised.
        of_pairs: whether one network sees each pair of views by itself and puts out its share of the numbers.
    """

    per_pixel: ClassVar[Literal[False]] = False

    outputs: int
    hidden: int = 2048
    layers: int = 2
    normalised: bool = True
    of_pairs: bool = False

    def shape(self, size: int) -> tuple[int, ...]:
        """Of the output for an input of any size: (n,)."""
        return (self.outputs,)


@dataclass(frozen=True)
class Training:
    """How a task's network is trained where nothing else is asked for: the published constants.

    Attributes:
        batch_size: examples per step.
        weight_decay: of the weights, not of biases and normalisations.
        drop_after: steps after which the learning rate is a tenth; None if it never is.
        gradient_norm: what the gradient of each weight tensor is scaled down to where it is longer.
        instance_noise: standard deviation of the noise on what the discriminator sees, at the first step.
    """

    batch_size: int = 32
    weight_decay: float = 2e-6
    drop_after: int | None = 80_000
    gradient_norm: float | None = None
    instance_noise: float = 0.1


@dataclass(frozen=True)
class Standard:
    """What vectors are standardised by: (vector − mean) / deviation.

    Attributes:
        mean: of each number.
        deviation: the standard deviation of each.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def repeated(self, times: int) -> "Standard":
        """For that many vectors one after another."""
        return Standard(self.mean * times, self.deviation * times)

    def as_lists(self) -> list[list[float]]:
        """Mean and deviation, as files hold them."""
        return [list(self.mean), list(self.deviation)]


@dataclass(frozen=True)
class Task:
    """One entry of the dictionary.

    Attributes:
        name: the one that is written, in files and folders too; `core.task_names` has the others.
        title: for readers.
        domains: labels needed beside `rgb`.
        output: what its network puts out.
        loss: how that is judged, per image.
        read: makes an example of the stored labels of its views, at a size in pixels; the generator decides
            about noise and crops.
        views: how many views of a scene it sees, 1 to 3.
        partners: which views stand beside the first: others of its point; one of another point that the first
            sees too; or, with even chances, one of the two kinds of matching.
        standard: of its vectors, as they are in Taskonomy's own data.
        pictures: how many pictures its network is given, where that is not one a view.
        input_channels: of each.
        source_only: whether it is never solved for its own sake.
        norm_share: where a discriminator judges the output as well, the share of `loss` in what is minimised;
            else None.
        training: constants of its training.
        metric: makes what says how good outputs are, in units a reader knows.
        drawing: how targets are drawn.
        output_drawing: how outputs are, if otherwise.
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
