"""Fresh weights: normal, scaled so that every layer keeps the size of its signal (He et al., 2015)."""

import math

import torch
from torch import nn

WeightLayer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def summands(layer: WeightLayer) -> float:
    """How many products an output value is the sum of, on average and away from the border."""
    if isinstance(layer, nn.ConvTranspose2d):
        # An output value sees only one in `stride` taps of the kernel in each direction.
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()


@torch.no_grad()
def he_normal(network: nn.Module, slope: float = 0.0, last: WeightLayer | None = None) -> None:
    """Draws the weights of every layer of a network and sets the biases to 0.

    Args:
        network: Its convolutions, transposed convolutions and linear layers are drawn; normalisations stay.
        slope: What the (leaky) ReLUs between the layers multiply negative values by; 0 for ReLU.
        last: The layer that no ReLU follows; it is drawn for outputs of about the size of its inputs.
    """
    for layer in network.modules():
        if isinstance(layer, WeightLayer):
            gain = 1.0 if layer is last else 2 / (1 + slope**2)
            nn.init.normal_(layer.weight, std=math.sqrt(gain / summands(layer)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
