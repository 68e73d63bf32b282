"""What the optimizers of all networks have in common: weight decay groups and gradient clipping."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def decayed_groups(weights: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: layer weights decay; biases and normalisations, all vectors, do not.

    Args:
        weights: the trained parameters.
        weight_decay: of the first group.
    """
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for weight in weights:
        (decayed if weight.ndim > 1 else undecayed).append(weight)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": undecayed, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


@torch.no_grad()
def clip_each(weights: Iterable[nn.Parameter], norm: float) -> None:
    """Clip the gradient norm of each weight tensor separately."""
    gradients: list[Tensor] = [weight.grad for weight in weights if weight.grad is not None]
    if gradients:
        norms = torch._foreach_norm(gradients)
        torch._foreach_mul_(gradients, [norm / gradient_norm.clamp(min=norm) for gradient_norm in norms])
