"""What the optimizers of all networks have in common: which weights decay, how long gradients may be."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def decayed_groups(weights: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Groups of an optimizer: weights of layers decay; biases and normalisations, which are vectors, do not.

    Args:
        weights: all that are trained.
        weight_decay: of the first group.
    """
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for weight in weights:
        (decayed if weight.ndim > 1 else others).append(weight)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


@torch.no_grad()
def clip_each(weights: Iterable[nn.Parameter], norm: float) -> None:
    """Scale the gradient of each weight tensor down to this norm where it is longer: each by itself."""
    gradients: list[Tensor] = [weight.grad for weight in weights if weight.grad is not None]
    if gradients:
        lengths = torch._foreach_norm(gradients)
        torch._foreach_mul_(gradients, [norm / length.clamp(min=norm) for length in lengths])
