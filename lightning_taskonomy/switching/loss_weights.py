"""Weights of the tasks' losses: fixed, by uncertainty, or by gradient norm."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Weighting = Literal["fixed", "uncertainty", "gradnorm"]
RATE, PULL = 0.025, 1.5


class LossWeights(nn.Module):
    """The weighted sum of the losses of several tasks.

    `fixed`: each times its weight. `uncertainty` (Kendall et al., 2018): each times its weight and e^(−s),
    plus a learned s. `gradnorm` (Chen et al., 2018): each also times a learned weight that balances the
    gradient norms at the last shared layer, with larger norms for tasks whose loss has fallen less; the
    learned weights keep their sum.

    Args:
        fixed: a weight for each task.
        weighting: the method.
    """

    fixed: Tensor
    learned: Tensor
    first: Tensor

    def __init__(self, fixed: Sequence[float], weighting: Weighting) -> None:
        super().__init__()
        self.weighting = weighting
        self.register_buffer("fixed", torch.tensor(fixed), persistent=False)
        if weighting == "uncertainty":
            self.log_variances = nn.Parameter(torch.zeros(len(fixed)))
        if weighting == "gradnorm":
            self.register_buffer("learned", torch.ones(len(fixed)))
            self.register_buffer("first", torch.full((len(fixed),), torch.nan))

    def forward(self, losses: dict[int, Tensor]) -> Tensor:
        """The scalar to minimise, from losses by task index; some tasks may be missing."""
        weighted = [self.fixed[task] * loss for task, loss in losses.items()]
        if self.weighting == "fixed":
            return torch.stack(weighted).sum()
        tasks = torch.tensor(list(losses), device=self.fixed.device)
        if self.weighting == "gradnorm":
            return (self.learned[tasks] * torch.stack(weighted)).sum()
        spread = self.log_variances[tasks]
        return ((-spread).exp() * torch.stack(weighted) + spread).sum()

    @torch.no_grad()
    def balance(self, losses: dict[int, Tensor], sizes: dict[int, Tensor]) -> None:
        """A step of GradNorm.

        Args:
            losses: of the tasks, unweighted.
            sizes: norms of their gradients at the last shared weight, with the fixed weights alone.
        """
        tasks = torch.tensor(list(losses), device=self.learned.device)
        now = torch.stack([loss.detach().float() for loss in losses.values()])
        norms = torch.stack([sizes[task].float() for task in losses])
        self.first[tasks] = torch.where(self.first[tasks].isnan(), now, self.first[tasks])
        remaining = now / self.first[tasks].clamp(min=1e-12)
        weighted = self.learned[tasks] * norms
        wanted = weighted.mean() * (remaining / remaining.mean().clamp(min=1e-12)) ** PULL
        # The gradient of |w·g − wanted| in w is ±g.
        gradient = torch.sign(weighted - wanted) * norms / norms.mean().clamp(min=1e-12)
        updated = (self.learned[tasks] - RATE * gradient).clamp(min=1e-3)
        self.learned[tasks] = updated * self.learned[tasks].sum() / updated.sum()
