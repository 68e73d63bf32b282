"""The adversarial half of a task's loss: a discriminator that tells outputs from labels, given the input.

Conditional, as in pix2pix; it joins after the network has learned from the plain loss alone for a while.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.nn import Discriminator

REAL_LABEL = 0.9
"""What the discriminator should say of true labels: not 1, so that it stays unsure."""
SHARPNESS = 2.606
"""What the logits of colours are multiplied by before their mean: nearer to the likeliest colour."""
_NOISE_DECAY = 0.2 / 1000
"""Per step, of the noise on labels and outputs: it falls as 1/(1 + 0.2 · step/1000)."""


class AdversarialTerm(nn.Module):
    """The discriminator with its two losses.

    Args:
        condition_channels: of the input.
        picture_channels: of outputs and targets.
        norm_share: share of the plain loss in what the network minimises.
        shares: whether outputs are logits and targets shares of classes, as for colorization.
        width: channels of the discriminator's first layer.
        instance_noise: standard deviation, at the first step, of the noise that hides from the discriminator
            how labels and outputs differ in the last digits.
        palette: what the classes look like, (classes, channels): of shares the discriminator judges the mean
            colours, at the size of the input; by default the shares themselves.
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
        """What the noise is until this is called again; without a call there is none.

        Args:
            step: how many the network has learned from.
            seed: of the noise, which is the same for both losses.
        """
        self._deviation, self._seed = self.instance_noise / (1 + _NOISE_DECAY * step), seed

    def network_loss(self, condition: Tensor, output: Tensor, norm_loss: Tensor) -> Tensor:
        """What the task's network minimises: its plain loss, and being taken for true.

        Args:
            condition: the input, (B, C, H, W).
            output: of the network, (B, K, h, w).
            norm_loss: the plain loss, a scalar.
        """
        logits = self._judged(condition, self._picture(output), 0)
        fooled = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return self.norm_share * norm_loss + (1 - self.norm_share) * fooled

    def discriminator_loss(self, condition: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """What the discriminator minimises: labels are true to 0.9, outputs false."""
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
