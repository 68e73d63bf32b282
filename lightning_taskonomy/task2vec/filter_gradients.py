"""Squared per-sample gradients, filter by filter, without computing the gradients themselves.

A convolution's weight gradient for one sample is G Uᵀ: G is the gradient of its output, (filters, positions),
U the patches of its input, (weights of a filter, positions). The squared norm of a filter's row g is g K gᵀ
with the Gram matrix K = Uᵀ U, which does not depend on G. Where there are fewer positions than filters, as in
the deep layers that hold most weights, this takes a fraction of the work of the gradient and none of its
memory, and K serves all backward passes over a batch. One batched backward pass yields G of all samples.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from lightning_taskonomy.task2vec.filters import Filters, needing_gradients
from lightning_taskonomy.task2vec.squared_gradients import Squares


def suits(filters: Filters) -> bool:
    """Whether a layer is supported here: exactly one of these types, not a subclass.

    A subclass, a hook or a replaced `forward` may use the weight in other ways.
    """
    layer = filters.layer
    if layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer):
        return False
    if type(layer) is nn.Conv2d:
        return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    if type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return not layer.training and layer.running_mean is not None
    return type(layer) is nn.Linear


class UnsuitedError(RuntimeError):
    """The network uses a layer in an unsupported way: twice, or its weight without calling the layer."""


class ByPatches:
    """Squared per-sample gradients from patches and output gradients.

    Args:
        features: A module that maps a batch to features (B, D, P); its parameters need no gradient.
        filters: The filters to use, of layers of `features`, each of which `suits`.
        passes: Expected backward passes over a batch; the more there are, the sooner Gram matrices pay off.
    """

    def __init__(self, features: nn.Module, filters: Mapping[str, Filters], passes: int = 1) -> None:
        self._features, self._filters, self._passes = features, dict(filters), passes
        self._checked = False

    def __call__(self, values: Tensor) -> tuple[Tensor, Squares]:
        """Features of a batch, and a function that returns squared gradients.

        Raises:
            UnsuitedError: the result would not be the squared gradients.
        """
        if not self._checked:
            with torch.autocast(values.device.type, enabled=False):
                self._check(values[:1])
            self._checked = True
        return self._prepared(values)

    def _check(self, sample: Tensor) -> None:
        """Compare the result for one sample with plain autograd."""
        features, squares = self._prepared(sample)
        cotangent = torch.randn(features.shape, generator=torch.Generator().manual_seed(0)).to(features)
        weights = [each.weight for each in self._filters.values()]
        with torch.enable_grad(), needing_gradients(self._features, weights):
            try:
                plain = torch.autograd.grad(
                    self._features(sample), weights, cotangent, allow_unused=True, materialize_grads=True
                )
            except RuntimeError as error:  # for example a tensor modified in place
                raise UnsuitedError(str(error)) from error
        expected = [
            each.mean_squares(gradient.unsqueeze(0))[0]
            for each, gradient in zip(self._filters.values(), plain, strict=True)
        ]
        rounding = _ROUNDING * max(float(rows.max()) for rows in expected)
        found = torch.split(squares(cotangent)[0], [len(rows) for rows in expected])
        for name, fast, exact in zip(self._filters, found, expected, strict=True):
            if float((fast - exact).abs().max()) > _MOST_ERROR * float(exact.max()) + rounding:
                raise UnsuitedError(f"the gradient of {name} does not follow from its input and output")

    def _prepared(self, values: Tensor) -> tuple[Tensor, Squares]:
        samples = len(values)
        seen: dict[str, _Seen] = {}
        frozen = [weight for weight in self._features.parameters() if weight.requires_grad]
        with torch.enable_grad(), _without_gradient(frozen), ExitStack() as hooks:
            for name, each in self._filters.items():
                hook = each.layer.register_forward_hook(_note(name, seen, samples, self._passes))
                hooks.callback(hook.remove)
            features: Tensor = self._features(values)
        if not features.requires_grad:
            raise UnsuitedError("the features do not depend on any layer")

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
                    by_name[name] if name in by_name else _zeros(values, samples, each.layer)
                    for name, each in self._filters.items()
                ],
                dim=1,
            )

        return features.detach(), squares


@dataclass
class _Seen:
    """A layer's input and output in one forward pass.

    Attributes:
        layer: The layer.
        given: Its input, detached.
        version: The input's version counter, which reveals modification in place.
        edge: Where in the graph to take the gradient of its output.
        samples: Samples in the batch; the views of a sample are adjacent.
        passes: Expected backward passes.
        gram: K, computed on first use.
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
            raise UnsuitedError("a layer's input is modified in place")
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
        """Whether the Gram matrix costs less, in multiplications; moving a value costs as much as several."""
        filters, size, taps = len(weight), weight[0].numel(), weight[0, 0].numel()
        inputs = self.given.numel() // (self.samples * weight.shape[1])
        once = inputs**2 * weight.shape[1] + _MOVING * taps * positions**2
        return once / self.passes + filters * positions**2 < size * positions * (filters + _MOVING)

    def _gram_of_patches(self) -> Tensor:
        """Uᵀ U, (samples, positions, positions), from scalar products of single pixels.

        The product of two patches is the sum, over the kernel's taps, of the products of the pixels under it.
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
        padding = (right, right, down, down, 0, 0)
        products = functional.pad(torch.bmm(pixels.transpose(1, 2), pixels).view(shape), padding * 2)
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
_MOST_ERROR, _ROUNDING = 0.02, 1e-6
"""Tolerances relative to the layer's and to the network's largest square: above rounding, below mistakes."""


def _taps(layer: nn.Conv2d, axis: int, size: int) -> list[slice]:
    """For each row (or column) of a kernel, the slice of a padded side that it covers."""
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
        first = not output.requires_grad  # the graph starts here: the weights need no gradient
        if first:
            output.requires_grad_()
        held = given[0].detach()
        seen[name] = _Seen(layer, held, held._version, get_gradient_edge(output), samples, passes)
        # A copy, so that later layers may modify it in place.
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
