"""The readout against the published description, restated in numpy."""

from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from lightning_taskonomy.nn import PixelDecoder, Readout, VectorDecoder
from lightning_taskonomy.nn.readout import VARIANTS, ReadoutShape, StepDropout, Variant, clipped
from lightning_taskonomy.nn.renormalisation import BatchRenorm2d

VARIANT_NAMES: tuple[Variant, ...] = get_args(Variant)


def pixel_readout(order: int = 1, variant: Variant = "standard", width: int = 32) -> Readout:
    torch.manual_seed(0)
    shape = VARIANTS[variant]
    decoder = PixelDecoder(3, Readout.outputs(shape), round(width * shape.width), depth=shape.depth)
    return Readout(order, decoder, shape)


def vector_readout(order: int = 1, variant: Variant = "standard", side: int = 2) -> Readout:
    torch.manual_seed(0)
    shape = VARIANTS[variant]
    return Readout(order, VectorDecoder(5, Readout.outputs(shape) * side**2, 16), shape)


@pytest.mark.parametrize("order", range(1, 25))
@torch.no_grad()
def test_all_orders_give_the_decoders_shape(order: int) -> None:
    given = torch.randn(2, 8 * order, 2, 2)
    assert pixel_readout(order)(given).shape == (2, 3, 32, 32)
    assert vector_readout(order)(given).shape == (2, 5)
    assert pixel_readout(order).read(given).shape == (2, 16, 2, 2)


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@torch.no_grad()
def test_all_variants_give_the_decoders_shape(variant: Variant) -> None:
    given = torch.randn(2, 16, 2, 2)
    assert pixel_readout(2, variant)(given).shape == (2, 3, 32, 32)
    assert vector_readout(2, variant)(given).shape == (2, 5)


@torch.no_grad()
def test_a_vector_target_reads_4096_values_at_the_papers_size() -> None:
    read = Readout(1, nn.Identity()).read(torch.randn(2, 8, 16, 16))
    assert read.flatten(1).shape == (2, 4096)


