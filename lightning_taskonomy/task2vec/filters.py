"""The filters of a network: weights that an embedding has numbers for, and the mean square of each one's."""

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
    """One weight of a layer, filter by filter.

    Attributes:
        layer: Whose weight it is.
        key: Its name in the layer: `weight`, or as attention and recurrent layers call theirs.
    """

    layer: nn.Module
    key: str = "weight"

    @property
    def weight(self) -> nn.Parameter:
        """The weight."""
        found = getattr(self.layer, self.key)
        assert isinstance(found, nn.Parameter)
        return found

    def __len__(self) -> int:
        """How many filters there are: outputs of the layer."""
        if isinstance(self.layer, _TRANSPOSED):
            return self.layer.out_channels
        return len(self.weight)

    def mean_squares(self, gradients: Tensor) -> Tensor:
        """Of gradients, (B, *weight), the mean square over each filter's weights, (B, filters)."""
        if isinstance(self.layer, _TRANSPOSED):  # its weight is (inputs, outputs of a group, …)
            grouped = gradients.reshape(len(gradients), self.layer.groups, -1, *gradients.shape[2:])
            gradients = grouped.transpose(2, 3).flatten(1, 2)
        squares = gradients.float().square()
        return squares.flatten(2).mean(dim=2) if squares.ndim > 2 else squares


def find_filters(network: nn.Module, skipped: Collection[int], norms: bool) -> dict[str, Filters]:
    """The filters of a network, in the order of registration.

    Of every layer, what it calls a weight and has two dimensions or more; named by the layer, or by layer and
    weight where it has several or another name for it.

    Args:
        network: Whatever it is.
        skipped: Modules that do not count, by `id`.
        norms: Whether the scales of normalisation layers count as well, one number per channel.

    Raises:
        InputError: a layer makes its weight of other parameters.
    """
    found = {}
    for name, layer in network.named_modules():
        if id(layer) in skipped:
            continue
        made = getattr(layer, "weight", None)
        if isinstance(made, Tensor) and made.ndim >= 2 and not isinstance(made, nn.Parameter):
            raise InputError(
                f"probe: {name} makes its weight of other parameters (a parametrization, weight or spectral "
                "norm); expected a plain weight: remove it first, which keeps what the layer gives"
            )
        for key, weight in layer.named_parameters(recurse=False):
            named = key.startswith("weight") or key.endswith("weight")
            if (named and weight.ndim >= 2) or (norms and key == "weight" and isinstance(layer, _NORMS)):
                found[name if key == "weight" else f"{name}.{key}".lstrip(".")] = Filters(layer, key)
    return found


def other_parameters(network: nn.Module, skipped: Collection[int]) -> Iterator[str]:
    """Names of parameters of two dimensions or more that no layer calls a weight, such as positions'."""
    for name, layer in network.named_modules():
        if id(layer) in skipped:
            continue
        for key, weight in layer.named_parameters(recurse=False):
            if weight.ndim >= 2 and not key.startswith("weight") and not key.endswith("weight"):
                yield f"{name}.{key}".lstrip(".")


@contextmanager
def needing_gradients(network: nn.Module, weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """A network of whose parameters these alone need gradients."""
    before = [(weight, weight.requires_grad) for weight in network.parameters()]
    network.requires_grad_(False)
    for weight in weights:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, needed in before:
            weight.requires_grad_(needed)
