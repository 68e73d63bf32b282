from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import PairDecoder, PixelDecoder, VectorDecoder
from tests.nn.trained_statistics import unsettle


@pytest.mark.parametrize(("channels", "tanh"), [(1, True), (2, True), (3, True), (17, False), (64, True)])
@torch.no_grad()
def test_published_pixel_decoders_give_the_same_outputs(
    reference: ModuleType, channels: int, tanh: bool
) -> None:
    torch.manual_seed(channels)
    ours, theirs = PixelDecoder(channels, tanh=tanh), reference.TaskonomyDecoder(channels, apply_tanh=tanh)
    unsettle(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    representation = torch.randn(2, 8, 4, 4)
    expected = theirs(representation)
    assert expected.std() > 0.01
    torch.testing.assert_close(ours.eval()(representation), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("outputs", [63, 1000])
@torch.no_grad()
def test_published_vector_decoders_give_the_same_outputs(reference: ModuleType, outputs: int) -> None:
    torch.manual_seed(outputs)
    ours, theirs = VectorDecoder(outputs), reference.TaskonomyDecoder(outputs, is_decoder_mlp=True)
    unsettle(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    representation = torch.randn(3, 8, 16, 16)
    expected = theirs(representation)
    assert expected.std() > 0.01
    torch.testing.assert_close(ours.eval()(representation), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_our_weights_load_into_the_published_classes(reference: ModuleType) -> None:
    torch.manual_seed(0)
    pixels, vector = PixelDecoder(3), VectorDecoder(63)
    unsettle(pixels)
    unsettle(vector)
    their_pixels = reference.TaskonomyDecoder(3)
    their_vector = reference.TaskonomyDecoder(63, is_decoder_mlp=True)
    their_pixels.load_state_dict(pixels.state_dict(), strict=True)
    their_vector.load_state_dict(vector.state_dict(), strict=True)
    small, whole = torch.randn(1, 8, 2, 2), torch.randn(2, 8, 16, 16)
    torch.testing.assert_close(pixels.eval()(small), their_pixels(small), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(vector.eval()(whole), their_vector(whole), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_doubling_is_the_published_padded_and_cropped_layer() -> None:
    torch.manual_seed(1)
    layer = next(module for name, module in PixelDecoder(1, width=64).named_children() if name == "deconv8")
    assert isinstance(layer, nn.Sequential)
    convolution = layer[1]
    assert isinstance(convolution, nn.ConvTranspose2d)
    features = torch.randn(2, convolution.in_channels, 3, 5)
    padded = nn.functional.pad(features, (1, 0, 1, 0))
    whole = nn.functional.conv_transpose2d(padded, convolution.weight, stride=2, padding=1)
    torch.testing.assert_close(layer[2](convolution(features)), whole[:, :, 1:, 1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("divisor", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("side", [1, 4, 5])
@torch.no_grad()
def test_sixteen_times_the_side_over_the_divisor(divisor: int, side: int) -> None:
    decoder = PixelDecoder(2, inputs=16, width=32, size_divisor=divisor)
    expected = 16 * side // divisor
    assert decoder(torch.randn(2, 16, side, side)).shape == (2, 2, expected, expected)


def test_colorization_ends_after_the_second_doubling() -> None:
    decoder = PixelDecoder(313, tanh=False, size_divisor=4)
    assert [name for name, _ in decoder.named_children()][-3:] == ["deconv10", "conv11", "decoder_output"]
    assert decoder.state_dict()["decoder_output.0.weight"].shape == (313, 32, 3, 3)


def test_layer_widths_scale_in_proportion() -> None:
    def widths(width: int) -> list[int]:
        weights = PixelDecoder(3, width=width).state_dict()
        return [value.numel() for key, value in weights.items() if key.endswith("running_mean")]

    assert widths(1024) == [1024, 1024, 512, 256, 256, 128, 64, 64, 32, 32, 16, 32, 16]
    assert widths(128) == [128, 128, 64, 32, 32, 16, 8, 8, 4, 4, 4, 4, 4]


@torch.no_grad()
def test_tanh_bounds_the_output_only_on_request() -> None:
    torch.manual_seed(0)
    bounded, free = PixelDecoder(1, width=32), PixelDecoder(1, width=32, tanh=False)
    free.load_state_dict(bounded.state_dict())
    representation = 10 * torch.randn(2, 8, 2, 2)
    torch.testing.assert_close(bounded.eval()(representation), free.eval()(representation).tanh())


@torch.no_grad()
def test_pixel_decoder_in_channels_last_gives_the_same() -> None:
    torch.manual_seed(0)
    decoder, representation = PixelDecoder(3, width=64).eval(), torch.randn(2, 8, 4, 4)
    expected = decoder(representation)
    convert_conv2d_weight_memory_format(decoder, torch.channels_last)
    found = decoder(representation.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_vectors_are_read_row_column_channel() -> None:
    torch.manual_seed(0)
    channels, rows, columns = 3, 2, 4
    decoder = VectorDecoder(5, inputs=channels * rows * columns, width=6).eval()
    unsettle(decoder)
    representation = torch.randn(2, channels, rows, columns)
    weights = {key: value.double().numpy() for key, value in decoder.state_dict().items()}
    for sample, found in zip(representation.double().numpy(), decoder(representation), strict=True):
        flat = [sample[c, y, x] for y in range(rows) for x in range(columns) for c in range(channels)]
        hidden = weights["fc0.weight"] @ np.array(flat) - weights["bn0.running_mean"]
        hidden *= weights["bn0.weight"] / np.sqrt(weights["bn0.running_var"] + 1e-5)
        hidden = np.maximum(hidden + weights["bn0.bias"], 0)
        expected = weights["fc2.weight"] @ hidden + weights["fc2.bias"]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_vectors_do_not_depend_on_the_memory_format() -> None:
    torch.manual_seed(0)
    decoder, representation = VectorDecoder(5, inputs=96, width=8).eval(), torch.randn(2, 6, 4, 4)
    found = decoder(representation.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, decoder(representation))


def test_the_third_layer_is_between_the_published_two() -> None:
    assert list(VectorDecoder(9, 32, 16, layers=2).state_dict()) == [
        "fc0.weight",
        *(f"bn0.{kind}" for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
        "fc2.weight",
        "fc2.bias",
    ]
    three = VectorDecoder(9, 32, 16, layers=3).state_dict()
    assert three["fc1.weight"].shape == (16, 16)
    assert three["fc2.weight"].shape == (9, 16)
    assert "fc1.bias" not in three


def test_without_normalisation_the_first_layers_have_biases() -> None:
    plain = VectorDecoder(9, 32, 16, layers=3, normalised=False)
    assert [type(module) for module in plain.children() if isinstance(module, nn.BatchNorm1d)] == []
    assert list(plain.state_dict()) == [f"fc{n}.{kind}" for n in (0, 1, 2) for kind in ("weight", "bias")]


@torch.no_grad()
def test_one_network_sees_each_pair_of_views_by_itself() -> None:
    """Restated: a vector decoder with the same weights, given the first and second view, and so on."""
    torch.manual_seed(0)
    pairs = PairDecoder(18, inputs=3 * 2 * 16, views=3, width=8, layers=3, normalised=False).eval()
    one = VectorDecoder(6, inputs=2 * 2 * 16, width=8, layers=3, normalised=False).eval()
    one.load_state_dict(pairs.state_dict())
    views = torch.randn(5, 3, 2, 4, 4)
    first, second, third = views.unbind(1)
    given = ((first, second), (first, third), (second, third))
    expected = torch.cat([one(torch.cat(pair, dim=1)) for pair in given], dim=1)
    found = pairs(views.reshape(5, 6, 4, 4))
    assert found.shape == (5, 18)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    decoder, representation = VectorDecoder(4, 32, 64, dropout=0.5), torch.randn(8, 2, 4, 4)
    assert not torch.equal(decoder(representation), decoder(representation))
    decoder.eval()
    assert torch.equal(decoder(representation), decoder(representation))


@pytest.mark.parametrize(
    "decoder",
    [
        PixelDecoder(3, width=32),
        PixelDecoder(313, width=32, tanh=False, size_divisor=4),
        VectorDecoder(9, 128, 16, layers=2),
        VectorDecoder(9, 128, 16, layers=3),
        PairDecoder(6, 128, 4, 16, layers=3, normalised=False),
    ],
)
def test_gradient_reaches_all_weights(decoder: nn.Module) -> None:
    torch.manual_seed(0)
    output = decoder(torch.randn(4, 8, 4, 4))
    (output * torch.randn_like(output)).sum().backward()
    for name, weight in decoder.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_impossible_decoders_are_refused() -> None:
    with pytest.raises(InputError, match=r"size_divisor: expected one of \[1, 2, 4, 8, 16\], found 3"):
        PixelDecoder(3, size_divisor=3)
    with pytest.raises(InputError, match="layers: expected 2 or 3, found 4"):
        VectorDecoder(3, layers=4)
    with pytest.raises(InputError, match="views: expected at least 2 that divide 96 inputs"):
        PairDecoder(17, inputs=96, views=3)