@torch.no_grad()
def test_the_standard_readout_is_two_parallel_streams_of_two_convolutions() -> None:
    """Rebuilt as two separate networks, each with half of the weights."""
    readout = Readout(3, nn.Identity())
    layers = list(readout.streams)
    assert [type(layer).__name__ for layer in layers] == ["Conv2d", "BatchRenorm2d", "ReLU"] * 2
    given = torch.randn(5, 24, 4, 4)
    whitened = nn.functional.batch_norm(clipped(given), None, None, training=True)
    streams = []
    for half in (slice(0, 8), slice(8, 16)):
        hidden = whitened
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                weight = layer.weight[half]
                assert weight.shape == (8, hidden.shape[1], 3, 3)
                hidden = nn.functional.conv2d(hidden, weight, padding=1)
                hidden = nn.functional.batch_norm(hidden, None, None, training=True).relu()
        streams.append(hidden)
    expected = nn.functional.batch_norm(torch.cat(streams, dim=1), None, None, training=True)
    torch.testing.assert_close(readout(given), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_each_view_is_read_by_itself_with_the_same_weights() -> None:
    """Two sources of three views, source by source: the same as a readout of one view, given them in turn."""
    torch.manual_seed(0)
    several, one = Readout(2, nn.Identity(), views=3).eval(), Readout(2, nn.Identity()).eval()
    one.load_state_dict(several.state_dict())
    given = torch.randn(5, 2, 3, 8, 4, 4)  # sample, source, view, channel
    expected = torch.cat([one(given[:, :, view].reshape(5, 16, 4, 4)) for view in range(3)], dim=1)
    found = several(given.reshape(5, 48, 4, 4))
    assert found.shape == (5, 48, 4, 4)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_statistics_decay_by_the_published_share() -> None:
    readout = Readout(1, nn.Identity())
    norms = [module for module in readout.modules() if isinstance(module, BatchRenorm2d | nn.BatchNorm2d)]
    assert [type(norm) for norm in norms] == [BatchRenorm2d] * 3 + [nn.BatchNorm2d]
    assert [norm.momentum for norm in norms] == [0.2] * 4
    assert [norm.eps for norm in norms] == [1e-5] * 4


@torch.no_grad()
def test_the_decoders_input_is_normalised() -> None:
    read = pixel_readout(2).read(7 + 3 * torch.randn(8, 16, 4, 4))
    deviation, mean = torch.std_mean(read, dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(deviation, torch.ones(16), atol=1e-2, rtol=0)


@torch.no_grad()
def test_clipping_is_at_five_deviations_of_each_channel() -> None:
    random = np.random.default_rng(0)
    values = random.normal(3, 2, (6, 4, 5, 5)).astype(np.float32)
    values[0, 0, 0, 0], values[1, 2, 3, 4] = 400.0, -90.0
    expected = values.copy()
    for channel in range(4):
        numbers = values[:, channel].astype(np.float64)
        low, high = numbers.mean() - 5 * numbers.std(), numbers.mean() + 5 * numbers.std()
        expected[:, channel] = np.minimum(np.maximum(numbers, low), high)
    assert (expected != values).sum() == 2
    np.testing.assert_allclose(clipped(torch.from_numpy(values)).numpy(), expected, rtol=1e-5)


@torch.no_grad()
def test_clipping_acts_in_training_only() -> None:
    given = torch.randn(4, 8, 4, 4)
    far = given.clone()
    far[0, 0, 0, 0] = 1e4
    farther = far.clone()
    farther[0, 0, 0, 0] = 1e6
    readout = Readout(1, nn.Identity())
    seen: list[torch.Tensor] = []
    readout.whiten.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    readout(far)
    assert seen[0].max() < 5.1 * far[:, 0].std()
    readout.eval()
    assert not torch.allclose(readout(far), readout(farther))
    assert torch.equal(seen[1], far)


@torch.no_grad()
def test_whitening_makes_scale_and_shift_of_each_source_irrelevant() -> None:
    given = torch.randn(6, 16, 4, 4)
    scale = torch.cat([torch.full((8,), 50.0), torch.full((8,), 0.2)]).view(1, 16, 1, 1)
    shift = torch.linspace(-30, 30, 16).view(1, 16, 1, 1)
    readout, other = pixel_readout(2), pixel_readout(2)
    torch.testing.assert_close(readout(given * scale + shift), other(given), rtol=1e-2, atol=3e-3)
    readout.eval()
    assert not torch.allclose(readout(given * scale + shift), readout(given), rtol=1e-2, atol=3e-3)


def test_the_parameter_count_matches_the_formula() -> None:
    def count(readout: nn.Module) -> int:
        return sum(weight.numel() for weight in readout.parameters())

    for order in (1, 5):
        whiten, normalise = 2 * 8 * order, 2 * 16
        first, second = 2 * (8 * order * 8 * 9 + 2 * 8), 2 * (8 * 8 * 9 + 2 * 8)
        assert count(Readout(order, nn.Identity())) == whiten + first + second + normalise
    fat = 2 * 8 + 2 * (8 * 16 * 9 + 2 * 16) + 2 * (16 * 16 * 9 + 2 * 16) + 2 * 32
    assert count(Readout(1, nn.Identity(), VARIANTS["fat"])) == fat
    deep = 2 * 8 + 2 * (8 * 8 * 9 + 2 * 8) + 3 * 2 * (8 * 8 * 9 + 2 * 8) + 2 * 16
    assert count(Readout(1, nn.Identity(), VARIANTS["deep"])) == deep
    shallow = 2 * 8 + 2 * (8 * 8 * 9 + 2 * 8) + 2 * 16
    assert count(Readout(1, nn.Identity(), VARIANTS["shallow"])) == shallow


@pytest.mark.parametrize("depth", [0, 1, 2])
@torch.no_grad()
def test_a_decoders_depth_is_the_repetition_of_its_inner_layers(depth: int) -> None:
    decoder = PixelDecoder(3, 16, 64, depth=depth)
    names = [name for name, _ in decoder.named_children()]
    for inner in ("conv3", "conv4", "conv6"):
        assert sum(name == inner or name.startswith(f"{inner}_") for name in names) == depth
    assert len(names) == 14 + 3 * (depth - 1)
    assert decoder(torch.randn(2, 16, 2, 2)).shape == (2, 3, 32, 32)


def test_the_variants_are_named_in_the_study() -> None:
    assert tuple(VARIANTS) == VARIANT_NAMES
    assert VARIANTS["standard"] == ReadoutShape(channels=8, convolutions=2, depth=1, width=1.0)


def test_step_dropout_drops_its_fraction_and_keeps_the_mean() -> None:
    dropout = StepDropout(0.3)
    values = torch.ones(200, 500)
    dropped = dropout(values)
    share = float((dropped == 0).float().mean())
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / values.numel())
    torch.testing.assert_close(dropped[dropped > 0], torch.full((int((dropped > 0).sum()),), 1 / 0.7))


def test_step_dropout_depends_only_on_its_seed() -> None:
    one, other = StepDropout(0.5), StepDropout(0.5)
    values = torch.randn(16, 16)
    one.seed = other.seed = 5
    torch.manual_seed(1)
    first = one(values)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(other(values), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(one(values), first), "a network with two such layers drops others in the second"
    one.seed = 5
    assert torch.equal(one(values), first)
    one.seed = 6
    assert not torch.equal(one(values), first)


def test_step_dropout_does_nothing_in_evaluation() -> None:
    values = torch.randn(4, 4)
    assert torch.equal(StepDropout(0.5).eval()(values), values)
    assert torch.equal(StepDropout(0.0)(values), values)


@pytest.mark.parametrize("variant", VARIANT_NAMES)
def test_gradient_reaches_all_weights(variant: Variant) -> None:
    for readout in (pixel_readout(2, variant), vector_readout(2, variant)):
        output = readout(torch.randn(4, 16, 2, 2))
        (output * torch.randn_like(output)).sum().backward()
        for name, weight in readout.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name
