import pytest
import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Discriminator
from lightning_taskonomy.nn.discriminator import SameConv2d


@pytest.mark.parametrize(("size", "patches"), [(256, 4), (128, 2), (130, 3), (64, 1), (16, 1)])
@torch.no_grad()
def test_one_logit_per_64_pixels(size: int, patches: int) -> None:
    judge = Discriminator(3, 2, width=4)
    logits = judge(torch.randn(2, 3, size, size), torch.randn(2, 2, size, size))
    assert logits.shape == (2, 1, patches, patches)


def test_five_convolutions_with_64_n_channels() -> None:
    convolutions = [layer for layer in Discriminator(3, 1).modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.in_channels for layer in convolutions] == [4, 64, 128, 256, 512]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 1]
    assert [layer.stride for layer in convolutions] == [(4, 4)] * 3 + [(1, 1)] * 2


@torch.no_grad()
def test_logits_depend_on_image_and_condition() -> None:
    torch.manual_seed(0)
    judge = Discriminator(3, 1, width=8).eval()
    condition, picture = torch.randn(1, 3, 32, 32), torch.randn(1, 1, 32, 32)
    logits = judge(condition, picture)
    assert (judge(torch.randn(1, 3, 32, 32), picture) - logits).abs().min() > 0
    assert (judge(condition, torch.randn(1, 1, 32, 32)) - logits).abs().min() > 0


@torch.no_grad()
def test_a_logit_sees_469_pixels() -> None:
    torch.manual_seed(0)
    judge = Discriminator(1, 1, width=2).eval()
    condition, picture = torch.zeros(1, 1, 1024, 1024), torch.zeros(1, 1, 1024, 1024)
    with torch.enable_grad():
        picture.requires_grad_()
        (gradient,) = torch.autograd.grad(judge(condition, picture)[0, 0, 8, 8], picture)
    rows = gradient[0, 0].abs().sum(1).nonzero().ravel()
    assert rows[-1] - rows[0] + 1 == 469


@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(16, 5, 4), (10, 5, 4), (2, 5, 4), (7, 4, 1), (1, 4, 1)]
)
@torch.no_grad()
def test_padding_is_as_even_as_possible(side: int, kernel: int, stride: int) -> None:
    """Restated pixel by pixel: as many zeros as the last window needs, with the odd one at the end."""
    torch.manual_seed(0)
    layer, given = SameConv2d(1, 1, kernel, stride=stride), torch.randn(1, 1, side, side)
    outputs = -(-side // stride)
    before = max(0, (outputs - 1) * stride + kernel - side) // 2
    expected = torch.full((outputs, outputs), float(layer.bias))  # type: ignore[arg-type]
    for row in range(outputs):
        for column in range(outputs):
            for y in range(kernel):
                for x in range(kernel):
                    v, u = row * stride + y - before, column * stride + x - before
                    if 0 <= v < side and 0 <= u < side:
                        expected[row, column] += layer.weight[0, 0, y, x] * given[0, 0, v, u]
    torch.testing.assert_close(layer(given)[0, 0], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_condition_is_averaged_over_the_area_of_a_smaller_picture() -> None:
    torch.manual_seed(0)
    judge = Discriminator(2, 3, width=4).eval()
    condition, picture = torch.randn(2, 2, 64, 64), torch.randn(2, 3, 16, 16)
    averaged = condition.numpy().reshape(2, 2, 16, 4, 16, 4).mean((3, 5))
    expected = judge(torch.from_numpy(averaged), picture)
    torch.testing.assert_close(judge(condition, picture), expected, rtol=1e-4, atol=1e-6)


def test_picture_larger_than_the_condition_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected at most \(16, 16\), found \(32, 32\)"):
        Discriminator(3, 3, width=4)(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 32, 32))


def test_gradient_reaches_all_weights_and_the_picture() -> None:
    torch.manual_seed(0)
    judge = Discriminator(3, 1, width=4)
    picture = torch.randn(2, 1, 32, 32, requires_grad=True)
    judge(torch.randn(2, 3, 32, 32), picture).square().sum().backward()
    for name, tensor in [("picture", picture), *judge.named_parameters()]:
        assert tensor.grad is not None, name
        assert tensor.grad.abs().sum() > 0, name


@torch.no_grad()
def test_channels_last_changes_nothing() -> None:
    torch.manual_seed(0)
    judge = Discriminator(3, 1, width=8).eval()
    condition, picture = torch.randn(2, 3, 32, 32), torch.randn(2, 1, 32, 32)
    expected = judge(condition, picture)
    convert_conv2d_weight_memory_format(judge, torch.channels_last)
    last = torch.channels_last
    found = judge(condition.to(memory_format=last), picture.to(memory_format=last))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
