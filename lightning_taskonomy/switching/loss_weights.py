"""How much each task's loss counts: by fixed weights, by its uncertainty, or by its gradient's size."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Weighting = Literal["fixed", "uncertainty", "gradnorm"]
RATE, PULL = 0.025, 1.5


class LossWeights(nn.Module):
    """The sum of the losses of some tasks.

    `fixed`: each times its weight. `uncertainty` (Kendall et al., 2018): each times its weight and e^(−s),
    plus s, s being learned. `gradnorm` (Chen et al., 2018): each times a weight that is learned so that
    gradients at the last shared layer are of one size, larger for tasks whose loss has fallen less; weights
    keep their sum.

    Args:
        fixed: a weight for each task.
        weighting: which way.
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
        """One number to minimise, of the losses of some tasks by their numbers."""
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
            losses: of the tasks, without any weight.
            sizes: of their gradients at the last shared weight, with the fixed weights alone.
        """
        tasks = torch.tensor(list(losses), device=self.learned.device)
        now = torch.stack([loss.detach().float() for loss in losses.values()])
        gradients = torch.stack([sizes[task].float() for task in losses])
        self.first[tasks] = torch.where(self.first[tasks].isnan(), now, self.first[tasks])
        left = now / self.first[tasks].clamp(min=1e-12)
        weighted = self.learned[tasks] * gradients
        wanted = weighted.mean() * (left / left.mean().clamp(min=1e-12)) ** PULL
        # |w·g − wanted| has the slope ±g in w.
        slope = torch.sign(weighted - wanted) * gradients / gradients.mean().clamp(min=1e-12)
        moved = (self.learned[tasks] - RATE * slope).clamp(min=1e-3)
        self.learned[tasks] = moved * self.learned[tasks].sum() / moved.sum()
