"""The discriminator of the adversarial loss: real or not, per patch, given the input (Isola et al., 2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.initialise import he_normal

LEAK = 0.2


class Discriminator(nn.Module):
    """The conditional patch discriminator of pix2pix, with the kernels and strides of the released networks.

    Five convolutions with "same" padding: three 5×5 ones of stride 4 to 1, 2 and 4 times `width` channels, a
    4×4 one to 8 times `width`, and a 4×4 one to the logits. Batch normalisation follows the middle three,
    leaky ReLU (0.2) the first four. The receptive field of a logit is 469×469 pixels: all of a 256×256 image,
    which has 4×4 logits.

    Shapes: condition (B, condition_channels, S, S) and picture (B, picture_channels, T, T), T at most S
    -> (B, 1, ⌈T/64⌉, ⌈T/64⌉).
    """

    def __init__(self, condition_channels: int = 3, picture_channels: int = 3, width: int = 64) -> None:
        """Builds the network with fresh weights.

        Args:
            condition_channels: Channels of the network's input.
            picture_channels: Channels of the label or of the decoder's output.
            width: Channels of the first layer.
        """
        super().__init__()
        last = SameConv2d(8 * width, 1, 4)
        self.layers = nn.Sequential(
            SameConv2d(condition_channels + picture_channels, width, 5, stride=4),
            nn.LeakyReLU(LEAK, inplace=True),
            SameConv2d(width, 2 * width, 5, stride=4, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            SameConv2d(2 * width, 4 * width, 5, stride=4, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            SameConv2d(4 * width, 8 * width, 4, bias=False),
            nn.BatchNorm2d(8 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            last,
        )
        he_normal(self, LEAK, last)

    def forward(self, condition: Tensor, picture: Tensor) -> Tensor:
        """Logits per patch: above 0 where the image looks like a true label of the condition.

        Args:
            condition: The network's input, (B, condition_channels, S, S); average-pooled to the image's size
                if that is smaller.
            picture: The label or the decoder's output, (B, picture_channels, T, T).

        Raises:
            InputError: The image is larger than the condition.
        """
        if picture.shape[-2] > condition.shape[-2] or picture.shape[-1] > condition.shape[-1]:
            sizes = f"at most {tuple(condition.shape[-2:])}, found {tuple(picture.shape[-2:])}"
            raise InputError(f"picture of the discriminator: expected {sizes}")
        if picture.shape[-2:] != condition.shape[-2:]:
            condition = functional.adaptive_avg_pool2d(condition, (picture.shape[-2], picture.shape[-1]))
        logits: Tensor = self.layers(torch.cat([condition, picture], dim=1))
        return logits


class SameConv2d(nn.Conv2d):
    """A convolution with ⌈side/stride⌉ outputs per side; an odd zero of the padding goes bottom and right."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, out_channels, ⌈h/stride⌉, ⌈w/stride⌉)."""
        zeros: list[int] = []
        for axis in (1, 0):
            side, kernel, stride = features.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            zeros += [missing // 2, missing - missing // 2]
        output: Tensor = super().forward(functional.pad(features, zeros))
        return output
