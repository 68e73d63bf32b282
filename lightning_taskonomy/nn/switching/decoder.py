"""The U-Net decoder: five lateral and five merging blocks up to the picture's size, and the output layer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.blocks import Condition, Runs

Block = Callable[[int, int, int], nn.Module]
"""Makes a block of input channels, output channels and the side of its kernel."""
WIDTH = 512
_SHARES = (1, 2, 2, 4, 8)
"""What the width is divided by to give the outputs of the merging blocks, from coarse to fine."""
_SMALLEST_WIDTH = 4


class Features(NamedTuple):
    """What an encoder says of pictures.

    Attributes:
        stages: from fine to coarse, at a half to a 32nd of the side: (B, C, ⌈H/2⌉, ⌈W/2⌉) and so on.
        size: height and width of the pictures.
    """

    stages: Sequence[Tensor]
    size: tuple[int, int]

    def split(self, runs: Runs) -> list["Features"]:
        """The features of each run's examples."""
        counts = [count for _, count in runs]
        by_stage = [torch.split(stage, counts) for stage in self.stages]
        return [Features(parts, self.size) for parts in zip(*by_stage, strict=True)]


class UNetDecoder(nn.Module):
    """From an encoder's five stages to numbers per pixel.

    Every stage passes a 1×1 block of unchanged width. From the coarsest on, the features are enlarged to the
    side of the next stage (bilinear, corners aligned), joined to it and merged by a 3×3 block; a last one
    works at the size of the picture, and a 1×1 convolution gives the outputs, without an activation.

    Shapes: features of (B, 3, H, W) -> (B, outputs, H, W).
    """

    def __init__(self, stages: Sequence[int], outputs: int, block: Block, width: int = WIDTH) -> None:
        """Builds the decoder with fresh weights.

        Args:
            stages: Channels of the encoder's stages, from fine to coarse.
            outputs: Numbers per pixel.
            block: Makes the blocks.
            width: Channels of the first merging block; the others keep their share of it, and at least 4.
        """
        super().__init__()
        self.lateral = nn.ModuleList(block(channels, channels, 1) for channels in stages)
        widths = [max(_SMALLEST_WIDTH, width // share) for share in _SHARES]
        below = [stages[-1], *widths[:-1]]
        beside = [*reversed(stages[:-1]), 0]
        self.merging = nn.ModuleList(
            block(coarse + fine, merged, 3)
            for coarse, fine, merged in zip(below, beside, widths, strict=True)
        )
        self.head = nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, features: Features, condition: Condition) -> Tensor:
        """(B, outputs, H, W).

        Args:
            features: of the encoder.
            condition: what the blocks are told.
        """
        *finer, coarsest = features.stages
        decoded = self.lateral[-1](coarsest, condition)
        for place in range(len(finer)):
            stage = -2 - place
            beside = self.lateral[stage](features.stages[stage], condition)
            enlarged = _enlarged(decoded, (beside.shape[2], beside.shape[3]))
            decoded = self.merging[place](torch.cat([enlarged, beside], dim=1), condition)
        decoded = self.merging[-1](_enlarged(decoded, features.size), condition)
        output: Tensor = self.head(decoded)
        return output


def averaged_groups(outputs: Tensor, channels: int) -> Tensor:
    """What a task reads of the outputs that all tasks share: means of neighbouring channels.

    Where the numbers do not divide evenly, groups overlap by a channel, as in adaptive pooling.

    Args:
        outputs: (B, C, H, W).
        channels: how many numbers per pixel the task has, at most C.

    Returns:
        (B, channels, H, W).

    Raises:
        InputError: the task has more channels than there are outputs.
    """
    given = outputs.shape[1]
    if channels > given:
        raise InputError(f"outputs: expected at least {channels}, as many as a task has, found {given}")
    if given % channels == 0:
        grouped = outputs.reshape(len(outputs), channels, -1, *outputs.shape[2:])
        return outputs if channels == given else grouped.mean(dim=2)
    groups = [
        outputs[:, place * given // channels : -(-(place + 1) * given // channels)]
        for place in range(channels)
    ]
    return torch.stack([group.mean(dim=1) for group in groups], dim=1)


def _enlarged(features: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(features, size, mode="bilinear", align_corners=True)
