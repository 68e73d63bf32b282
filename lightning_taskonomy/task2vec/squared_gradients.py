"""Squares of per-sample gradients, filter by filter, for any network: by `torch.func`.

The general way. `filter_gradients` is the fast one, for the layers of usual convolutional networks.
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

A filter's number is the mean over its weights of the squared derivative of ⟨features, cotangent⟩."""


class SquaredGradients(Protocol):
    """A way to take squares of per-sample gradients."""

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and what gives squared gradients, for one cotangent after another."""


class ByTransforms:
    """A gradient per sample with `torch.func`: exact for every module without batch statistics.

    Args:
        features: A module that gives features (B, D, P) of a batch.
        filters: Those that count, of layers of `features`.
        chunk: Samples whose whole gradients are held at a time.
    """

    def __init__(self, features: nn.Module, filters: Mapping[str, Filters], chunk: int = 8) -> None:
        self._features, self._filters, self._chunk = features, list(filters.values()), chunk
        # Of a weight that several layers share, the one name under which it is given.
        names = {id(weight): name for name, weight in features.named_parameters()}
        self._names = [names[id(each.weight)] for each in self._filters]

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and what gives squared gradients."""
        counted = {name: each.weight.detach() for name, each in zip(self._names, self._filters, strict=True)}

        def product(chosen: dict[str, Tensor], sample: Tensor, cotangent: Tensor) -> Tensor:
            found: Tensor = functional_call(self._features, chosen, (sample.unsqueeze(0),))
            return (found[0] * cotangent).sum()

        per_sample = vmap(grad(product), in_dims=(None, 0, 0), chunk_size=self._chunk)

        def squares(cotangent: Tensor) -> Tensor:
            with sdpa_kernel(SDPBackend.MATH):  # of attention's ways the one that batches over samples
                gradients = per_sample(counted, values, cotangent)
            rows = [
                each.mean_squares(gradients[name])
                for name, each in zip(self._names, self._filters, strict=True)
            ]
            return torch.cat(rows, dim=1)

        with torch.no_grad():
            return self._features(values), squares
