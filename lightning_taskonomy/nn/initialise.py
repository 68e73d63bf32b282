"""He initialisation: normal weights, scaled so that every layer preserves the signal's variance (2015)."""

import math

import torch
from torch import nn

WeightLayer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def summands(layer: WeightLayer) -> float:
    """Fan-in: the number of products summed in an output value, on average and away from the border."""
    if isinstance(layer, nn.ConvTranspose2d):
        # An output value sees only one in `stride` taps of the kernel in each direction.
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()


@torch.no_grad()
def he_normal(network: nn.Module, slope: float = 0.0, last: WeightLayer | None = None) -> None:
    """Initialise the weights of every layer of a network and set the biases to 0.

    Args:
        network: Its convolutions, transposed convolutions and linear layers are initialised; normalisation
            layers are left unchanged.
        slope: Negative slope of the (leaky) ReLUs between the layers; 0 for ReLU.
        last: The layer that no ReLU follows; its gain is 1.
    """
    for layer in network.modules():
        if isinstance(layer, WeightLayer):
            gain = 1.0 if layer is last else 2 / (1 + slope**2)
            nn.init.normal_(layer.weight, std=math.sqrt(gain / summands(layer)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
