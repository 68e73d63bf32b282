"""Networks as if after training."""

import torch
from torch import nn


@torch.no_grad()
def unsettle(network: nn.Module) -> None:
    """Give every normalisation statistics, scales and shifts as if after training, instead of 0 and 1."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.uniform_(0.5, 1.2)
            layer.bias.normal_(0, 0.2)
