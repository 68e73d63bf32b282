import pytest
import torch
from torch import nn

from lightning_taskonomy.nn import PixelDecoder
from lightning_taskonomy.nn.initialise import he_normal


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("kind", ["convolution", "strided", "transposed", "linear"])
@torch.no_grad()
def test_layers_preserve_the_variance_of_the_signal(kind: str, slope: float) -> None:
    torch.manual_seed(0)
    layer: nn.Module = {
        "convolution": nn.Conv2d(32, 64, 3),
        "strided": nn.Conv2d(32, 64, 7, stride=2),
        "transposed": nn.ConvTranspose2d(32, 64, 3, stride=2),
        "linear": nn.Linear(512, 512),
    }[kind]
    he_normal(layer, slope)
    shape = (64, 512) if kind == "linear" else (8, 32, 24, 24)
    signal = nn.functional.leaky_relu(torch.randn(shape), slope)
    output = layer(signal)
    if kind == "transposed":
        output = output[:, :, 2:-2, 2:-2]
    # A Gaussian's variance again, after the next layer's weights summed what the ReLU left.
    assert output.var().item() == pytest.approx(1, abs=0.15)


@torch.no_grad()
def test_the_last_layer_preserves_the_scale_of_its_inputs() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(512, 512)
    he_normal(nn.Sequential(layer), 0.0, layer)
    assert layer(torch.randn(64, 512)).var().item() == pytest.approx(1, abs=0.1)
    assert layer.bias is not None
    assert not layer.bias.any()


@torch.no_grad()
def test_fresh_decoder_does_not_saturate() -> None:
    torch.manual_seed(0)
    output = PixelDecoder(3, width=256)(torch.randn(4, 8, 4, 4))
    assert (output.abs() > 0.99).float().mean() < 0.02
    assert output.std() > 0.1
