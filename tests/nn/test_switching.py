"""The switching network and its baselines: sizes, and each part against its formula."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import SwitchingNet as ExportedNet
from lightning_taskonomy.nn.switching import SwitchingNet, TaskCodes
from lightning_taskonomy.nn.switching.blocks import Condition, ConditionalConvolution, Statistics
from lightning_taskonomy.nn.switching.decoder import averaged_groups
from lightning_taskonomy.nn.switching.embedding import EqualisedLinear, root_mean_square_one
from lightning_taskonomy.nn.switching.encoder import StageEncoder
from lightning_taskonomy.switching.networks import (
    MultiDecoderNet,
    MultiTaskNet,
    ReparameterisedNet,
    SingleTaskNets,
    SwitchedTasks,
    TaskNormsNet,
)

PASCAL = (21, 7, 1, 3, 1)
NYUD = (41, 3, 1, 1)


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("code", "outputs", "expected"),
    [
        (50, 21, 17_974_405),
        (100, 21, 18_258_805),
        (150, 21, 18_583_205),
        (250, 21, 19_352_005),
        (512, 21, 22_125_013),
        (80, 41, 18_141_545),
        (120, 41, 18_385_065),
        (200, 41, 18_948_905),
    ],
)
def test_the_switching_network_has_the_published_size(code: int, outputs: int, expected: int) -> None:
    with torch.device("meta"):
        network = SwitchingNet(code=code, outputs=outputs)
    assert parameters(network) == expected


def test_the_parts_have_the_published_sizes() -> None:
    with torch.device("meta"):
        network = ExportedNet()
    style = sum(w.numel() for name, w in network.named_parameters() if "style" in name)
    convolutions = sum(w.numel() for name, w in network.decoder.named_parameters() if ".convolution." in name)
    assert parameters(network.encoder) == 11_176_512
    assert parameters(network.embedding) == 80_800
    assert style == 448_000 + 4_480
    assert convolutions == 6_547_648
    assert parameters(network.decoder.head) == 1_365
    assert len(network.state_dict()) == 178
    assert sum(value.numel() for value in network.state_dict().values()) == 18_268_425


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: SingleTaskNets([21]), 17_730_005),
        (lambda: SingleTaskNets([7]), 17_729_095),
        (lambda: SingleTaskNets([3]), 17_728_835),
        (lambda: SingleTaskNets([1]), 17_728_705),
        (lambda: SingleTaskNets([41]), 17_731_305),
        (lambda: SingleTaskNets(PASCAL), 88_645_345),
        (lambda: SingleTaskNets(NYUD), 70_917_550),
        (lambda: MultiDecoderNet(PASCAL), 43_939_297),
        (lambda: MultiDecoderNet(NYUD), 37_388_014),
        (lambda: TaskNormsNet(PASCAL, "instance", 21), 17_747_925),
        (lambda: TaskNormsNet(PASCAL, "batch", 21), 17_747_925),
        (lambda: TaskNormsNet(NYUD, "instance", 41), 17_744_745),
        (lambda: TaskNormsNet(NYUD, "batch", 41), 17_744_745),
        (lambda: ReparameterisedNet(PASCAL[:1]), 19_126_741),
        (lambda: ReparameterisedNet(PASCAL[:2]), 27_257_692),
        (lambda: ReparameterisedNet(PASCAL[:3]), 35_388_253),
        (lambda: ReparameterisedNet(PASCAL[:4]), 43_518_944),
        (lambda: ReparameterisedNet(PASCAL), 51_649_505),
    ],
)
def test_the_baselines_have_the_published_sizes(build: Callable[[], MultiTaskNet], expected: int) -> None:
    with torch.device("meta"):
        network = build()
    assert parameters(network) == expected


@pytest.mark.parametrize(("tasks", "expected"), [(1, 75.594788992), (5, 5 * 75.594788992 - 4 * 9.474932736)])
def test_multiplications_of_a_pass(tasks: int, expected: float) -> None:
    """Published: 75.59 billion for a task at 512 pixels; of which the encoder's are done once for all."""
    with torch.device("meta"):
        network = SwitchedTasks(PASCAL, SwitchingNet(), TaskCodes(5, 100)).eval()
        pictures = torch.empty(1, 3, 512, 512)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.tasks_of(pictures, range(tasks))
    assert counter.get_total_flops() / 2e9 == pytest.approx(expected)


def switched(tasks: Sequence[int] = PASCAL, statistics: Statistics = "instance") -> SwitchedTasks:
    network = SwitchingNet(code=10, statistics=statistics, tasks=len(tasks), width=4, decoder_width=32)
    return SwitchedTasks(tasks, network, TaskCodes(len(tasks), 10))


