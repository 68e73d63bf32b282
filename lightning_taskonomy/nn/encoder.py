"""The encoder: the same network for every task (paper, section 3.1), laid out like the published weights."""

from collections.abc import Sequence

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.initialise import he_normal

EXPANSION = 4
GROUPS = 8


class Encoder(nn.Module):
    """A ResNet-50 with output stride 16, compressed to a few channels.

    It differs from the usual ResNet-50 in three ways. The stride of a stage is in its last block, whose
    shortcut subsamples. Stages 3 and 4 keep their resolution. The pooling rounds up and does not pad. The
    state dict has the keys of the published weights, which load strictly at the default sizes.

    Shapes: (B, input_channels, S, S) -> (B, channels, S/16, S/16) for S divisible by 16;
    `representation_side` returns the side for any S.
    """

    def __init__(
        self,
        input_channels: int = 3,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        channels: int = 8,
        normalised: bool = False,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            input_channels: Channels of an image: 3 for colour, 1 for lightness.
            width: Channels after the first convolution; stage n has width * 2^(n-1), times 4 between blocks.
            blocks: Bottlenecks in each of the four stages.
            channels: Channels of the representation.
            normalised: Group-normalise the representation (8 groups, no affine weights).

        Raises:
            InputError: There are not four stages, a stage is empty, or 8 groups do not divide the channels.
        """
        super().__init__()
        if len(blocks) != 4 or min(blocks) < 1:
            raise InputError(f"blocks: expected four numbers of at least 1, found {tuple(blocks)}")
        if normalised and channels % GROUPS:
            raise InputError(f"channels: expected a multiple of {GROUPS} when normalised, found {channels}")
        self.input_channels = input_channels
        self.channels = channels
        self.conv1 = nn.Conv2d(input_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.layer1 = _stage(width, width, blocks[0], stride=2)
        self.layer2 = _stage(EXPANSION * width, 2 * width, blocks[1], stride=2)
        self.layer3 = _stage(EXPANSION * 2 * width, 4 * width, blocks[2], stride=1)
        self.layer4 = _stage(EXPANSION * 4 * width, 8 * width, blocks[3], stride=1)
        self.compress1 = nn.Conv2d(EXPANSION * 8 * width, channels, 3, padding=1, bias=False)
        self.compress_bn = nn.BatchNorm2d(channels)
        self.groupnorm = nn.GroupNorm(GROUPS, channels, affine=False) if normalised else nn.Identity()
        he_normal(self)

    @staticmethod
    def representation_side(size: int) -> int:
        """The side of the representation of an image with this side; size/16 if divisible by 16.

        Args:
            size: Side of the image in pixels. Height and width are independent.

        Raises:
            InputError: The image is too small: the representation would be empty.
        """
        if size < 3:
            raise InputError(f"size: expected at least 3 pixels, found {size}")
        convolved = (size + 1) // 2
        pooled = convolved // 2
        for _ in ("layer1", "layer2"):
            pooled = (pooled + 1) // 2
        return pooled

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, input_channels, S, S), scaled to [-1, 1] -> (B, channels, s, s)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        representation: Tensor = self.groupnorm(self.relu(self.compress_bn(self.compress1(features))))
        return representation


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions with a shortcut; the stride is in the 3×3 one."""

    def __init__(self, inputs: int, width: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, EXPANSION * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(EXPANSION * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, 4 * width, ⌈h/stride⌉, ⌈w/stride⌉)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        residual = self.relu(self.bn1(self.conv1(features)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        joined: Tensor = self.relu(self.bn3(self.conv3(residual)) + shortcut)
        return joined


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    """The first block widens the features, the last one strides; a single block does both."""
    outputs = EXPANSION * width
    widening_stride = stride if blocks == 1 else 1
    widening = nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=widening_stride, bias=False), nn.BatchNorm2d(outputs)
    )
    stage = [Bottleneck(inputs, width, widening_stride, widening)]
    stage += [Bottleneck(outputs, width) for _ in range(blocks - 2)]
    if blocks > 1:
        # Pooling with a window of one pixel and a stride subsamples.
        subsampling = nn.Sequential(nn.MaxPool2d(1, stride=stride)) if stride > 1 else None
        stage.append(Bottleneck(outputs, width, stride, subsampling))
    return nn.Sequential(*stage)
