"""Squares of per-sample gradients, filter by filter, for any network: by `torch.func`.

The general way. `filter_gradients` is the fast one, for the layers of usual convolutional networks.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

Squares = Callable[[Tensor], Tensor]
"""From cotangents of the features, (B, D, P), to squared gradients of each sample, (B, filters).

A filter's number is the mean over its weights of the squared derivative of ⟨features, cotangent⟩."""


class SquaredGradients(Protocol):
    """A way to take squares of per-sample gradients."""

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and what gives squared gradients, for one cotangent after another."""


def filter_dimension(layer: nn.Module) -> int:
    """The dimension of a layer's weight that numbers its filters: the outputs."""
    return 1 if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) else 0


class ByTransforms:
    """A gradient per sample with `torch.func`: exact for every module without batch statistics.

    Args:
        features: A module that gives features (B, D, P) of a batch.
        layers: Those whose filters count, by name in `features`.
        chunk: Samples whose whole gradients are held at a time.
    """

    def __init__(self, features: nn.Module, layers: Mapping[str, nn.Module], chunk: int = 8) -> None:
        self._features = features
        self._dimension = {f"{name}.weight": filter_dimension(layer) for name, layer in layers.items()}
        self._chunk = chunk

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and what gives squared gradients."""
        weights = dict(self._features.named_parameters())
        counted = {name: weights[name].detach() for name in self._dimension}

        def product(chosen: dict[str, Tensor], sample: Tensor, cotangent: Tensor) -> Tensor:
            found: Tensor = functional_call(self._features, chosen, (sample.unsqueeze(0),))
            return (found[0] * cotangent).sum()

        per_sample = vmap(grad(product), in_dims=(None, 0, 0), chunk_size=self._chunk)

        def squares(cotangent: Tensor) -> Tensor:
            gradients = per_sample(counted, values, cotangent)
            rows = [
                gradients[name].movedim(dimension + 1, 1).flatten(2).square().mean(dim=2)
                if gradients[name].ndim > 2
                else gradients[name].square()
                for name, dimension in self._dimension.items()
            ]
            return torch.cat(rows, dim=1)

        with torch.no_grad():
            return self._features(values), squares
