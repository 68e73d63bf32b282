"""The variational estimate against its stationary point, torch's divergences and the exact information."""

import copy
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.utils.data import TensorDataset, WeightedRandomSampler

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Probe, embed
from lightning_taskonomy.task2vec.features import Features, Numbered, View
from lightning_taskonomy.task2vec.filters import Filters
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.likelihoods import Categorical
from lightning_taskonomy.task2vec.running import Running
from lightning_taskonomy.task2vec.variational import Noise, Variational, output_variance, variational
from tests.task2vec.slow_loop import class_pictures, settle, small_net, small_resnet


def noise_of(network: nn.Module, name: str = "last") -> Noise:
    return Noise(Probe(network, name).filters())


def test_starts_at_a_twentieth_of_each_filters_variance() -> None:
    network = small_net()
    noise = noise_of(network)
    weight = network.second.weight.detach().numpy().reshape(20, -1)
    np.testing.assert_allclose(
        noise.log_variance[1].detach(), np.log(0.05 * weight.var(1, ddof=1) + 1e-8), rtol=1e-5
    )
    np.testing.assert_allclose(noise.log_prior[1].detach(), np.log((weight**2).mean() + 1e-8), rtol=1e-5)
    assert sum(len(values) for values in noise.log_variance) == 38
    # 4,800 filters and 20 layers of a ResNet-18, at a sixteenth of its width.
    assert sum(value.numel() for value in noise_of(small_resnet(), "fc").parameters()) == 300 + 20


def test_divergence_is_twice_that_of_the_distributions() -> None:
    network = small_net()
    noise = noise_of(network)
    layers = list(Probe(network, "last").filters().values())
    total = 0.0
    for layer, log_variance, log_prior in zip(layers, noise.log_variance, noise.log_prior, strict=True):
        assert isinstance(layer.weight, Tensor)
        weight = layer.weight.double()
        deviation = (log_variance.double() / 2).exp().view(-1, *[1] * (weight.ndim - 1)).expand_as(weight)
        own = torch.distributions.Normal(weight, deviation)
        prior = torch.distributions.Normal(0.0, (log_prior.double() / 2).exp())
        total += float(torch.distributions.kl_divergence(own, prior).sum().detach())
    assert float(noise.divergence().detach()) == pytest.approx(2 * total, rel=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.Conv2d(4, 6, 3, groups=2, dilation=2),
        nn.Linear(4, 6),
    ],
    ids=["convolution", "groups", "linear"],
)
def test_output_variance_is_that_of_noisy_weights(layer: nn.Module) -> None:
    """A layer applied to x² + 0.01 with the weights' variances, one per filter."""
    torch.manual_seed(0)
    given = torch.randn(2, 4, 7, 7) if isinstance(layer, nn.Conv2d) else torch.randn(5, 4)
    log_variance = torch.randn(6)
    assert isinstance(layer.weight, Tensor)
    squared = copy.deepcopy(layer)
    spread = log_variance.exp().view(-1, *[1] * (layer.weight.ndim - 1)).expand_as(layer.weight)
    squared.load_state_dict({"weight": spread, "bias": torch.zeros(6)})
    expected = squared(given**2 + 0.01)
    torch.testing.assert_close(output_variance(layer, given, log_variance).expand_as(expected), expected)


def test_noise_has_that_variance_and_mean_0() -> None:
    network = small_net()
    noise, seen = noise_of(network), []
    pictures = class_pictures(1)[0].expand(4000, -1, -1, -1)[..., :8, :8]
    with ExitStack() as stack:
        noise.added(stack)
        hook = network.first.register_forward_hook(lambda *given: seen.append(given[2].detach()))
        stack.callback(hook.remove)
        network.norm(network.first(pictures))
    clean = network.first(pictures[:1]).detach()
    expected = output_variance(network.first, pictures[:1], noise.log_variance[0].detach())[0]
    torch.testing.assert_close(seen[0].var(0), expected, rtol=0.15, atol=1e-4)
    distance = (seen[0].mean(0) - clean[0]).abs() / (expected / 4000).sqrt()
    assert float(distance.max()) < 5


def test_converges_to_the_stationary_point() -> None:
    """1/σ² = 1/λ² + F̄/(2β), F̄ the mean of squared inputs plus 0.01; λ² = mean of w² + σ².

    For half the squared error of a linear layer, whose curvature does not depend on its weights.
    """
    torch.manual_seed(0)
    beta, layer, pictures = 0.01, nn.Linear(12, 3), torch.randn(500, 12)
    pictures[:, 6:] *= 2
    noise, stack = Noise({"layer": Filters(layer)}), ExitStack()
    noise.added(stack)
    optimizer = torch.optim.Adam(noise.parameters(), 3e-2)
    found = []
    for step in range(900):
        loss = (layer(pictures) - pictures[:, :3]).square().sum(1).mean() / 2 + beta * noise.divergence()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= 600:
            found.append(torch.stack([noise.hessian(), noise.scale()]))
    stack.close()
    hessian, scale = torch.stack(found).mean(0).numpy()
    weight = layer.weight.detach().numpy()
    curvature = float((pictures**2 + 0.01).mean())
    np.testing.assert_allclose(scale, 1 / ((weight**2).mean() + (1 / hessian).mean()), rtol=0.02)
    np.testing.assert_allclose(hessian, scale + curvature / (2 * beta), rtol=0.03)


