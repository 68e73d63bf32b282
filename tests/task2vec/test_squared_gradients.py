"""Squared per-sample gradients: by patches, by `torch.func`, and by a loop over samples."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lightning_taskonomy.task2vec.features import Features, View
from lightning_taskonomy.task2vec.filter_gradients import ByPatches, UnsuitedError, suits
from lightning_taskonomy.task2vec.filters import Filters
from lightning_taskonomy.task2vec.probe import Probe
from lightning_taskonomy.task2vec.squared_gradients import ByTransforms
from tests.task2vec.slow_loop import class_pictures, small_net, small_resnet


def looped(features: Features, norms: bool, values: Tensor, cotangents: Tensor) -> Tensor:
    layers = list(features.filters(norms).values())
    rows = []
    for sample, cotangent in zip(values, cotangents, strict=True):
        product = (features(sample.unsqueeze(0))[0] * cotangent).sum()
        gradients = torch.autograd.grad(product, [layer.weight for layer in layers])
        squares = [g.square().flatten(1).mean(1) if g.ndim > 1 else g.square() for g in gradients]
        rows.append(torch.cat(squares))
    return torch.stack(rows)


@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("passes", [1, 1000])
def test_all_methods_agree(norms: bool, views: int, passes: int) -> None:
    features = Features(Probe(small_net(), "last"), View())
    pictures, _ = class_pictures(4 * views)
    values = pictures if views == 1 else pictures.view(4, views, 3, 16, 16)
    layers = features.filters(norms)
    found, squares = ByPatches(features, layers, passes)(values)
    general, general_squares = ByTransforms(features, layers, chunk=3)(values)
    torch.testing.assert_close(found, general)
    for seed in (0, 1):
        cotangents = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
        expected = looped(features, norms, values, cotangents)
        assert expected.shape == (4, 38 + 6 * norms)
        torch.testing.assert_close(squares(cotangents), expected, rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(general_squares(cotangents), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("view", [View("maps", 0, 8), View("maps", 5, 4), View("pooled", 6)])
def test_all_methods_agree_on_maps_and_after_skipped_layers(view: View) -> None:
    probe = Probe(small_resnet())
    features = Features(probe, view)
    values = probe.run_to(class_pictures(3, size=32)[0], view.start).detach()
    layers = features.filters(norms=True)
    found, squares = ByPatches(features, layers)(values)
    cotangents = torch.randn_like(found)
    expected = looped(features, True, values, cotangents)
    torch.testing.assert_close(squares(cotangents), expected, rtol=1e-4, atol=1e-8)
    general = ByTransforms(features, layers)(values)[1](cotangents)
    torch.testing.assert_close(general, expected, rtol=1e-4, atol=1e-8)


class OneLayer(nn.Module):
    """A convolution and a classifier that is never used."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.fc = layer, nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.fc(self.layer(pictures))  # type: ignore[no-any-return]


@given(
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    filters=st.sampled_from([1, 3, 90]),
)
@settings(max_examples=40, deadline=None)
def test_any_convolution(kernel: int, stride: int, padding: int, dilation: int, filters: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(2, filters, kernel, stride, padding, dilation)
    assert suits(Filters(layer))
    features = Features(Probe(OneLayer(layer)), View())
    values = torch.randn(3, 2, 11, 13)
    found, squares = ByPatches(features, features.filters(norms=False))(values)
    cotangents = torch.randn_like(found)
    expected = looped(features, False, values, cotangents)
    torch.testing.assert_close(squares(cotangents), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, 3, groups=2),
        nn.Conv2d(2, 4, 3, padding="same"),
        nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"),
        nn.ConvTranspose2d(2, 5, 3),
        nn.Sequential(nn.Flatten(2), nn.Conv1d(2, 4, 3)),
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)),
    ],
    ids=["groups", "same", "reflect", "transposed", "1d", "group norm"],
)
def test_other_layers_use_the_general_method(layer: nn.Module) -> None:
    features = Features(Probe(OneLayer(layer)), View())
    layers = features.filters(norms=True)
    assert not all(suits(part) for part in layers.values())
    values = torch.randn(3, 2, 6, 6)
    found, squares = ByTransforms(features, layers)(values)
    cotangents = torch.randn_like(found)
    if isinstance(layer, nn.ConvTranspose2d):  # its weight is (inputs, filters, k, k)
        rows = [
            torch.autograd.grad((features(value[None])[0] * c).sum(), layer.weight)[0]
            for value, c in zip(values, cotangents, strict=True)
        ]
        expected = torch.stack(rows).square().mean((1, 3, 4))
    else:
        expected = looped(features, True, values, cotangents)
    torch.testing.assert_close(squares(cotangents), expected, rtol=1e-4, atol=1e-6)


class Twice(nn.Module):
    """One layer used twice: its gradients add up."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.fc = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.fc(self.layer(self.layer(pictures).relu()).mean((2, 3)))  # type: ignore[no-any-return]


class ChangedInPlace(Twice):
    """A layer whose input is modified later."""

    def forward(self, pictures: Tensor) -> Tensor:
        values = pictures * 2
        found = self.layer(values)
        values.relu_()
        return self.fc((found + values).mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("network", [Twice, ChangedInPlace])
def test_unsuited_networks_are_noticed(network: type[Twice]) -> None:
    features = Features(Probe(network()), View())
    patches, values = ByPatches(features, features.filters(norms=False)), torch.randn(2, 3, 5, 5)

    def run() -> None:
        found, squares = patches(values)
        squares(torch.randn_like(found))

    with pytest.raises(UnsuitedError):
        run()
