"""ResNets against published sizes and names, a plain functional copy, and files."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.resnet import RESNETS, ResNet
from tests.nn.trained_statistics import unsettle


@pytest.mark.parametrize(
    ("name", "parameters", "convolutions", "filters"),
    [
        # With 10 classes, as counted with torchvision's classes.
        ("resnet18", 11_181_642, 20, 4800),
        ("resnet34", 21_289_802, 36, 8512),
        # torchvision's 25,557,032 with 1,000 classes.
        ("resnet50", 25_557_032 - 990 * 2049, 53, 26_560),
    ],
)
def test_sizes_are_the_published_ones(name: str, parameters: int, convolutions: int, filters: int) -> None:
    network = ResNet(name, classes=10)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    weights = [weight for weight in network.parameters() if weight.ndim == 4]
    assert (len(weights), sum(len(weight) for weight in weights)) == (convolutions, filters)


def test_names_are_torchvisions() -> None:
    shapes = {key: tuple(value.shape) for key, value in ResNet("resnet34").state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["bn1.num_batches_tracked"] == ()
    assert shapes["layer1.2.conv2.weight"] == (64, 64, 3, 3)
    assert shapes["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert shapes["layer3.5.bn2.running_var"] == (256,)
    assert shapes["fc.weight"] == (1000, 512)
    assert "layer1.0.downsample.0.weight" not in shapes
    assert "layer1.0.downsample.0.weight" in ResNet("resnet50").state_dict()


def plain_resnet(state: dict[str, Tensor], depths: tuple[int, ...], pictures: Tensor) -> Tensor:
    """A ResNet with basic blocks written out as functions of a state dict, from the paper's Table 1."""

    def norm(name: str, x: Tensor) -> Tensor:
        statistics = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(x, *statistics, state[f"{name}.weight"], state[f"{name}.bias"])

    x = functional.conv2d(pictures, state["conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(norm("bn1", x).relu(), 3, 2, 1)
    for stage, depth in enumerate(depths, start=1):
        for place in range(depth):
            name, stride = f"layer{stage}.{place}", 2 if stage > 1 and place == 0 else 1
            y = functional.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            y = functional.conv2d(norm(f"{name}.bn1", y).relu(), state[f"{name}.conv2.weight"], padding=1)
            if stride == 2:
                shortcut = functional.conv2d(x, state[f"{name}.downsample.0.weight"], stride=2)
                x = norm(f"{name}.downsample.1", shortcut)
            x = (norm(f"{name}.bn2", y) + x).relu()
    return functional.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


@pytest.mark.parametrize(("name", "depths"), [("resnet18", (2, 2, 2, 2)), ("resnet34", (3, 4, 6, 3))])
@torch.no_grad()
def test_outputs_equal_a_plain_copy(name: str, depths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = ResNet(name, classes=7, width=8)
    unsettle(network)
    pictures = torch.randn(2, 3, 64, 64)
    expected = plain_resnet(network.state_dict(), depths, pictures)
    assert expected.std() > 0.01
    torch.testing.assert_close(network.eval()(pictures), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", RESNETS)
@torch.no_grad()
def test_features_are_the_four_stages(name: str) -> None:
    network = ResNet(name, classes=5, width=4).eval()
    pictures = torch.randn(2, 3, 64, 96)
    stages = network.features(pictures)
    for number, (stage, channels) in enumerate(zip(stages, network.channels, strict=True)):
        assert stage.shape == (2, channels, 64 // 2 ** (number + 2), 96 // 2 ** (number + 2))
    torch.testing.assert_close(network.fc(stages[-1].mean((2, 3))), network(pictures))


@pytest.mark.parametrize("start", range(11))
@torch.no_grad()
def test_starting_in_the_middle_gives_the_same_output(start: int) -> None:
    network = ResNet("resnet18", classes=5, width=4).eval()
    pictures = torch.randn(2, 3, 32, 32)
    values = pictures
    for layer in network.layers[:start]:
        values = layer(values)
    torch.testing.assert_close(network(values, start_from=start), network(pictures))


@pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
@torch.no_grad()
def test_backbone_is_loaded_whatever_its_classifier(prefix: str) -> None:
    donor, network = ResNet("resnet18", classes=1000, width=4), ResNet("resnet18", classes=3, width=4)
    unsettle(donor)
    head = network.fc.weight.clone()
    state = {prefix + key: value for key, value in donor.state_dict().items() if "num_batches" not in key}
    network.load_backbone({**state, **({"other.weight": torch.zeros(1)} if prefix else {})})
    pictures = torch.randn(1, 3, 32, 32)
    for found, expected in zip(
        network.eval().features(pictures), donor.eval().features(pictures), strict=True
    ):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(network.fc.weight, head)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(ResNet, "resnet34", width=4), "a resnet18 has no layer1.2.bn1.bias; is it another"),
        (partial(ResNet, "resnet18", width=8), r"conv1.weight of a resnet18: expected shape \(4, 3, 7, 7\)"),
        (partial(torch.nn.Linear, 2, 2), "expected conv1.weight of a resnet18; it is missing"),
    ],
)
def test_weights_of_another_network_are_refused(build: Callable[[], torch.nn.Module], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ResNet("resnet18", width=4).load_backbone(build().state_dict())


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(InputError, match="expected one of resnet18, resnet34, resnet50, found 'resnet19'"):
        ResNet("resnet19")


def test_gradient_reaches_all_weights() -> None:
    torch.manual_seed(0)
    network = ResNet("resnet18", classes=3, width=4)
    network(torch.randn(4, 3, 64, 64)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
