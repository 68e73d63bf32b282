"""The decoders: from representations to images or vectors, in the layout of the published weights."""

from itertools import combinations

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.initialise import he_normal

LEAK = 0.2
SMALLEST_WIDTH = 4
# Layer names, and the divisor of the decoder's width that yields each layer's channels.
PIXEL_LAYERS = {
    "conv2": 1,
    "conv3": 1,
    "conv4": 2,
    "conv5": 4,
    "conv6": 4,
    "conv7": 8,
    "deconv8": 16,
    "conv9": 16,
    "deconv10": 32,
    "conv11": 32,
    "deconv12": 64,
    "conv13": 32,
    "deconv14": 64,
}
# Layers at the lowest resolution, which a decoder of another depth omits or repeats.
INNER_LAYERS = ("conv3", "conv4", "conv6")
# The last layer before the output, by `size_divisor`.
LAST_LAYER = {1: "deconv14", 2: "conv13", 4: "conv11", 8: "conv9", 16: "conv7"}


class PixelDecoder(nn.Module):
    """Fourteen 3×3 convolutions, four of them transposed and doubling the side.

    The state dict has the keys of the published weights, which load strictly at the default sizes.

    A `size_divisor` above 1 ends the stack early: the layers up to the wanted side keep their names and
    widths, and `decoder_output` follows them. With 4, as for colorization (64×64 from 16×16), it follows
    `deconv10` and `conv11`, and reads 32 channels at the default width.

    Shapes: (B, inputs, s, s) -> (B, channels, 16 s / size_divisor, 16 s / size_divisor).
    """

    def __init__(
        self,
        channels: int,
        inputs: int = 8,
        width: int = 1024,
        tanh: bool = True,
        size_divisor: int = 1,
        depth: int = 1,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            channels: Channels of the output.
            inputs: Channels of the representation, or of all representations together.
            width: Channels of the first layer; the others scale in proportion, with at least 4.
            tanh: Bound the output to (-1, 1); not for logits.
            size_divisor: 1, 2, 4, 8 or 16: the output's side is 16 times the input's, divided by this.
            depth: How often each of the inner layers (`conv3`, `conv4`, `conv6`) is repeated; 0 omits them.

        Raises:
            InputError: The divisor is none of these.
        """
        super().__init__()
        if size_divisor not in LAST_LAYER:
            raise InputError(f"size_divisor: expected one of {sorted(LAST_LAYER)}, found {size_divisor}")
        for name, divisor in PIXEL_LAYERS.items():
            outputs = max(SMALLEST_WIDTH, width // divisor)
            for repeat in range(depth if name in INNER_LAYERS else 1):
                layer = (_doubling if name.startswith("deconv") else _convolution)(inputs, outputs)
                self.add_module(name if repeat == 0 else f"{name}_{repeat + 1}", layer)
                inputs = outputs
            if name == LAST_LAYER[size_divisor]:
                break
        last = nn.Conv2d(inputs, channels, 3, padding=1)
        self.decoder_output = nn.Sequential(last, nn.Tanh()) if tanh else nn.Sequential(last)
        he_normal(self, LEAK, last)

    def forward(self, representation: Tensor) -> Tensor:
        """(B, inputs, s, s) -> (B, channels, 16 s / size_divisor, 16 s / size_divisor)."""
        output = representation
        for layer in self.children():
            output = layer(output)
        return output


class VectorDecoder(nn.Module):
    """Two or three fully connected layers, for classes, poses, points and permutations.

    The representation is flattened with the channels last, (row, column, channel), as the published weights
    expect. Layers: `fc0`, `bn0`, ReLU, dropout; with three layers the same again as `fc1` and `bn1`; `fc2`.
    Without normalisation, the first layers have biases.

    Shapes: (B, C, h, w) with C * h * w = inputs -> (B, outputs).
    """

    def __init__(
        self,
        outputs: int,
        inputs: int = 2048,
        width: int = 2048,
        layers: int = 2,
        dropout: float = 0.5,
        normalised: bool = True,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            outputs: Length of the output vector.
            inputs: Values in the representation, or in all representations together.
            width: Units of each hidden layer.
            layers: 2 or 3.
            dropout: Dropout probability of hidden units in training.
            normalised: Batch-normalise the hidden units.

        Raises:
            InputError: There are neither two nor three layers.
        """
        super().__init__()
        if layers not in (2, 3):
            raise InputError(f"layers: expected 2 or 3, found {layers}")
        self.fc0 = nn.Linear(inputs, width, bias=not normalised)
        self.bn0 = nn.BatchNorm1d(width) if normalised else nn.Identity()
        self.fc1 = nn.Linear(width, width, bias=not normalised) if layers == 3 else nn.Identity()
        self.bn1 = nn.BatchNorm1d(width) if normalised and layers == 3 else nn.Identity()
        self.fc2 = nn.Linear(width, outputs)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        self.layers = layers
        he_normal(self, last=self.fc2)

    def forward(self, representation: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, outputs)."""
        hidden = self.dropout(self.relu(self.bn0(self.fc0(representation.permute(0, 2, 3, 1).flatten(1)))))
        if self.layers == 3:
            hidden = self.dropout(self.relu(self.bn1(self.fc1(hidden))))
        output: Tensor = self.fc2(hidden)
        return output


class PairDecoder(VectorDecoder):
    """One vector decoder for every pair of views: first and second, first and third, second and third.

    All pairs share the weights of one `VectorDecoder` of two representations, concatenated along channels.

    Shapes: (B, views * C, h, w), view by view, with C * h * w * views = inputs -> (B, outputs), pair by pair.
    """

    def __init__(
        self,
        outputs: int,
        inputs: int,
        views: int,
        width: int = 2048,
        layers: int = 2,
        dropout: float = 0.5,
        normalised: bool = True,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            outputs: Length of the vectors of all pairs together.
            inputs: Values in the representations of all views together.
            views: Number of views, at least 2.
            width: As in `VectorDecoder`.
            layers: As in `VectorDecoder`.
            dropout: As in `VectorDecoder`.
            normalised: As in `VectorDecoder`.

        Raises:
            InputError: The inputs are not divisible by the views, or the outputs by the pairs.
        """
        pairs = list(combinations(range(views), 2))
        if views < 2 or outputs % len(pairs) or inputs % views:
            raise InputError(
                f"views: expected at least 2 that divide {inputs} inputs, with {outputs} outputs for all "
                f"pairs, found {views}"
            )
        super().__init__(outputs // len(pairs), 2 * inputs // views, width, layers, dropout, normalised)
        self.views, self.pairs = views, pairs

    def forward(self, representation: Tensor) -> Tensor:
        """(B, views * C, h, w) -> (B, outputs)."""
        batch, side = len(representation), representation.shape[2:]
        views = representation.reshape(batch, self.views, -1, *side)
        paired = torch.stack([views[:, list(pair)].flatten(1, 2) for pair in self.pairs], dim=1)
        return super().forward(paired.flatten(0, 1)).reshape(batch, -1)


class DropLast(nn.Module):
    """Drops the last row and column."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h - 1, w - 1)."""
        return features[:, :, :-1, :-1]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(LEAK, inplace=True),
    )


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    # The published layer pads a row and a column of zeros at the top and left, convolves with padding 1 and
    # drops the first row and column. Dropping the last ones without padding yields the same values and avoids
    # the padded copy. The identity keeps the indices of the published layers.
    return nn.Sequential(
        nn.Identity(),
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, bias=False),
        DropLast(),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(LEAK, inplace=True),
    )
