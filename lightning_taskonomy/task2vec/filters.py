"""The filters of a network: the weights that make up an embedding, and their mean squared gradients."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lightning_taskonomy.core.errors import InputError

_NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Filters:
    """One weight tensor of a layer, split into filters.

    Attributes:
        layer: The layer.
        key: The parameter's name in the layer: `weight`, or the name used by attention and recurrent layers.
    """

    layer: nn.Module
    key: str = "weight"

    @property
    def weight(self) -> nn.Parameter:
        """The weight tensor."""
        weight = getattr(self.layer, self.key)
        assert isinstance(weight, nn.Parameter)
        return weight

    def __len__(self) -> int:
        """Number of filters, which is the number of the layer's outputs."""
        if isinstance(self.layer, _TRANSPOSED):
            return self.layer.out_channels
        return len(self.weight)

    def mean_squares(self, gradients: Tensor) -> Tensor:
        """Mean squared gradients over each filter's weights, (B, *weight) -> (B, filters)."""
        if isinstance(self.layer, _TRANSPOSED):  # the weight is (inputs, outputs of a group, …)
            grouped = gradients.reshape(len(gradients), self.layer.groups, -1, *gradients.shape[2:])
            gradients = grouped.transpose(2, 3).flatten(1, 2)
        squares = gradients.float().square()
        return squares.flatten(2).mean(dim=2) if squares.ndim > 2 else squares


def find_filters(network: nn.Module, skipped: Collection[int], norms: bool) -> dict[str, Filters]:
    """The filters of a network, in the order of registration.

    These are all parameters called weights that have two dimensions or more. Each is named for its layer, or
    for layer and parameter if the parameter is not called `weight`.

    Args:
        network: Any module.
        skipped: Modules to skip, by `id`.
        norms: Whether to include the scales of normalisation layers, one value per channel.

    Raises:
        InputError: a layer computes its weight from other parameters.
    """
    found = {}
    for name, layer in network.named_modules():
        if id(layer) in skipped:
            continue
        computed = getattr(layer, "weight", None)
        if isinstance(computed, Tensor) and computed.ndim >= 2 and not isinstance(computed, nn.Parameter):
            raise InputError(
                f"probe: {name} computes its weight from other parameters (a parametrization, weight or "
                "spectral norm); expected a plain weight: remove it first, which leaves the outputs unchanged"
            )
        for key, weight in layer.named_parameters(recurse=False):
            named = key.startswith("weight") or key.endswith("weight")
            if (named and weight.ndim >= 2) or (norms and key == "weight" and isinstance(layer, _NORMS)):
                found[name if key == "weight" else f"{name}.{key}".lstrip(".")] = Filters(layer, key)
    return found


def other_parameters(network: nn.Module, skipped: Collection[int]) -> Iterator[str]:
    """Names of other parameters with two dimensions or more, such as positional embeddings."""
    for name, layer in network.named_modules():
        if id(layer) in skipped:
            continue
        for key, weight in layer.named_parameters(recurse=False):
            if weight.ndim >= 2 and not key.startswith("weight") and not key.endswith("weight"):
                yield f"{name}.{key}".lstrip(".")


@contextmanager
def needing_gradients(network: nn.Module, weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Require gradients for these weights only, while the context lasts."""
    before = [(weight, weight.requires_grad) for weight in network.parameters()]
    network.requires_grad_(False)
    for weight in weights:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, needed in before:
            weight.requires_grad_(needed)
