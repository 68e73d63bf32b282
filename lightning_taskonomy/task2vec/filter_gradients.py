"""Squares of per-sample gradients, filter by filter, without the gradients themselves.

A convolution's gradient of one sample is G Uᵀ: G the gradient of its output, (filters, positions), U the
patches of its input, (weights of a filter, positions). The squared norm of a filter's row is g K gᵀ with the
Gram matrix K = Uᵀ U, which does not depend on G. Where there are fewer positions than filters, as in the deep
layers that hold most weights, this takes a fraction of the work, and none of the memory, of the gradient; and
K serves all backward passes over a batch. One batched backward pass gives G of all samples.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from lightning_taskonomy.task2vec.squared_gradients import Squares


def suits(layer: nn.Module) -> bool:
    """Whether a layer is one whose squares are known here."""
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Linear) or (isinstance(layer, _BatchNorm) and not layer.training)


class UnsuitedError(RuntimeError):
    """A layer is used twice in a forward pass, or its input is changed in place afterwards."""


class ByPatches:
    """Squares of per-sample gradients from patches and output gradients.

    Args:
        features: A module that gives features (B, D, P) of a batch; its parameters need no gradient.
        layers: Those whose filters count, each of which `suits`.
        passes: Backward passes over a batch that are expected; more of them make Gram matrices pay earlier.
    """

    def __init__(self, features: nn.Module, layers: Mapping[str, nn.Module], passes: int = 1) -> None:
        self._features, self._layers, self._passes = features, dict(layers), passes

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and what gives squared gradients.

        Raises:
            UnsuitedError: The features use a layer twice.
        """
        samples = len(values)
        seen: dict[str, _Seen] = {}
        frozen = [weight for weight in self._features.parameters() if weight.requires_grad]
        with torch.enable_grad(), _without_gradient(frozen), ExitStack() as hooks:
            for name, layer in self._layers.items():
                hook = layer.register_forward_hook(_note(name, seen, samples, self._passes))
                hooks.callback(hook.remove)
            features: Tensor = self._features(values)

        def squares(cotangent: Tensor) -> Tensor:
            outputs = [found.edge for found in seen.values()]
            gradients = torch.autograd.grad(
                features, outputs, cotangent.to(features.dtype), retain_graph=True, allow_unused=True
            )
            by_name = {
                name: found.squares(gradient)
                for (name, found), gradient in zip(seen.items(), gradients, strict=True)
            }
            return torch.cat(
                [
                    by_name[name] if name in by_name else _zeros(values, samples, layer)
                    for name, layer in self._layers.items()
                ],
                dim=1,
            )

        return features.detach(), squares


