"""The encoder of the switching networks: a ResNet without classifier, with features at five resolutions."""

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.resnet import ResNet
from lightning_taskonomy.nn.switching.decoder import Features

_SMALLEST_SIDE = 33
"""In pixels; the coarsest stage needs more than one pixel for instance normalisation."""


class StageEncoder(ResNet):
    """A ResNet-18, 34 or 50 with torchvision's names, without average pooling and classifier.

    Shapes: (B, 3, H, W) -> `Features` at 1/2, 1/4, … 1/32 of the resolution.

    Attributes:
        stages: Channels of the five stages, from fine to coarse.
    """

    def __init__(self, backbone: str = "resnet18", width: int = 64) -> None:
        """Builds the encoder with fresh weights.

        Args:
            backbone: resnet18, resnet34 or resnet50.
            width: Channels after the first convolution; published weights need 64.

        Raises:
            InputError: There is no such backbone.
        """
        super().__init__(backbone, classes=1, width=width)
        self.fc = nn.Identity()  # type: ignore[assignment]
        self.stages = (width, *self.channels)

    def read(self, pictures: Tensor) -> Features:
        """The features of images (B, 3, H, W).

        Raises:
            InputError: The images are smaller than 33 pixels on both sides.
        """
        height, width = pictures.shape[2:]
        if max(height, width) < _SMALLEST_SIDE:
            raise InputError(
                f"size: expected images of at least {_SMALLEST_SIDE} pixels, found {height}×{width}"
            )
        finest = self.relu(self.bn1(self.conv1(pictures)))
        second = self.layer1(self.maxpool(finest))
        third = self.layer2(second)
        fourth = self.layer3(third)
        return Features((finest, second, third, fourth, self.layer4(fourth)), (height, width))
