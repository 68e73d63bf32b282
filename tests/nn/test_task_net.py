import pytest
import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from lightning_taskonomy.nn import Encoder, PixelDecoder, TaskNet, VectorDecoder


def encoder() -> Encoder:
    return Encoder(width=4, blocks=(1, 1, 1, 1))


@pytest.mark.parametrize("views", [1, 2, 3])
@torch.no_grad()
def test_views_are_represented_one_by_one_and_concatenated(views: int) -> None:
    torch.manual_seed(0)
    network = TaskNet(encoder(), nn.Identity()).eval()
    pictures = torch.randn(2, views, 3, 32, 32)
    representations = network.represent(pictures)
    assert representations.shape == (2, 8 * views, 2, 2)
    for example in range(2):
        for view in range(views):
            alone = network.encoder(pictures[example, view][None])[0]
            together = representations[example, 8 * view : 8 * (view + 1)]
            torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_decoder_sees_all_views() -> None:
    torch.manual_seed(0)
    decoder = VectorDecoder(6, inputs=2 * 8 * 2 * 2, width=32)
    network = TaskNet(encoder(), decoder).eval()
    pictures = torch.randn(3, 2, 3, 32, 32)
    torch.testing.assert_close(network(pictures), decoder(network.represent(pictures)))
    assert network(pictures).shape == (3, 6)
    assert not torch.allclose(network(pictures), network(pictures.flip(1)))


@torch.no_grad()
def test_channels_last_changes_nothing() -> None:
    torch.manual_seed(0)
    network = TaskNet(encoder(), VectorDecoder(6, inputs=64, width=32)).eval()
    pictures = torch.randn(3, 2, 3, 32, 32)
    expected = network(pictures)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    strided = pictures.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    torch.testing.assert_close(network(strided), expected, rtol=1e-4, atol=1e-5)


def test_compiles_into_one_graph() -> None:
    torch.manual_seed(0)
    network = TaskNet(encoder(), PixelDecoder(1, width=16)).eval()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    pictures = torch.randn(2, 1, 3, 32, 32)
    torch.testing.assert_close(compiled(pictures), network(pictures), rtol=1e-4, atol=1e-5)


def test_learns_a_picture_from_scratch() -> None:
    torch.manual_seed(0)
    network = TaskNet(Encoder(width=16, blocks=(1, 1, 1, 1)), PixelDecoder(1, width=256))
    pictures = torch.randn(8, 1, 3, 2, 2).repeat_interleave(16, -1).repeat_interleave(16, -2)
    target = pictures[:, 0].mean(1, keepdim=True).clamp(-1, 1)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    best_constant = (target - target.median()).abs().mean()
    for _ in range(60):
        loss = (network(pictures) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.4 * best_constant
