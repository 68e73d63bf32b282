"""Likelihoods: probability models of a task's labels given its outputs, and their Fisher information.

Outputs are (B, K, P): K values at each of P places, with P = 1 for a label per image. The Fisher information
of the outputs at one place is Σ r rᵀ over a few vectors r, the `roots`. It equals the expectation of s sᵀ,
with s the `score`, over labels drawn from the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Likelihood(Protocol):
    """A probability model of labels, given outputs."""

    @property
    def roots_per_place(self) -> int:
        """Number of roots."""

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """−log p(target | output) at every place, (B, P), up to a constant."""

    def roots(self, outputs: Tensor) -> Iterator[Tensor]:
        """Vectors, (B, K, P) each, whose outer products sum to the Fisher information."""

    def score(self, outputs: Tensor, chances: Tensor) -> Tensor:
        """The gradient of −log p(y | output) for y drawn from the model, (B, K, P).

        The draw is determined by `chances`, uniform values between 0 and 1 of the outputs' shape.
        """


@dataclass(frozen=True)
class Categorical:
    """One of K classes; targets are class indices (B, P), or class probabilities (B, K, P).

    Attributes:
        classes: K.
    """

    classes: int

    @property
    def roots_per_place(self) -> int:
        """One less than classes: probabilities sum to 1."""
        return self.classes - 1

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        logs = outputs.float().log_softmax(dim=1)
        if targets.is_floating_point():
            return -(targets * logs).sum(dim=1)
        return -logs.gather(1, targets.unsqueeze(1)).squeeze(1)

    def roots(self, outputs: Tensor) -> Iterator[Tensor]:
        """Columns of the Cholesky factor of diag(p) − p pᵀ, in closed form.

        With q_j = Σ_{k>j} p_k, column j has √(p_j q_j / q_{j−1}) at j, and −p_i √(p_j / (q_{j−1} q_j)) below.
        """
        p = outputs.float().softmax(dim=1)
        tail = p.flip(1).cumsum(1).flip(1)  # q_{j-1} at index j
        for j in range(self.classes - 1):
            before, after = tail[:, j], tail[:, j + 1]
            root = torch.zeros_like(p)
            root[:, j] = (p[:, j] * after / before.clamp(min=_TINY)).sqrt()
            ratio = (p[:, j] / before.clamp(min=_TINY)).sqrt()
            root[:, j + 1 :] = -p[:, j + 1 :] * (ratio / after.clamp(min=_TINY).sqrt()).unsqueeze(1)
            yield root

    def score(self, outputs: Tensor, chances: Tensor) -> Tensor:
        """Probabilities, minus 1 at the drawn class."""
        p = outputs.float().softmax(dim=1)
        up_to = p.cumsum(dim=1)
        drawn = (up_to[:, :-1] <= chances[:, :1] * up_to[:, -1:]).sum(dim=1, keepdim=True)
        return p.scatter_add(1, drawn, p.new_full(drawn.shape, -1.0))


@dataclass(frozen=True)
class Bernoulli:
    """K labels, each present or absent (several may be); targets are 0 or 1, (B, K, P).

    Attributes:
        labels: K.
    """

    labels: int

    @property
    def roots_per_place(self) -> int:
        """One per label."""
        return self.labels

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy, summed over the labels."""
        loss = functional.binary_cross_entropy_with_logits(outputs.float(), targets.float(), reduction="none")
        return loss.sum(dim=1)

    def roots(self, outputs: Tensor) -> Iterator[Tensor]:
        """√(p (1 − p)) for each label separately."""
        p = outputs.float().sigmoid()
        deviation = (p * (1 - p)).sqrt()
        for j in range(self.labels):
            root = torch.zeros_like(p)
            root[:, j] = deviation[:, j]
            yield root

    def score(self, outputs: Tensor, chances: Tensor) -> Tensor:
        """Probabilities, minus 1 where the drawn label is present."""
        p = outputs.float().sigmoid()
        return p - (chances < p).to(p.dtype)


@dataclass(frozen=True)
class Gaussian:
    """K values with independent normal errors; targets are (B, K, P).

    Attributes:
        variance: Error variance of each value: the mean squared error after the last layer is fitted.
    """

    variance: tuple[float, ...]

    @property
    def roots_per_place(self) -> int:
        """One per value."""
        return len(self.variance)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the squared error in units of the variance, summed over the values."""
        squared = (outputs.float() - targets).square() / self._per_number(outputs).square()
        return squared.sum(dim=1) / 2

    def roots(self, outputs: Tensor) -> Iterator[Tensor]:
        """1/σ for each value separately."""
        inverse = 1 / self._per_number(outputs)
        for j in range(len(self.variance)):
            root = torch.zeros_like(outputs, dtype=torch.float32)
            root[:, j] = inverse[:, j]
            yield root

    def score(self, outputs: Tensor, chances: Tensor) -> Tensor:
        """−ε/σ with ε drawn from the standard normal distribution."""
        drawn: Tensor = torch.special.ndtri(chances.float().clamp(_LEAST_CHANCE, 1 - _LEAST_CHANCE))
        return -drawn / self._per_number(outputs)

    def _per_number(self, outputs: Tensor) -> Tensor:
        """Standard deviations, (1, K, 1)."""
        return torch.tensor(self.variance, device=outputs.device).sqrt()[None, :, None]


_TINY = 1e-30
_LEAST_CHANCE = 1e-7
