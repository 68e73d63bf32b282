"""The adversarial half of a task's loss: a discriminator that tells outputs from labels, given the input.

It is conditional, as in pix2pix, and joins after the network has trained on the plain loss alone for a while.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.nn import Discriminator

REAL_LABEL = 0.9
"""The discriminator's target for true labels: below 1 as one-sided label smoothing."""
SHARPNESS = 2.606
"""Factor on the colour logits before their mean is taken; it draws the mean to the likeliest colour."""
_NOISE_DECAY = 0.2 / 1000
"""Decay per step of the noise on labels and outputs, which falls as 1/(1 + 0.2 · step/1000)."""


class AdversarialTerm(nn.Module):
    """The discriminator with its two losses.

    Args:
        condition_channels: of the input.
        picture_channels: of outputs and targets.
        norm_share: weight of the plain loss in the network's total loss, from 0 to 1.
        shares: whether outputs are logits and targets class probabilities, as for colorization.
        width: channels of the discriminator's first layer.
        instance_noise: standard deviation, at the first step, of the noise that hides tiny numerical
            differences between labels and outputs from the discriminator.
        palette: colour of each class, (classes, channels). The discriminator then judges the mean colour of
            the class probabilities, at the size of the input; by default it judges the probabilities.
    """

    palette: Tensor | None

    def __init__(
        self,
        condition_channels: int,
        picture_channels: int,
        norm_share: float,
        shares: bool,
        width: int,
        instance_noise: float = 0.1,
        palette: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.norm_share, self.shares, self.instance_noise = norm_share, shares, instance_noise
        self.register_buffer("palette", palette, persistent=False)
        judged = picture_channels if palette is None else palette.shape[1]
        self.discriminator = Discriminator(condition_channels, judged, width)
        self._deviation, self._seed = 0.0, 0

    def set_noise(self, step: int, seed: int) -> None:
        """Set the noise until the next call; before the first call there is none.

        Args:
            step: training steps so far.
            seed: of the noise, which is the same for both losses.
        """
        self._deviation, self._seed = self.instance_noise / (1 + _NOISE_DECAY * step), seed

    def network_loss(self, condition: Tensor, output: Tensor, norm_loss: Tensor) -> Tensor:
        """The network's loss: its plain loss, and the term for fooling the discriminator.

        Args:
            condition: the input, (B, C, H, W).
            output: of the network, (B, K, h, w).
            norm_loss: the plain loss, a scalar.
        """
        logits = self._judged(condition, self._picture(output), 0)
        fooled = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return self.norm_share * norm_loss + (1 - self.norm_share) * fooled

    def discriminator_loss(self, condition: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """The discriminator's loss: its target is 0.9 for labels and 0 for outputs."""
        real = self._judged(condition, self._coloured(target.to(output.dtype)), 1)
        fake = self._judged(condition, self._picture(output.detach()), 0)
        return 0.5 * (
            functional.binary_cross_entropy_with_logits(real, torch.full_like(real, REAL_LABEL))
            + functional.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        )

    def _judged(self, condition: Tensor, picture: Tensor, real: int) -> Tensor:
        if self.palette is not None:
            picture = functional.interpolate(picture, condition.shape[-2:], mode="nearest")
        if self._deviation > 0:
            generator = torch.Generator(picture.device).manual_seed(2 * self._seed + real)
            noise = torch.empty_like(picture).normal_(0, self._deviation, generator=generator)
            picture = picture + noise
        logits: Tensor = self.discriminator(condition, picture)
        return logits.float()

    def _picture(self, output: Tensor) -> Tensor:
        if not self.shares:
            return output
        return self._coloured((output if self.palette is None else SHARPNESS * output).softmax(dim=1))

    def _coloured(self, shares: Tensor) -> Tensor:
        if self.palette is None:
            return shares
        return torch.einsum("bkhw,kc->bchw", shares, self.palette.to(shares.dtype))
