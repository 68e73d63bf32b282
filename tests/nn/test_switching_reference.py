"""A checkpoint with the published names, against the published formulas written out one by one."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching import SwitchingNet, TaskCodes, load_reference
from lightning_taskonomy.switching.networks import SwitchedTasks

Weights = dict[str, Tensor]
CHANNELS = (21, 7, 1, 3, 1)
SLOTS, EACH = 5, 20
CODE = SLOTS * EACH


def reference_weights() -> Weights:
    """Random weights with the names and shapes of the published checkpoints."""
    torch.manual_seed(0)
    weights: Weights = {}

    def convolution(name: str, inputs: int, outputs: int, kernel: int, bias: bool) -> None:
        scale = 1 / math.sqrt(inputs * kernel**2)
        weights[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel) * scale
        if bias:
            weights[f"{name}.bias"] = torch.randn(outputs)

    def norm(name: str, channels: int) -> None:
        weights[f"{name}.weight"] = torch.rand(channels) + 0.5
        weights[f"{name}.bias"] = torch.randn(channels) * 0.3
        weights[f"{name}.running_mean"] = torch.randn(channels) * 0.3
        weights[f"{name}.running_var"] = torch.rand(channels) + 0.5
        weights[f"{name}.num_batches_tracked"] = torch.tensor(7)

    convolution("layer0.0", 3, 64, 7, bias=False)
    norm("layer0.1", 64)
    inputs = 64
    for stage, (name, outputs) in enumerate(
        (("layer1.1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512))
    ):
        for block in range(2):
            convolution(f"{name}.{block}.conv1", inputs, outputs, 3, bias=False)
            norm(f"{name}.{block}.bn1", outputs)
            convolution(f"{name}.{block}.conv2", outputs, outputs, 3, bias=False)
            norm(f"{name}.{block}.bn2", outputs)
            if stage and not block:
                convolution(f"{name}.0.downsample.0", inputs, outputs, 1, bias=False)
                norm(f"{name}.0.downsample.1", outputs)
            inputs = outputs
    for layer in range(1, 16, 2):
        weights[f"fcs.mapping.{layer}.linear.weight_orig"] = torch.randn(CODE, CODE)
        weights[f"fcs.mapping.{layer}.linear.bias"] = torch.randn(CODE) * 0.3
    for name, inputs, outputs, kernel in (
        ("layer0_1x1", 64, 64, 1),
        ("layer1_1x1", 64, 64, 1),
        ("layer2_1x1", 128, 128, 1),
        ("layer3_1x1", 256, 256, 1),
        ("layer4_1x1", 512, 512, 1),
        ("conv_up3", 768, 512, 3),
        ("conv_up2", 640, 256, 3),
        ("conv_up1", 320, 256, 3),
        ("conv_up0", 320, 128, 3),
        ("conv_original_size2", 128, 64, 3),
    ):
        convolution(f"{name}.conv1", inputs, outputs, kernel, bias=True)
        weights[f"{name}.style1.transform.linear.weight_orig"] = torch.randn(2 * outputs, CODE)
        weights[f"{name}.style1.transform.linear.bias"] = torch.cat(
            [torch.ones(outputs), torch.zeros(outputs)]
        )
    convolution("conv_last.0", 64, 21, 1, bias=True)
    return weights


def written_out(w: Weights, pictures: Tensor, slot: int, training: bool) -> Tensor:
    """The shared outputs for the task in a slot."""

    def norm(values: Tensor, name: str) -> Tensor:
        return functional.batch_norm(
            values,
            w[f"{name}.running_mean"].clone(),
            w[f"{name}.running_var"].clone(),
            w[f"{name}.weight"],
            w[f"{name}.bias"],
            training,
        )

    def residual(values: Tensor, name: str, stride: int) -> Tensor:
        for block, step in ((0, stride), (1, 1)):
            place = f"{name}.{block}"
            inner = functional.conv2d(values, w[f"{place}.conv1.weight"], stride=step, padding=1).clone()
            inner = functional.conv2d(
                norm(inner, f"{place}.bn1").relu(), w[f"{place}.conv2.weight"], padding=1
            )
            if f"{place}.downsample.0.weight" in w:
                shortcut = functional.conv2d(values, w[f"{place}.downsample.0.weight"], stride=step)
                values = norm(shortcut, f"{place}.downsample.1")
            values = (norm(inner, f"{place}.bn2") + values).relu()
        return values

    code = torch.zeros(CODE, dtype=pictures.dtype)
    code[slot * EACH : (slot + 1) * EACH] = 1
    task = code / (code.square().mean() + 1e-8).sqrt()
    for layer in range(1, 16, 2):
        matrix = w[f"fcs.mapping.{layer}.linear.weight_orig"] * math.sqrt(2 / CODE)
        task = functional.leaky_relu(matrix @ task + w[f"fcs.mapping.{layer}.linear.bias"], 0.2)

    def block(values: Tensor, name: str) -> Tensor:
        kernel = w[f"{name}.conv1.weight"]
        values = functional.conv2d(values, kernel, w[f"{name}.conv1.bias"], padding=kernel.shape[-1] // 2)
        linear = f"{name}.style1.transform.linear"
        style = w[f"{linear}.weight_orig"] * math.sqrt(2 / CODE) @ task + w[f"{linear}.bias"]
        gain, shift = style.chunk(2)
        mean = values.mean(dim=(2, 3), keepdim=True)
        deviation = (values.var(dim=(2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
        normal = (values - mean) / deviation
        return functional.leaky_relu(gain[:, None, None] * normal + shift[:, None, None], 0.01)

    def up(values: Tensor) -> Tensor:
        return functional.interpolate(values, scale_factor=2, mode="bilinear", align_corners=True)

    f1 = norm(functional.conv2d(pictures, w["layer0.0.weight"], stride=2, padding=3), "layer0.1").relu()
    f2 = residual(functional.max_pool2d(f1, 3, 2, 1), "layer1.1", 1)
    f3 = residual(f2, "layer2", 2)
    f4 = residual(f3, "layer3", 2)
    f5 = residual(f4, "layer4", 2)
    o5 = block(f5, "layer4_1x1")
    o4 = block(torch.cat([up(o5), block(f4, "layer3_1x1")], dim=1), "conv_up3")
    o3 = block(torch.cat([up(o4), block(f3, "layer2_1x1")], dim=1), "conv_up2")
    o2 = block(torch.cat([up(o3), block(f2, "layer1_1x1")], dim=1), "conv_up1")
    x = block(torch.cat([up(o2), block(f1, "layer0_1x1")], dim=1), "conv_up0")
    o1 = block(up(x), "conv_original_size2")
    return functional.conv2d(o1, w["conv_last.0.weight"], w["conv_last.0.bias"])


@pytest.fixture(scope="module")
def weights() -> Weights:
    return reference_weights()


@pytest.mark.parametrize("training", [False, True])
def test_a_published_checkpoint_gives_the_published_outputs(weights: Weights, training: bool) -> None:
    assert len(weights) == 178
    network = SwitchingNet()
    load_reference(network, {f"module.{name}": value for name, value in weights.items()})
    network.double().train(training)
    double = {name: value.double() for name, value in weights.items()}
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    tasks = SwitchedTasks(CHANNELS, network, TaskCodes(SLOTS, CODE).double())
    for slot in range(SLOTS):
        expected = written_out(double, pictures, slot, training)
        found = network(pictures, tasks.codes()[slot])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
        pooled = functional.adaptive_avg_pool3d(expected.unsqueeze(1), (CHANNELS[slot], 64, 64)).squeeze(1)
        own = tasks(pictures, [(slot, 2)])[0]
        torch.testing.assert_close(own, pooled, rtol=0, atol=1e-9)


def test_gradients_are_those_of_the_formulas(weights: Weights) -> None:
    double = {
        name: value.double().requires_grad_(value.is_floating_point() and "running" not in name)
        for name, value in weights.items()
    }
    network = SwitchingNet()
    load_reference(network, weights)
    network.double().train()
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    code = TaskCodes(SLOTS, CODE).double()()[3]
    network(pictures, code).square().mean().backward()
    written_out(double, pictures, 3, training=True).square().mean().backward()  # type: ignore[no-untyped-call]
    found = dict(network.named_parameters())
    for theirs, ours in (
        ("layer0.0.weight", "encoder.conv1.weight"),
        ("layer3.0.downsample.0.weight", "encoder.layer3.0.downsample.0.weight"),
        ("fcs.mapping.1.linear.weight_orig", "embedding.layers.0.weight"),
        ("layer2_1x1.style1.transform.linear.bias", "decoder.lateral.2.style.bias"),
        ("conv_up1.conv1.weight", "decoder.merging.2.convolution.weight"),
        ("conv_last.0.bias", "decoder.head.bias"),
    ):
        assert double[theirs].grad is not None
        torch.testing.assert_close(found[ours].grad, double[theirs].grad, rtol=1e-7, atol=1e-10)


def test_mismatched_weights_are_named(weights: Weights) -> None:
    network = SwitchingNet()
    without = {name: value for name, value in weights.items() if name != "conv_up1.conv1.bias"}
    with pytest.raises(InputError, match=r"expected decoder.merging.2.convolution.bias .* missing"):
        load_reference(network, without)
    with pytest.raises(InputError, match=r"has no shared_5\.weight"):
        load_reference(network, {**weights, "shared_5.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"has no encoder\.layer4\.9\.weight"):
        load_reference(network, {**weights, "layer4.9.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"decoder.head.weight .* expected shape \(41, 64, 1, 1\)"):
        load_reference(SwitchingNet(outputs=41), weights)
