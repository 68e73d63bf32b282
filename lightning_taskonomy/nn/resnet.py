"""ResNet-18, 34 and 50 with torchvision's names, so that ImageNet checkpoints load from a file."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.encoder import Bottleneck

Stages = tuple[Tensor, Tensor, Tensor, Tensor]
Step = nn.Module | Callable[[Tensor], Tensor]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut; the stride is in the first."""

    def __init__(self, inputs: int, width: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, width, ⌈h/stride⌉, ⌈w/stride⌉)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(features)))))
        joined: Tensor = self.relu(residual + shortcut)
        return joined


_VARIANTS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...], int]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2), 1),
    "resnet34": (BasicBlock, (3, 4, 6, 3), 1),
    "resnet50": (Bottleneck, (3, 4, 6, 3), 4),
}
RESNETS = tuple(_VARIANTS)
"""The names that `ResNet` takes."""


class ResNet(nn.Module):
    """A residual network for images (He et al., 2016), with torchvision's state-dict names.

    Shapes: (B, input_channels, S, S) -> (B, classes); `features` returns the four stages.

    Attributes:
        name: resnet18, resnet34 or resnet50.
        channels: Channels of the four stages' outputs.
        fc: The classifier.
    """

    def __init__(self, name: str, classes: int = 1000, input_channels: int = 3, width: int = 64) -> None:
        """Builds the network with fresh weights, drawn as torchvision draws them.

        Args:
            name: resnet18, resnet34 or resnet50.
            classes: Outputs of the classifier.
            input_channels: Channels of an image.
            width: Channels after the first convolution; published weights need 64.

        Raises:
            InputError: There is no network of that name.
        """
        super().__init__()
        if name not in _VARIANTS:
            raise InputError(f"name: expected one of {', '.join(RESNETS)}, found {name!r}")
        block, depths, expansion = _VARIANTS[name]
        self.name = name
        first, second, third, fourth = (width * 2**stage * expansion for stage in range(4))
        self.channels = (first, second, third, fourth)
        self.conv1 = nn.Conv2d(input_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(block, width, width, first, depths[0], stride=1)
        self.layer2 = _stage(block, first, 2 * width, second, depths[1], stride=2)
        self.layer3 = _stage(block, second, 4 * width, third, depths[2], stride=2)
        self.layer4 = _stage(block, third, 8 * width, fourth, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(fourth, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @property
    def layers(self) -> tuple[Step, ...]:
        """The network as a chain of eleven layers, the classifier last.

        Task2Vec's `skip_layers` refers to these indices: 4 to 7 are the stages.
        """
        stem = (self.conv1, self.bn1, self.relu, self.maxpool)
        stages = (self.layer1, self.layer2, self.layer3, self.layer4)
        return (*stem, *stages, self.avgpool, partial(torch.flatten, start_dim=1), self.fc)

    def features(self, pictures: Tensor) -> Stages:
        """The outputs of the four stages, (B, channels[n], S/2^(n+2), S/2^(n+2))."""
        first = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(pictures)))))
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)

    def forward(self, values: Tensor, start_from: int = 0) -> Tensor:
        """Outputs of the classifier, (B, classes).

        Args:
            values: Images, or the outputs of the layers before `start_from`.
            start_from: Index of the first layer to apply.
        """
        for layer in self.layers[start_from:]:
            values = layer(values)
        return values

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Load the weights of the same network, except its classifier.

        Args:
            state: A state dict with torchvision's names, as in timm's and torchvision's checkpoints; a prefix
                that all names share (`module.`, `network.`) is ignored.

        Raises:
            InputError: A weight is missing, unknown or of another shape; the message names it.
        """
        found = _without_prefix(state)
        backbone = {key: value for key, value in self.state_dict().items() if not key.startswith("fc.")}
        for key, value in backbone.items():
            if key not in found:
                if key.endswith("num_batches_tracked"):  # absent in checkpoints of old versions
                    found[key] = value
                    continue
                raise InputError(f"weights: expected {key} of a {self.name}; it is missing")
            if found[key].shape != value.shape:
                shapes = f"expected shape {tuple(value.shape)}, found {tuple(found[key].shape)}"
                raise InputError(f"weights: {key} of a {self.name}: {shapes}")
        unknown = sorted(key for key in found if key not in backbone and not key.startswith("fc."))
        if unknown:
            raise InputError(f"weights: a {self.name} has no {unknown[0]}; is it another network's file?")
        self.load_state_dict({key: found[key] for key in backbone}, strict=False)


def _stage(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, width: int, outputs: int, depth: int, stride: int
) -> nn.Sequential:
    """The first block strides and widens the features."""
    widening = None
    if stride > 1 or inputs != outputs:
        widening = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )
    blocks = [block(inputs, width, stride, widening)]
    blocks += [block(outputs, width) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict without the prefix that precedes `conv1.weight`."""
    starts = [key.removesuffix("conv1.weight") for key in state if key.endswith("conv1.weight")]
    prefix = min(starts, key=len, default="")
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
