"""The U-Net decoder: five lateral and five merging blocks up to the image size, and the output layer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.blocks import Condition, Runs

Block = Callable[[int, int, int], nn.Module]
"""Builds a block from its input channels, output channels and kernel side."""
WIDTH = 512
_WIDTH_DIVISORS = (1, 2, 2, 4, 8)
"""Divisors of the width for the outputs of the merging blocks, from coarse to fine."""
_SMALLEST_WIDTH = 4


class Features(NamedTuple):
    """An encoder's features of images.

    Attributes:
        stages: From fine to coarse, at 1/2 to 1/32 of the resolution: (B, C, ⌈H/2⌉, ⌈W/2⌉) and so on.
        size: Height and width of the images.
    """

    stages: Sequence[Tensor]
    size: tuple[int, int]

    def split(self, runs: Runs) -> list["Features"]:
        """The features of each run's examples."""
        counts = [count for _, count in runs]
        by_stage = [torch.split(stage, counts) for stage in self.stages]
        return [Features(parts, self.size) for parts in zip(*by_stage, strict=True)]


class UNetDecoder(nn.Module):
    """From an encoder's five stages to outputs per pixel.

    Every stage passes through a 1×1 block of unchanged width. Starting from the coarsest, the features are
    upsampled to the next stage (bilinear, corners aligned), concatenated with it and merged by a 3×3 block. A
    last block works at the size of the image, and a 1×1 convolution without activation yields the outputs.

    Shapes: features of (B, 3, H, W) -> (B, outputs, H, W).
    """

    def __init__(self, stages: Sequence[int], outputs: int, block: Block, width: int = WIDTH) -> None:
        """Builds the decoder with fresh weights.

        Args:
            stages: Channels of the encoder's stages, from fine to coarse.
            outputs: Output channels.
            block: Builds a block.
            width: Channels of the first merging block; the others scale in proportion, with at least 4.
        """
        super().__init__()
        self.lateral = nn.ModuleList(block(channels, channels, 1) for channels in stages)
        widths = [max(_SMALLEST_WIDTH, width // divisor) for divisor in _WIDTH_DIVISORS]
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
            features: The encoder's features.
            condition: Task information for the blocks.
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
    """A task's output from the shared outputs: means over groups of neighbouring channels.

    If C is not divisible by `channels`, groups overlap by a channel, as in adaptive pooling.

    Args:
        outputs: Shared outputs, (B, C, H, W).
        channels: Output channels of the task, at most C.

    Returns:
        (B, channels, H, W).

    Raises:
        InputError: the task has more channels than there are outputs.
    """
    shared = outputs.shape[1]
    if channels > shared:
        raise InputError(f"outputs: expected at least {channels}, as many as a task has, found {shared}")
    if shared % channels == 0:
        grouped = outputs.reshape(len(outputs), channels, -1, *outputs.shape[2:])
        return outputs if channels == shared else grouped.mean(dim=2)
    groups = [
        outputs[:, group * shared // channels : -(-(group + 1) * shared // channels)]
        for group in range(channels)
    ]
    return torch.stack([group.mean(dim=1) for group in groups], dim=1)


def _enlarged(features: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(features, size, mode="bilinear", align_corners=True)
