"""The readout of a transfer: from the representations of frozen encoders to what the target's decoder takes.

Taskonomy, step II: small enough that what it cannot reach is not there to be read out.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_taskonomy.nn.initialise import he_normal
from lightning_taskonomy.nn.renormalisation import BatchRenorm2d

MOMENTUM = 0.2
"""Share of each new batch in the running statistics: they decay by 0.8."""
CLIPPED_BEYOND = 5.0
"""Standard deviations from the mean beyond which values are clipped in training."""
Variant = Literal["standard", "shallow", "deep", "slim", "fat"]


@dataclass(frozen=True)
class ReadoutShape:
    """How large a readout and its decoder are.

    Attributes:
        channels: of each of the two streams.
        convolutions: in each stream.
        depth: how often each inner layer of the decoder stands there: 0, 1 or 2 times.
        width: what the decoder's width is multiplied by.
    """

    channels: int = 8
    convolutions: int = 2
    depth: int = 1
    width: float = 1.0


VARIANTS: dict[Variant, ReadoutShape] = {
    "standard": ReadoutShape(),
    "shallow": ReadoutShape(convolutions=1, depth=0),
    "deep": ReadoutShape(convolutions=4, depth=2),
    "slim": ReadoutShape(channels=4, width=0.5),
    "fat": ReadoutShape(channels=16, width=2.0),
}
"""The published readout, and those of the sensitivity study."""


class Readout(nn.Module):
    """Clipping, normalisation, two parallel streams of convolutions, normalisation, the target's decoder.

    The first normalisation whitens each channel, so that sources of different scales weigh alike. In
    training, values are first clipped to 5 standard deviations about their mean, over batch and space. The
    input and the convolutions are batch renormalised, the output batch normalised.

    Targets of several pictures read each with the same weights; their decoder is given all that was read.

    Shapes: (B, 8 · order · views, s, s), source by source and view by view in each -> what the decoder makes
    of (B, 2 · stream channels · views, s, s), view by view.
    """

    def __init__(
        self,
        order: int,
        decoder: nn.Module,
        shape: ReadoutShape = VARIANTS["standard"],
        representation_channels: int = 8,
        views: int = 1,
    ) -> None:
        """Builds the streams with fresh weights.

        Args:
            order: How many sources are read, their representations concatenated.
            decoder: The target's, which takes `Readout.outputs(shape)` channels of each view.
            shape: Of the streams.
            representation_channels: Of each representation.
            views: How many pictures the target sees.
        """
        super().__init__()
        inputs = order * representation_channels
        self.order, self.views = order, views
        self.whiten = BatchRenorm2d(inputs, MOMENTUM)
        self.streams = _streams(inputs, shape)
        self.normalise = nn.BatchNorm2d(Readout.outputs(shape), momentum=MOMENTUM)
        he_normal(self.streams)
        self.decoder = decoder

    @staticmethod
    def outputs(shape: ReadoutShape) -> int:
        """Channels that the decoder is given of each view."""
        return 2 * shape.channels

    def read(self, representations: Tensor) -> Tensor:
        """What the decoder is given.

        (B, 8 · order · views, s, s) -> (B, 2 · stream channels · views, s, s).
        """
        batch = len(representations)
        if self.views > 1:
            side = representations.shape[2:]
            by_source = representations.reshape(batch, self.order, self.views, -1, *side)
            representations = by_source.transpose(1, 2).flatten(0, 1).flatten(1, 2)
        if self.training:
            representations = clipped(representations)
        read: Tensor = self.normalise(self.streams(self.whiten(representations)))
        return read.reshape(batch, -1, *read.shape[2:])

    def forward(self, representations: Tensor) -> Tensor:
        """(B, 8 · order · views, s, s) -> the decoder's output."""
        output: Tensor = self.decoder(self.read(representations))
        return output


class StepDropout(nn.Module):
    """Dropout whose choice follows from a seed: the same alone or beside other networks, resumed or not.

    Args:
        share: of the values that is dropped in training.

    Attributes:
        seed: of the next choice; set it before each step of training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.seed = share, 0

    def forward(self, values: Tensor) -> Tensor:
        """Any shape, kept; what is left is scaled up so that the mean stays."""
        if not self.training or self.share == 0:
            return values
        generator = torch.Generator(values.device).manual_seed(self.seed)
        self.seed += 1  # a network may pass here more than once
        kept = torch.rand(values.shape, generator=generator, device=values.device) >= self.share
        return values * kept / (1 - self.share)


def clipped(values: Tensor) -> Tensor:
    """(B, C, h, w) within 5 standard deviations of each channel's mean."""
    deviation, mean = torch.std_mean(values.detach(), dim=(0, 2, 3), correction=0, keepdim=True)
    return values.clamp(mean - CLIPPED_BEYOND * deviation, mean + CLIPPED_BEYOND * deviation)


def _streams(inputs: int, shape: ReadoutShape) -> nn.Sequential:
    """Both streams as one stack, the first half of the channels and the second never mixing after its start.

    On a small network each further layer costs more than what it computes.
    """
    layers: list[nn.Module] = []
    outputs = Readout.outputs(shape)
    for number in range(shape.convolutions):
        # The first convolution reads all of the input for both.
        groups = 1 if number == 0 else 2
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False),
            BatchRenorm2d(outputs, MOMENTUM),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(*layers)
