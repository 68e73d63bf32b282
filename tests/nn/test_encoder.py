from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import convert_conv2d_weight_memory_format

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder
from tests.nn.trained_statistics import unsettle


def small(
    width: int = 4, blocks: Sequence[int] = (1, 1, 1, 1), channels: int = 8, normalised: bool = False
) -> Encoder:
    return Encoder(width=width, blocks=blocks, channels=channels, normalised=normalised).eval()


@pytest.mark.parametrize("normalised", [False, True])
@torch.no_grad()
def test_published_classes_give_the_same_outputs(reference: ModuleType, normalised: bool) -> None:
    torch.manual_seed(3)
    ours, theirs = Encoder(normalised=normalised), reference.TaskonomyEncoder(normalize_outputs=normalised)
    unsettle(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ours.eval()
    for size in (64, 76, 256):
        pictures = torch.rand(1, 3, size, size) * 2 - 1
        expected = theirs(pictures)
        assert expected.std() > 0.01
        torch.testing.assert_close(ours(pictures), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_our_weights_load_into_the_published_class(reference: ModuleType) -> None:
    torch.manual_seed(4)
    ours, theirs = Encoder(), reference.TaskonomyEncoder(normalize_outputs=False)
    unsettle(ours)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(ours.eval()(pictures), theirs(pictures), rtol=1e-5, atol=1e-5)


def test_keys_are_the_published_ones() -> None:
    shapes = {key: tuple(value.shape) for key, value in Encoder().state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer2.3.conv2.weight"] == (128, 128, 3, 3)
    assert shapes["layer4.0.bn1.running_mean"] == (512,)
    assert shapes["compress1.weight"] == (8, 2048, 3, 3)
    assert shapes["compress_bn.running_var"] == (8,)
    # 161 convolution and normalisation weights of a ResNet-50 with their statistics, and the compression's.
    assert len(shapes) == 53 * 6 + 6


@pytest.mark.parametrize("size", [32, 64, 256])
@torch.no_grad()
def test_a_sixteenth_of_each_side_is_left(size: int) -> None:
    assert small()(torch.zeros(2, 3, size, size)).shape == (2, 8, size // 16, size // 16)
    assert Encoder.representation_side(size) == size // 16


@given(st.integers(3, 140))
@settings(max_examples=40, deadline=None)
@torch.no_grad()
def test_the_side_is_known_without_a_forward_pass(size: int) -> None:
    encoder = small(width=1, channels=1)
    assert encoder(torch.zeros(1, 3, size, 16)).shape[2] == Encoder.representation_side(size)


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (2, 2, 2, 2), (1, 3, 2, 1)])
@torch.no_grad()
def test_small_variants_take_other_widths_channels_and_depths(blocks: tuple[int, ...]) -> None:
    encoder = Encoder(input_channels=1, width=6, blocks=blocks, channels=5)
    assert [len(getattr(encoder, f"layer{stage}")) for stage in (1, 2, 3, 4)] == list(blocks)
    assert encoder(torch.zeros(2, 1, 64, 64)).shape == (2, 5, 4, 4)


@torch.no_grad()
def test_group_norm_leaves_each_channel_with_mean_0_and_variance_1() -> None:
    torch.manual_seed(0)
    representation = small(normalised=True, width=16)(torch.randn(2, 3, 128, 128))
    # Where a channel is silent throughout, it stays 0.
    alive = representation.flatten(2).std(2) > 0.1
    assert alive.any()
    torch.testing.assert_close(representation.mean((2, 3)), torch.zeros(2, 8), rtol=0, atol=1e-5)
    spread = representation.var((2, 3), correction=0)[alive]
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=0, atol=0.01)


@torch.no_grad()
def test_channels_last_changes_nothing() -> None:
    torch.manual_seed(0)
    encoder, pictures = small(width=8), torch.randn(2, 3, 64, 64)
    expected = encoder(pictures)
    convert_conv2d_weight_memory_format(encoder, torch.channels_last)
    found = encoder(pictures.to(memory_format=torch.channels_last))
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_gradient_reaches_all_weights() -> None:
    torch.manual_seed(0)
    encoder = small(blocks=(1, 2, 3, 2)).train()
    encoder(torch.randn(4, 3, 64, 64)).square().sum().backward()
    for name, weight in encoder.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@torch.no_grad()
def test_a_fresh_network_distinguishes_images() -> None:
    torch.manual_seed(0)
    encoder = Encoder(width=16)
    representation = encoder(torch.rand(4, 3, 64, 64) * 2 - 1)
    assert representation.isfinite().all()
    assert (representation.flatten(1).std(0) > 0.01).float().mean() > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": (3, 4, 6)}, "blocks: expected four"),
        ({"blocks": (3, 0, 6, 3)}, "blocks: expected four numbers of at least 1"),
        (
            {"channels": 12, "normalised": True},
            "channels: expected a multiple of 8 when normalised, found 12",
        ),
    ],
)
def test_impossible_networks_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**options)


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(InputError, match="size: expected at least 3 pixels, found 2"):
        Encoder.representation_side(2)
