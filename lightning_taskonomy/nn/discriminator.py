"""The adversarial loss's judge: does a picture belong to its input, patch by patch (Isola et al., 2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.nn.initialise import he_normal

LEAK = 0.2


class Discriminator(nn.Module):
    """The conditional patch discriminator of pix2pix, with the kernels of the paper's released code.

    Five convolutions: three 5×5 ones of stride 2 to 1, 2 and 4 times `width` channels, a 4×4 one to 8 times
    `width`, and a 4×4 one to the logits. Nothing is lost at the border. Batch normalisation after the middle
    three, leaky ReLU (0.2) after the first four. A logit sees 77×77 pixels.

    Shapes: condition (B, condition_channels, S, S) and picture (B, picture_channels, T, T), T at most S
    -> (B, 1, ⌈T/8⌉, ⌈T/8⌉).
    """

    def __init__(self, condition_channels: int = 3, picture_channels: int = 3, width: int = 64) -> None:
        """Builds the network with fresh weights.

        Args:
            condition_channels: Channels of what the decoder's network saw.
            picture_channels: Channels of the label or of the decoder's output.
            width: Channels of the first layer.
        """
        super().__init__()
        last = nn.Conv2d(8 * width, 1, 4)
        # Padding by one more at the bottom and right keeps the size under an even kernel.
        keep_size = (1, 2, 1, 2)
        self.layers = nn.Sequential(
            nn.Conv2d(condition_channels + picture_channels, width, 5, stride=2, padding=2),
            nn.LeakyReLU(LEAK, inplace=True),
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            nn.Conv2d(2 * width, 4 * width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            nn.ZeroPad2d(keep_size),
            nn.Conv2d(4 * width, 8 * width, 4, bias=False),
            nn.BatchNorm2d(8 * width),
            nn.LeakyReLU(LEAK, inplace=True),
            nn.ZeroPad2d(keep_size),
            last,
        )
        he_normal(self, LEAK, last)

    def forward(self, condition: Tensor, picture: Tensor) -> Tensor:
        """Logits per patch: above 0 where the picture looks like a true label of the condition.

        Args:
            condition: What the decoder's network saw, (B, condition_channels, S, S); averaged over areas
                where the picture is smaller.
            picture: The label or the decoder's output, (B, picture_channels, T, T).

        Raises:
            InputError: The picture is larger than the condition.
        """
        if picture.shape[-2] > condition.shape[-2] or picture.shape[-1] > condition.shape[-1]:
            sizes = f"at most {tuple(condition.shape[-2:])}, found {tuple(picture.shape[-2:])}"
            raise InputError(f"picture of the discriminator: expected {sizes}")
        if picture.shape[-2:] != condition.shape[-2:]:
            condition = functional.adaptive_avg_pool2d(condition, (picture.shape[-2], picture.shape[-1]))
        logits: Tensor = self.layers(torch.cat([condition, picture], dim=1))
        return logits
