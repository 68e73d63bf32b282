"""Every kind of layer against a loop of autograd over samples, or refused by its name."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Probe, embed

CLASSES = 3


class Standardised(nn.Conv2d):
    """Its filters have mean 0 and deviation 1 (BiT, NFNets)."""

    def forward(self, values: Tensor) -> Tensor:
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        deviation = self.weight.std((1, 2, 3), keepdim=True)
        return functional.conv2d(
            values, (self.weight - mean) / (deviation + 1e-5), self.bias, self.stride, self.padding
        )


class SelfPadding(nn.Conv2d):
    """Pads as TensorFlow does, unevenly (EfficientNet's `tf_` weights)."""

    def forward(self, values: Tensor) -> Tensor:
        stride, kernel, side = self.stride[0], self.kernel_size[0], values.shape[-1]
        pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        padded = functional.pad(values, [pad // 2, pad - pad // 2] * 2)
        return functional.conv2d(padded, self.weight, self.bias, self.stride)


class ScaledLinear(nn.Linear):
    """A subclass of a linear layer that uses its weight differently."""

    def forward(self, values: Tensor) -> Tensor:
        return functional.linear(values, self.weight * 3, self.bias)


class WithoutTheLayer(nn.Module):
    """Uses the weight of a layer that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3)

    def forward(self, values: Tensor) -> Tensor:
        return functional.conv2d(values, self.layer.weight, self.layer.bias)


class Again(nn.Module):
    """Calls a layer, and uses its weight once more without it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.layer(values)
        return found + functional.conv2d(values.square(), self.layer.weight)


class Shared(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.second.weight = self.first.weight

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.second(torch.tanh(self.first(values)))
        return found


class Unused(nn.Module):
    """A layer that the output does not depend on, like Inception's auxiliary classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 2, 3)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.layer(values)
        return found


class Tokens(nn.Module):
    """Pictures as a row of pixels, (B, H · W, C), and back."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, values: Tensor) -> Tensor:
        tokens = self.inner(functional.avg_pool2d(values, 4).flatten(2).transpose(1, 2))
        if isinstance(tokens, tuple):
            tokens = tokens[0]
        found: Tensor = tokens.transpose(1, 2).unsqueeze(3)
        return found


class Attention(nn.Module):
    """Attention only."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.attention = nn.MultiheadAttention(3, 1, batch_first=True, **options)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return found


def hooked() -> nn.Module:
    layer = nn.Conv2d(3, 8, 3)
    layer.register_forward_hook(lambda _module, _given, output: output * 2)
    return layer


def with_a_function_of_its_own() -> nn.Module:
    layer = nn.Conv2d(3, 8, 3)
    layer.forward = lambda values: functional.conv2d(values, layer.weight * 2)  # type: ignore[method-assign,assignment]
    return layer


class Net(nn.Module):
    """A body, a non-linear function, and a classifier of the mean over places."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.fc = body, nn.LazyLinear(CLASSES)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.fc(torch.tanh(self.body(values)).mean((2, 3)))
        return found


BODIES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "plain": (lambda: nn.Conv2d(3, 8, 3, 2, 1), 8),
    "weight-standardised": (lambda: Standardised(3, 8, 3, stride=2, padding=1), 8),
    "padding itself": (lambda: SelfPadding(3, 8, 3, stride=2), 8),
    "grouped": (lambda: nn.Conv2d(3, 6, 3, groups=3), 6),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 3), 5),
    "transposed and grouped": (lambda: nn.ConvTranspose2d(3, 6, 3, groups=3), 6),
    "heir of a linear layer": (lambda: Tokens(ScaledLinear(3, 7)), 7),
    "linear": (lambda: Tokens(nn.Linear(3, 7)), 7),
    "weight used without its layer": (WithoutTheLayer, 8),
    "weight used once more": (Again, 8),
    "shared weight": (Shared, 6),
    "unused layer": (Unused, 10),
    "hooked": (hooked, 8),
    "function of its own": (with_a_function_of_its_own, 8),
    "attention alone": (lambda: Tokens(Attention()), 12),
    "attention of other widths": (lambda: Tokens(Attention(kdim=3, vdim=3, bias=False)), 12),
    "transformer": (
        lambda: Tokens(nn.TransformerEncoderLayer(3, 1, 10, 0.0, batch_first=True)),
        9 + 3 + 10 + 3,
    ),
}


def network_of(body: Callable[[], nn.Module]) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    pictures, labels = torch.randn(7, 3, 16, 16) + 0.3, torch.arange(7) % CLASSES
    network = Net(body())
    network(pictures)
    return network.eval(), pictures, labels


def looped(network: nn.Module, pictures: Tensor) -> Tensor:
    """E_x Σ_y p(y|x) (∇ log p(y|x))², a mean over the weights of each output of a layer."""
    layers = [
        (layer, weight)
        for name, layer in network.named_modules()
        for key, weight in layer.named_parameters(recurse=False)
        if key.endswith("weight") and weight.ndim > 1 and not name.startswith("fc")
    ]
    total = 0
    for picture in pictures:
        for log in network(picture[None]).log_softmax(1)[0]:
            rows = []
            for layer, weight in layers:
                (gradient,) = torch.autograd.grad(log, weight, retain_graph=True, allow_unused=True)
                squares = torch.zeros_like(weight) if gradient is None else gradient.square()
                if isinstance(layer, nn.ConvTranspose2d):
                    each = layer.in_channels // layer.groups
                    for group in squares.split(each):
                        rows += [group[:, place].mean() for place in range(group.shape[1])]
                else:
                    rows += [filter_squares.mean() for filter_squares in squares]
            total = total + log.exp().detach() * torch.stack(rows) / len(pictures)
    assert isinstance(total, Tensor)
    return total


@pytest.mark.parametrize("name", BODIES)
def test_layers_equal_a_loop_of_autograd(name: str) -> None:
    body, filters = BODIES[name]
    network, pictures, labels = network_of(body)
    expected = looped(network, pictures)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = embed(
            Probe(network, "fc"), TensorDataset(pictures, labels), head_epochs=0, balanced=False
        ).hessian
    assert len(found) == len(expected) == filters
    torch.testing.assert_close(torch.from_numpy(found).float(), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", BODIES)
def test_the_references_estimate_equals_a_loop(name: str) -> None:
    """One batch holds one picture: its squared gradient has the information as expectation."""
    body, filters = BODIES[name]
    network, pictures, labels = network_of(body)
    data = TensorDataset(pictures[:1].expand(2, -1, -1, -1), labels[:2])
    found = embed(
        Probe(network, "fc"), data, "batch", head_epochs=0, fit_batch=1, epoch_samples=400, balanced=False
    ).hessian
    expected = looped(network, pictures[:1])
    assert len(found) == filters
    alive = expected > 1e-9
    ratio = torch.from_numpy(found).float()[alive].sum() / expected[alive].sum()
    assert float(ratio) == pytest.approx(1, abs=0.35)


VARIATIONAL = {"plain", "linear", "shared weight", "weight used once more"}


@pytest.mark.parametrize("name", sorted(set(BODIES) - VARIATIONAL - {"grouped"}))
def test_unsupported_layers_are_refused_by_name(name: str) -> None:
    network, pictures, labels = network_of(BODIES[name][0])
    with pytest.raises(InputError, match=r"method: variational .*body.*; expected exact or montecarlo"):
        embed(
            Probe(network, "fc"),
            TensorDataset(pictures, labels),
            "variational",
            head_epochs=0,
            epoch_samples=8,
            fit_batch=4,
        )


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.orthogonal,
    ],
)
def test_computed_weights_are_refused_by_name(wrap: Callable[[nn.Module], nn.Module]) -> None:
    layer = nn.Conv2d(3, 4, 3)
    network, pictures, labels = network_of(lambda: nn.Sequential(layer))
    wrap(layer)
    with pytest.raises(InputError, match=r"probe: body\.0 computes its weight from other parameters"):
        embed(Probe(network, "fc"), TensorDataset(pictures, labels), head_epochs=0)


def test_parameters_that_are_not_weights_are_named(caplog: pytest.LogCaptureFixture) -> None:
    class WithPositions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.positions = nn.Conv2d(3, 4, 3), nn.Parameter(torch.randn(1, 4, 14, 14))

        def forward(self, values: Tensor) -> Tensor:
            found: Tensor = self.layer(values) + self.positions
            return found

    network, pictures, labels = network_of(WithPositions)
    found = embed(Probe(network, "fc"), TensorDataset(pictures, labels), head_epochs=0)
    assert len(found.hessian) == 4
    assert "probe: not filters, left out of the embedding: body.positions" in caplog.text
