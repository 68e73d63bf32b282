"""The readout of a transfer: from representations of frozen encoders to the input of the target's decoder.

Taskonomy, step II: kept small, so that it can use only what the representations make easily accessible.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_taskonomy.nn.initialise import he_normal
from lightning_taskonomy.nn.renormalisation import BatchRenorm2d

MOMENTUM = 0.2
"""Weight of each new batch in the running statistics, which decay by 0.8."""
CLIPPED_BEYOND = 5.0
"""Standard deviations from the mean beyond which values are clipped in training."""
Variant = Literal["standard", "shallow", "deep", "slim", "fat"]


@dataclass(frozen=True)
class ReadoutShape:
    """The size of a readout and its decoder.

    Attributes:
        channels: Channels of each of the two streams.
        convolutions: Convolutions in each stream.
        depth: How often each inner layer of the decoder is repeated: 0, 1 or 2 times.
        width: Factor of the decoder's width.
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

    The first normalisation standardises each channel, so that sources of different scales have equal weight.
    In training, values are first clipped to 5 standard deviations around their mean over batch and space. The
    input and the convolutions use batch renormalisation, the output batch normalisation.

    Targets with several images read each with the same weights; the decoder takes the results of all.

    Shapes: (B, 8 · order · views, s, s), ordered by source, then by view -> the decoder's output for
    (B, 2 · stream channels · views, s, s), ordered by view.
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
            order: Number of sources, whose representations are concatenated.
            decoder: The target's decoder, which takes `Readout.outputs(shape)` channels of each view.
            shape: Size of the streams.
            representation_channels: Channels of each representation.
            views: Number of images that the target sees.
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
        """Channels of the decoder's input per view."""
        return 2 * shape.channels

    def read(self, representations: Tensor) -> Tensor:
        """The decoder's input.

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
    """Dropout determined by a seed: the same whether alone or beside other networks, resumed or not.

    Args:
        share: Dropout probability in training.

    Attributes:
        seed: Seed of the next mask; set it before each training step.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.seed = share, 0

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape; the remaining ones are scaled up to preserve the mean."""
        if not self.training or self.share == 0:
            return values
        generator = torch.Generator(values.device).manual_seed(self.seed)
        self.seed += 1  # a network may call it more than once per step
        kept = torch.rand(values.shape, generator=generator, device=values.device) >= self.share
        return values * kept / (1 - self.share)


def clipped(values: Tensor) -> Tensor:
    """Clip (B, C, h, w) to within 5 standard deviations of each channel's mean."""
    deviation, mean = torch.std_mean(values.detach(), dim=(0, 2, 3), correction=0, keepdim=True)
    return values.clamp(mean - CLIPPED_BEYOND * deviation, mean + CLIPPED_BEYOND * deviation)


def _streams(inputs: int, shape: ReadoutShape) -> nn.Sequential:
    """Both streams as one stack of grouped convolutions: after the first layer the two halves do not mix.

    In a small network the overhead of an additional layer exceeds its computation.
    """
    layers: list[nn.Module] = []
    outputs = Readout.outputs(shape)
    for number in range(shape.convolutions):
        # In the first convolution, both streams read the whole input.
        groups = 1 if number == 0 else 2
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False),
            BatchRenorm2d(outputs, MOMENTUM),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(*layers)
