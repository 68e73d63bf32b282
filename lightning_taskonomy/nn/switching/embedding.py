"""The task embedding: from a task's code to the vector that conditions the network on it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS = 8
LEAK = 0.2
_SMALLEST_SQUARE = 1e-8


class EqualisedLinear(nn.Module):
    """A linear layer with standard normal stored weights, which are scaled in every forward pass.

    The scale √(2 / inputs) equalises the learning rate of layers of different widths under Adam (Karras et
    al., 2018, section 4.1).

    Shapes: (…, inputs) -> (…, outputs).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Builds the layer with fresh weights and zero bias.

        Args:
            inputs: Length of the input.
            outputs: Length of the output.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = math.sqrt(2 / inputs)

    def forward(self, values: Tensor) -> Tensor:
        """(…, inputs) -> (…, outputs)."""
        return functional.linear(values, self.weight * self.scale, self.bias)


class TaskEmbedding(nn.Module):
    """Normalises the code, then applies eight equalised linear layers with leaky ReLUs (0.2).

    Shapes: (…, size) -> (…, size).
    """

    def __init__(self, size: int) -> None:
        """Builds the network with fresh weights.

        Args:
            size: Length of a code, and of every layer.
        """
        super().__init__()
        self.layers = nn.ModuleList(EqualisedLinear(size, size) for _ in range(LAYERS))

    def forward(self, codes: Tensor) -> Tensor:
        """(…, size) -> (…, size)."""
        embedding = root_mean_square_one(codes)
        for layer in self.layers:
            embedding = functional.leaky_relu(layer(embedding), LEAK)
        return embedding


def root_mean_square_one(vectors: Tensor) -> Tensor:
    """Scale vectors (…, n) so that their mean square is 1."""
    return vectors * torch.rsqrt(vectors.square().mean(dim=-1, keepdim=True) + _SMALLEST_SQUARE)