@dataclass
class _Seen:
    """What a layer was given, and what it gave, in one forward pass.

    Attributes:
        layer: Which.
        given: Its input, without a graph.
        version: Of the input: it tells whether the input has been changed in place since.
        edge: Where in the graph the gradient of what it gave is taken.
        samples: A sample's views, if there are several, lie beside each other in the batch.
        passes: Backward passes expected.
        gram: K, once it has been needed.
    """

    layer: nn.Module
    given: Tensor
    version: int
    edge: GradientEdge
    samples: int
    passes: int
    gram: Tensor | None = field(default=None)

    def squares(self, gradient: Tensor | None) -> Tensor:
        """Mean squared gradient of each filter's weights, (samples, filters)."""
        if gradient is None:  # the features do not depend on the layer
            return _zeros(self.given, self.samples, self.layer)
        if self.given._version != self.version:
            raise UnsuitedError("a layer's input is changed in place")
        with torch.no_grad():
            if isinstance(self.layer, _BatchNorm):
                return self._norm(self.layer, gradient)
            return self._filters(gradient)

    def _filters(self, gradient: Tensor) -> Tensor:
        weight = self.layer.weight
        assert isinstance(weight, Tensor)
        rows = self._positions(gradient.float(), channels_last=isinstance(self.layer, nn.Linear))
        if not self._gram_pays(weight, rows.shape[2]):
            return torch.bmm(rows, self._patches().transpose(1, 2)).square().mean(dim=2)
        if self.gram is None:
            self.gram = self._gram_of_patches() / weight[0].numel()
        return (torch.bmm(rows, self.gram) * rows).sum(dim=2)

    def _gram_pays(self, weight: Tensor, positions: int) -> bool:
        """Whether it costs less; in multiplications, of which moving a number takes the time of several."""
        filters, size, taps = len(weight), weight[0].numel(), weight[0, 0].numel()
        inputs = self.given.numel() // (self.samples * weight.shape[1])
        once = inputs**2 * weight.shape[1] + _MOVING * taps * positions**2
        return once / self.passes + filters * positions**2 < size * positions * (filters + _MOVING)

    def _gram_of_patches(self) -> Tensor:
        """Uᵀ U, (samples, positions, positions), of scalar products of single pixels.

        A patch's product with another is the sum, over the kernel's taps, of those of the pixels under it.
        """
        if not isinstance(self.layer, nn.Conv2d):
            patches = self._positions(self.given.float(), channels_last=True)
            return torch.bmm(patches.transpose(1, 2), patches)
        layer = self.layer
        assert not isinstance(layer.padding, str)
        pixels = self._positions(self.given.float(), channels_last=False)
        views = len(self.given) // self.samples
        height, width = self.given.shape[2:]
        shape = (self.samples, views, height, width, views, height, width)
        down, right = layer.padding
        around = (right, right, down, down, 0, 0)
        products = functional.pad(torch.bmm(pixels.transpose(1, 2), pixels).view(shape), around * 2)
        rows, columns = (_taps(layer, axis, size) for axis, size in enumerate((height, width)))
        pairs = [(row, column) for row in rows for column in columns]
        total = sum(products[:, :, row, column][:, :, :, :, :, row, column] for row, column in pairs)
        assert isinstance(total, Tensor)
        return total.reshape(self.samples, -1, total.shape[1:4].numel())

    def _patches(self) -> Tensor:
        """U of each sample, (samples, weights of a filter, positions)."""
        given = self.given.float()
        if not isinstance(self.layer, nn.Conv2d):
            return self._positions(given, channels_last=True)
        layer = self.layer
        if layer.kernel_size == (1, 1) and layer.padding == (0, 0):
            down, right = layer.stride
            return self._positions(given[:, :, ::down, ::right], channels_last=False)
        assert not isinstance(layer.padding, str)
        patches = functional.unfold(given, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        return self._positions(patches, channels_last=False)

    def _norm(self, layer: _BatchNorm, gradient: Tensor) -> Tensor:
        assert layer.running_mean is not None
        assert layer.running_var is not None
        shape = (1, -1) + (1,) * (self.given.ndim - 2)
        centred = self.given.float() - layer.running_mean.view(shape)
        normal = centred * (layer.running_var + layer.eps).rsqrt().view(shape)
        return self._positions(gradient.float() * normal, channels_last=False).sum(dim=2).square()

    def _positions(self, values: Tensor, channels_last: bool) -> Tensor:
        """(samples · views, C, …), or (…, C) of a linear layer, to (samples, C, views · positions)."""
        if channels_last:
            return values.reshape(self.samples, -1, values.shape[-1]).transpose(1, 2)
        flat = values.reshape(self.samples, -1, values.shape[1], values[0, 0].numel())
        return flat.transpose(1, 2).flatten(2)


_MOVING = 8


def _taps(layer: nn.Conv2d, axis: int, size: int) -> list[slice]:
    """Which places of a padded side each of a kernel's rows, or columns, meets."""
    assert not isinstance(layer.padding, str)
    kernel, stride, dilation = layer.kernel_size[axis], layer.stride[axis], layer.dilation[axis]
    last = size + 2 * layer.padding[axis] - dilation * (kernel - 1)
    return [slice(tap * dilation, tap * dilation + last, stride) for tap in range(kernel)]


def _note(
    name: str, seen: dict[str, _Seen], samples: int, passes: int
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]:
    def hook(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if name in seen:
            raise UnsuitedError(name)
        first = not output.requires_grad  # the graph begins here: the weights need no gradient
        if first:
            output.requires_grad_()
        held = given[0].detach()
        seen[name] = _Seen(layer, held, held._version, get_gradient_edge(output), samples, passes)
        # A copy, which what follows may change in place.
        return output.clone() if first else None

    return hook


def _zeros(like: Tensor, samples: int, layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return torch.zeros(samples, len(weight), device=like.device)


@contextmanager
def _without_gradient(weights: list[nn.Parameter]) -> Iterator[None]:
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
