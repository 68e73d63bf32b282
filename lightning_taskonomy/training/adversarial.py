"""The adversarial half of a task's loss: a discriminator that tells outputs from labels, given the input.

Conditional, as in pix2pix; it joins after the network has learned from the plain loss alone for a while.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.nn import Discriminator

REAL_LABEL = 0.9
"""What the discriminator should say of true labels: not 1, so that it stays unsure."""


class AdversarialTerm(nn.Module):
    """The discriminator with its two losses.

    Args:
        condition_channels: of the input.
        picture_channels: of outputs and targets.
        norm_share: share of the plain loss in what the network minimises.
        shares: whether outputs are logits and targets shares of classes, as for colorization.
        width: channels of the discriminator's first layer.
    """

    def __init__(
        self, condition_channels: int, picture_channels: int, norm_share: float, shares: bool, width: int
    ) -> None:
        super().__init__()
        self.norm_share, self.shares = norm_share, shares
        self.discriminator = Discriminator(condition_channels, picture_channels, width)

    def network_loss(self, condition: Tensor, output: Tensor, norm_loss: Tensor) -> Tensor:
        """What the task's network minimises: its plain loss, and being taken for true.

        Args:
            condition: the input, (B, C, H, W).
            output: of the network, (B, K, h, w).
            norm_loss: the plain loss, a scalar.
        """
        logits = self.discriminator(condition, self._picture(output)).float()
        fooled = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return self.norm_share * norm_loss + (1 - self.norm_share) * fooled

    def discriminator_loss(self, condition: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """What the discriminator minimises: labels are true to 0.9, outputs false."""
        real = self.discriminator(condition, target.to(output.dtype)).float()
        fake = self.discriminator(condition, self._picture(output.detach())).float()
        return 0.5 * (
            functional.binary_cross_entropy_with_logits(real, torch.full_like(real, REAL_LABEL))
            + functional.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        )

    def _picture(self, output: Tensor) -> Tensor:
        return output.softmax(dim=1) if self.shares else output