def test_steps_follow_the_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps of Adam on cross-entropy of noisy outputs plus β L, written out, with the same noise."""
    network, (pictures, labels) = small_net(), class_pictures(24)
    head = Head(torch.randn(3, 5), torch.randn(3), Categorical(3))
    settings = Variational(beta=1e-3, epochs=1, draws=32, batch=8, rate=0.05, head_rate=0.02, seed=3)
    drawn: list[Tensor] = []
    plain = torch.randn_like

    def noted(given: Tensor) -> Tensor:
        drawn.append(plain(given))
        return drawn[-1]

    layers: list[nn.Conv2d | nn.Linear] = [network.first, network.second, network.one, network.linear]
    fixed = [layer.weight.detach().clone() for layer in layers]
    log_variance = [(0.05 * w.flatten(1).var(1) + 1e-8).log().requires_grad_() for w in fixed]
    log_prior = [(w.square().mean() + 1e-8).log().requires_grad_() for w in fixed]
    last = [head.weight.clone().requires_grad_(), head.bias.clone().requires_grad_()]
    optimizer = torch.optim.Adam(
        [{"params": [*log_variance, *log_prior], "lr": 0.05}, {"params": last, "lr": 0.02}]
    )
    chances = torch.linspace(1, 3, 24) / 48
    with monkeypatch.context() as patched:
        patched.setattr(torch, "randn_like", noted)
        features = Features(Probe(network, "last"), View())
        found = variational(
            features,
            Numbered(list(pictures), range(24)),
            labels.unsqueeze(1),
            head,
            chances,
            settings,
            Running(),
        )
    generator = torch.Generator().manual_seed(3)
    order = list(WeightedRandomSampler(chances.double().tolist(), 32, generator=generator))

    def noisy(number: int, given: Tensor, noise: Tensor) -> Tensor:
        layer, spread = copy.deepcopy(layers[number]), log_variance[number].exp()
        shape = (-1, *[1] * (fixed[number].ndim - 1))
        state = {"weight": spread.view(shape).expand_as(fixed[number])}
        if layer.bias is not None:
            state["bias"] = torch.zeros_like(layer.bias)
        variance = torch.func.functional_call(layer, state, (given.square() + 1e-2,))
        return layers[number](given) + variance.sqrt() * noise  # type: ignore[no-any-return]

    for step in range(4):
        rows, noises = order[8 * step : 8 * step + 8], drawn[4 * step : 4 * step + 4]
        values = network.norm(noisy(0, pictures[rows], noises[0])).relu()
        values = noisy(1, values, noises[1]).relu()
        values = noisy(2, values, noises[2]).mean((2, 3))
        values = noisy(3, values, noises[3]).tanh()
        loss = nn.functional.cross_entropy(values @ last[0].T + last[1], labels[rows])
        for weight, variance, prior in zip(fixed, log_variance, log_prior, strict=True):
            each = variance.view(-1, 1).expand(-1, weight[0].numel())
            sums = weight.square().sum() + each.exp().sum()
            loss = loss + 1e-3 * (sums / prior.exp() + each.numel() * prior - each.sum() - each.numel())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert len(drawn) == 16
    expected = torch.cat([(-variance).exp() for variance in log_variance]).detach().double()
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-6)
    scales = [(-prior).exp().expand(len(weight)) for prior, weight in zip(log_prior, fixed, strict=True)]
    torch.testing.assert_close(found[1], torch.cat(scales).detach().double(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_filters_rank_as_by_the_exact_information() -> None:
    network, (pictures, labels) = small_resnet(), class_pictures(96, size=32)
    settle(network, pictures)
    data = TensorDataset(pictures, labels)
    exact = embed(network, data, head_epochs=3)
    noise: dict[str, Any] = {"noise_epochs": 5, "noise_rate": 3e-2, "beta": 1e-5, "epoch_samples": 3200}
    noisy = embed(network, data, method="variational", head_epochs=3, **noise)
    assert len(exact.hessian) == len(noisy.hessian) == len(noisy.scale)
    alive = exact.hessian > 0
    assert stats.spearmanr(exact.hessian[alive], (noisy.hessian - noisy.scale)[alive]).statistic > 0.8


def test_only_noise_and_classifier_are_trained() -> None:
    network = small_resnet()
    before = copy.deepcopy(network.state_dict())
    data = TensorDataset(*class_pictures(64, size=32))
    found = embed(network, data, method="variational", preset="reference", head_epochs=1, epoch_samples=256)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert found.meta["has_prior"]
    assert (found.scale > 0).all()
    assert len(set(found.scale)) == 20  # a prior per layer


def test_skipped_layers_are_left_out() -> None:
    network = small_resnet()
    data = TensorDataset(*class_pictures(64, size=32))
    found = embed(network, data, method="variational", skip_layers=6, head_epochs=1, epoch_samples=128)
    assert len(found.hessian) == 240


def test_other_layers_are_refused() -> None:
    network = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    data = TensorDataset(*class_pictures(8, 2))
    with pytest.raises(InputError, match=r"plain Conv2d .*; 0 is a ConvTranspose2d"):
        embed(network, data, method="variational", head_epochs=1, epoch_samples=64)