NETWORKS: list[Callable[[], MultiTaskNet]] = [
    switched,
    lambda: switched(statistics="batch"),
    lambda: switched(statistics="task_batch"),
    lambda: SingleTaskNets(PASCAL, width=4, decoder_width=32),
    lambda: MultiDecoderNet(PASCAL, width=4, decoder_width=32),
    lambda: TaskNormsNet(PASCAL, "instance", 21, width=4, decoder_width=32),
    lambda: TaskNormsNet(PASCAL, "batch", 21, width=4, decoder_width=32),
    lambda: ReparameterisedNet(PASCAL, width=4, decoder_width=32),
]
NAMES = [
    "switching",
    "batch",
    "task_batch",
    "single",
    "multi_decoder",
    "instance_norms",
    "batch_norms",
    "rcm",
]


@pytest.mark.parametrize("build", NETWORKS, ids=NAMES)
@torch.no_grad()
def test_a_mixed_batch_gives_the_outputs_of_separate_tasks(build: Callable[[], MultiTaskNet]) -> None:
    torch.manual_seed(0)
    network = build().eval()
    pictures = torch.randn(5, 3, 64, 96)
    runs = [(3, 2), (0, 1), (4, 2)]
    mixed = network(pictures, runs)
    parts = torch.split(pictures, [2, 1, 2])
    for (task, count), output, part in zip(runs, mixed, parts, strict=True):
        assert output.shape == (count, PASCAL[task], 64, 96)
        torch.testing.assert_close(output, network(part, [(task, count)])[0], rtol=1e-4, atol=1e-4)
    every = network.tasks_of(pictures, range(5))
    torch.testing.assert_close(every[3][:2], mixed[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(every[4][3:], mixed[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("build", NETWORKS, ids=NAMES)
def test_a_mixed_batch_trains_what_belongs_to_its_tasks(build: Callable[[], MultiTaskNet]) -> None:
    torch.manual_seed(0)
    network = build().train()
    outputs = network(torch.randn(4, 3, 64, 64), [(1, 2), (2, 2)])
    sum(output.square().mean() for output in outputs).backward()
    untouched = {
        name
        for name, weight in network.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.any())
    }
    # Biases before a normalisation are taken away by it, but for rounding.
    dead = {name for name, _ in network.named_parameters() if name.endswith("convolution.bias")}
    places = {name: re.search(r"(own_encoders|decoders|of_task)\.(\d)", name) for name, _ in trained(network)}
    of_others = {name for name, place in places.items() if place is not None and place[2] in "034"}
    assert untouched - dead == of_others - dead
    assert bool(of_others) != isinstance(network, SwitchedTasks)


def trained(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]


def test_only_the_encoder_without_task_parts_runs_once() -> None:
    calls: list[int] = []
    for build, expected in ((switched, 1), (lambda: MultiDecoderNet(PASCAL, width=4, decoder_width=32), 1)):
        network = build().eval()
        network.encoders()[0].conv1.register_forward_hook(lambda *_: calls.append(1))
        calls.clear()
        network.tasks_of(torch.randn(1, 3, 64, 64), range(5))
        assert len(calls) == expected


def test_the_conditional_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = ConditionalConvolution(6, 8, 3, 10).double()
    features, embedding = torch.randn(4, 6, 9, 7).double(), torch.randn(4, 10).double()
    convolved = functional.conv2d(features, block.convolution.weight, padding=1)
    mean = convolved.mean(dim=(2, 3), keepdim=True)
    variance = convolved.var(dim=(2, 3), keepdim=True, unbiased=False)
    normal = (convolved - mean) / (variance + 1e-5).sqrt()
    style = embedding @ block.style.weight.T * math.sqrt(2 / 10) + torch.tensor([1.0] * 8 + [0.0] * 8)
    expected = style[:, :8, None, None] * normal + style[:, 8:, None, None]
    expected = torch.where(expected > 0, expected, 0.01 * expected)
    found = block(features, Condition([(0, 4)], embedding))
    torch.testing.assert_close(found, expected)  # the bias, which is not used above, has no effect
    plain = block(features, Condition([(0, 4)], torch.zeros(4, 10).double()))
    torch.testing.assert_close(plain, functional.leaky_relu(normal, 0.01))


def test_statistics_by_task_are_those_of_the_tasks_examples() -> None:
    torch.manual_seed(0)
    block = ConditionalConvolution(3, 4, 1, 5, "task_batch", tasks=3).train()
    features, embedding = torch.randn(6, 3, 4, 4), torch.zeros(6, 5)
    features[:2] += 7
    found = block(features, Condition([(2, 2), (0, 4)], embedding))
    for part, its in ((found[:2], features[:2]), (found[2:], features[2:])):
        convolved = block.convolution(its)
        mean, variance = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3), unbiased=False)
        normal = (convolved - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        torch.testing.assert_close(part, functional.leaky_relu(normal, 0.01), rtol=1e-4, atol=1e-4)
    seen = [int(norm.num_batches_tracked) for norm in block.norm.of_task]  # type: ignore[arg-type]
    assert seen == [1, 0, 1]


def test_unknown_statistics_and_backbones_are_refused() -> None:
    with pytest.raises(InputError, match="statistics: expected instance, batch or task_batch"):
        SwitchingNet(statistics="layer")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="resnet18"):
        SwitchingNet(backbone="resnet20")
    with pytest.raises(InputError, match="code"):
        SwitchingNet(code=0)
    with pytest.raises(InputError, match="at least 33 pixels, found 32×32"):
        SwitchingNet(width=4, decoder_width=32)(torch.zeros(1, 3, 32, 32), torch.ones(100))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50"])
@torch.no_grad()
def test_backbones_and_sizes(backbone: str) -> None:
    network = SwitchingNet(backbone, code=10, outputs=5, width=4, decoder_width=32).eval()
    for size in ((64, 64), (70, 45)):
        assert network(torch.randn(2, 3, *size), torch.ones(10)).shape == (2, 5, *size)


def test_an_equalised_layer_is_its_formula() -> None:
    torch.manual_seed(0)
    layer = EqualisedLinear(50, 4000)
    values = torch.randn(3, 50)
    torch.testing.assert_close(layer(values), values @ (layer.weight * math.sqrt(2 / 50)).T)
    assert float(layer.weight.detach().std()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("tasks", "size"), [(5, 100), (4, 80), (5, 512), (1, 3)])
def test_block_codes_are_ones_in_separate_blocks(tasks: int, size: int) -> None:
    codes = TaskCodes(tasks, size)()
    assert codes.sum(dim=1).tolist() == [size // tasks] * tasks
    torch.testing.assert_close(codes @ codes.T, torch.eye(tasks) * (size // tasks))
    lengths = root_mean_square_one(codes).amax(dim=1)
    torch.testing.assert_close(lengths, torch.full((tasks,), math.sqrt(size / (size // tasks))))


@pytest.mark.parametrize("kind", ["blocks", "gaussian", "learned"])
def test_codes_are_learned_where_they_should_be(kind: Literal["blocks", "gaussian", "learned"]) -> None:
    codes = TaskCodes(5, 100, kind, added=2)
    assert codes().shape == (7, 100)
    trained = sum(weight.numel() for weight in codes.parameters())
    assert trained == (700 if kind == "learned" else 200)
    torch.testing.assert_close(codes(), TaskCodes(5, 100, kind, added=2)())
    if kind != "blocks":
        assert not torch.equal(codes(), TaskCodes(5, 100, kind, added=2, seed=1)())
        assert float(codes().detach().std()) == pytest.approx(1, abs=0.1)


def test_codes_that_are_too_short_are_refused() -> None:
    with pytest.raises(InputError, match="at least 5 places for 5 tasks, found 4"):
        TaskCodes(5, 4)
    with pytest.raises(InputError, match="tasks"):
        TaskCodes(0, 4)


def test_forty_one_channels_are_read_as_three_that_overlap() -> None:
    outputs = torch.randn(2, 41, 3, 3)
    found = averaged_groups(outputs, 3)
    for place, (first, last) in enumerate(((0, 14), (13, 28), (27, 41))):
        torch.testing.assert_close(found[:, place], outputs[:, first:last].mean(dim=1))


@given(given_channels=st.integers(1, 45), share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_averaged_groups_are_adaptive_pooling_of_the_channels(given_channels: int, share: float) -> None:
    channels = 1 + round(share * (given_channels - 1))
    outputs = torch.randn(2, given_channels, 2, 3)
    expected = functional.adaptive_avg_pool3d(outputs.unsqueeze(1), (channels, 2, 3)).squeeze(1)
    torch.testing.assert_close(averaged_groups(outputs, channels), expected)


def test_more_channels_than_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="outputs: expected at least 41"):
        averaged_groups(torch.zeros(1, 21, 2, 2), 41)


@torch.no_grad()
def test_reparameterised_encoders_begin_as_the_bank() -> None:
    torch.manual_seed(0)
    bank = StageEncoder(width=4).eval()
    for layer in bank.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()  # type: ignore[union-attr]
            layer.weight.uniform_(0.5, 2)
    network = ReparameterisedNet((3, 1), width=4, decoder_width=32)
    network.load_encoders({f"module.{key}": value for key, value in bank.state_dict().items()})
    network.eval()
    pictures = torch.randn(2, 3, 64, 64)
    features = network.encode(pictures, [(0, 1), (1, 1)])
    for found, expected in zip(features.stages, bank.read(pictures).stages, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not any(layer.weight.requires_grad for layer in network.encoder.shared_filters())


@torch.no_grad()
def test_weights_of_a_backbone_reach_every_encoder() -> None:
    torch.manual_seed(0)
    bank = StageEncoder(width=4)
    for build in NETWORKS[:7]:
        network = build()
        network.load_encoders(bank.state_dict())
        for encoder in network.encoders():
            assert all(
                torch.equal(value, bank.state_dict()[key]) for key, value in encoder.state_dict().items()
            )


def test_the_last_shared_weight_is_in_every_tasks_graph() -> None:
    for build in (switched, *NETWORKS[4:7]):
        network = build()
        outputs: list[Tensor] = network(torch.randn(2, 3, 64, 64), [(0, 1), (4, 1)])
        for output in outputs:
            (gradient,) = torch.autograd.grad(
                output.square().sum(), network.last_shared_weight(), retain_graph=True
            )
            assert gradient.any()
