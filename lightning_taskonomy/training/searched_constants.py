"""Best constant outputs found by numerical search: for embeddings, and for arbitrary losses."""

from collections.abc import Callable, Iterator

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from lightning_taskonomy.tasks.losses import PerImageLoss, PixelPairs
from lightning_taskonomy.training.best_constants import MeanFit, Ranks, kept

_IMAGES_AT_ONCE = 32
_TOLERANCE = 0.02
"""Of the exponent of 2 that is searched for: scales within 1.4 %."""


class Kept:
    """Targets and masks, kept for repeated passes."""

    def __init__(self) -> None:
        self._targets: list[Tensor] = []
        self._masks: list[Tensor | None] = []

    def add(self, target: Tensor, mask: Tensor | None) -> None:
        """Add a batch of any shape."""
        for start in range(0, len(target), _IMAGES_AT_ONCE):
            chosen = slice(start, start + _IMAGES_AT_ONCE)
            self._targets.append(kept(target[chosen], halved=target.ndim > 2))
            self._masks.append(None if mask is None else mask[chosen].bool().cpu())

    def __len__(self) -> int:
        return len(self._targets)

    def batch(self, number: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """The targets and mask of one stored batch, on a device."""
        target, mask = self._targets[number].to(device), self._masks[number]
        return target.float() if target.is_floating_point() else target, None if mask is None else mask.to(
            device
        )

    def batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor | None]]:
        """All stored batches in turn."""
        return (self.batch(number, device) for number in range(len(self)))


class PlacesFit(Kept):
    """Embeddings s·(x, y, 0, …) for `PixelPairs` with the s of least loss: nearby pixels belong together.

    Args:
        loss: with fixed pixels.
        shape: of an output, (D, H, W).
        device: for the search.
    """

    def __init__(self, loss: PixelPairs, shape: tuple[int, ...], device: torch.device) -> None:
        super().__init__()
        self.loss, self.shape, self.device = loss, shape, device

    def best(self, ranks: Ranks) -> Tensor:
        """The embeddings; x and y run from −1 to 1."""
        _, height, width = self.shape
        x = torch.linspace(-1, 1, width).expand(height, width)
        y = torch.linspace(-1, 1, height).unsqueeze(1).expand(height, width)
        places = torch.stack([x, y])[: self.shape[0]].to(self.device)

        def mean_loss(octave: float) -> float:
            sums = torch.zeros(2, dtype=torch.float64)
            for target, mask in self.batches(self.device):
                # Channels that are 0 do not change distances, and are left out.
                output = (places * 2**octave).expand(len(target), *places.shape)
                losses = self.loss(output, target, mask)
                sums += torch.tensor([float(losses.double().sum()), float(len(losses))])
            total, images = ranks.total(sums)
            return float(total / images.clamp(min=1))

        embeddings = torch.zeros(self.shape)
        embeddings[: len(places)] = places.cpu() * 2 ** _lowest(mean_loss, -1, 8)
        return embeddings


def _lowest(function: Callable[[float], float], first: int, last: int) -> float:
    """The minimiser of a function: the best integer, refined by Brent's method."""
    values = {number: function(number) for number in range(first, last + 1)}
    best = min(values, key=lambda number: values[number])
    refined = minimize_scalar(
        function, bounds=(best - 1, best + 1), method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(refined.x) if refined.fun < values[best] else float(best)


class DescentFit(Kept):
    """A parameter of the output's shape, fitted by Adam, for any differentiable loss.

    Args:
        loss: any that is differentiable.
        shape: of an output.
        device: for the descent.
        steps: of Adam, each on one batch of kept targets; the same number on every rank.
    """

    def __init__(
        self, loss: PerImageLoss, shape: tuple[int, ...], device: torch.device, steps: int = 600
    ) -> None:
        super().__init__()
        self.loss, self.shape, self.device, self.steps = loss, shape, device, steps

    def best(self, ranks: Ranks) -> Tensor:
        """The fitted parameter."""
        guess = torch.nn.Parameter(self._mean(ranks).to(self.device))
        adam = torch.optim.Adam([guess], lr=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.steps)
        for step in range(self.steps):
            gradient = torch.zeros_like(guess)
            if len(self):
                target, mask = self.batch(step % len(self), self.device)
                with torch.enable_grad():
                    loss = self.loss(guess.expand(len(target), *self.shape), target, mask)
                    # Not the mean: a short batch must not weigh as much as a full one.
                    loss = loss.sum() / _IMAGES_AT_ONCE
                (gradient,) = torch.autograd.grad(loss, [guess])
            guess.grad = ranks.total(gradient).to(self.device)
            adam.step()
            schedule.step()
        return guess.detach().cpu()

    def _mean(self, ranks: Ranks) -> Tensor:
        """The starting point: the mean if targets have the outputs' shape and are floats, else 0."""
        mean = MeanFit(self.shape)
        for target, mask in self.batches(torch.device("cpu")):
            if target.is_floating_point() and target.shape[1:] == self.shape:
                mean.add(target, mask)
        return mean.best(ranks)
