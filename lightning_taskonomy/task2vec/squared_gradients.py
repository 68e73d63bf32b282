"""Squared per-sample gradients, filter by filter, for any network, by `torch.func`.

This is the general method. `filter_gradients` is faster, but supports only the usual convolutional layers.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from lightning_taskonomy.task2vec.filters import Filters

Squares = Callable[[Tensor], Tensor]
"""From cotangents of the features, (B, D, P), to squared gradients of each sample, (B, filters).

A filter's value is the mean over its weights of the squared derivative of ⟨features, cotangent⟩."""


class SquaredGradients(Protocol):
    """A method of computing squared per-sample gradients."""

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and a function from a cotangent to squared gradients."""


class ByTransforms:
    """A gradient per sample with `torch.func`: exact for every module without batch statistics.

    Args:
        features: A module that maps a batch to features (B, D, P).
        filters: The filters to use, of layers of `features`.
        chunk: Samples whose full gradients are in memory at a time.
    """

    def __init__(self, features: nn.Module, filters: Mapping[str, Filters], chunk: int = 8) -> None:
        self._features, self._filters, self._chunk = features, list(filters.values()), chunk
        # A weight shared by several layers is listed under one name only.
        names = {id(weight): name for name, weight in features.named_parameters()}
        self._names = [names[id(each.weight)] for each in self._filters]

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and a function that returns squared gradients."""
        counted = {name: each.weight.detach() for name, each in zip(self._names, self._filters, strict=True)}

        def product(chosen: dict[str, Tensor], sample: Tensor, cotangent: Tensor) -> Tensor:
            found: Tensor = functional_call(self._features, chosen, (sample.unsqueeze(0),))
            return (found[0] * cotangent).sum()

        per_sample = vmap(grad(product), in_dims=(None, 0, 0), chunk_size=self._chunk)

        def squares(cotangent: Tensor) -> Tensor:
            with sdpa_kernel(SDPBackend.MATH):  # the attention backend that supports vmap
                gradients = per_sample(counted, values, cotangent)
            rows = [
                each.mean_squares(gradients[name])
                for name, each in zip(self._names, self._filters, strict=True)
            ]
            return torch.cat(rows, dim=1)

        with torch.no_grad():
            return self._features(values), squares
