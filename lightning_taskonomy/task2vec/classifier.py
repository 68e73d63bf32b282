"""Fitting last layers: the classifiers of many tasks in one run, each as if it were fitted alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.likelihoods import Gaussian
from lightning_taskonomy.task2vec.observations import Observations
from lightning_taskonomy.task2vec.running import Running, quiet


@dataclass(frozen=True)
class Fitting:
    """How classifiers are fitted; the defaults are the reference's.

    Attributes:
        epochs: Epochs of `draws` samples each.
        draws: Samples per epoch, drawn with replacement; all classes are equally probable.
        batch: Samples per step; an incomplete last batch is dropped.
        rate: Learning rate of Adam.
        decay: Weight decay of Adam.
        from_zero: Whether classifiers start at 0, so that the result does not depend on chance; else random.
        seed: Seed of the draws and of the initial weights.
    """

    epochs: int = 10
    draws: int = 10_000
    batch: int = 64
    rate: float = 4e-4
    decay: float = 1e-4
    from_zero: bool = True
    seed: int = 0


def fit_heads(tasks: Sequence[Observations], fitting: Fitting, running: Running) -> list[Head]:
    """Fit the last layer of each task.

    Tasks with the same kind and number of outputs are fitted side by side; each gets the result that it would
    get alone.

    Args:
        tasks: Training data of each; tasks whose features are the same tensor share its memory.
        fitting: How to fit.
        running: Devices, precision and workers.
    """
    heads: dict[int, Head] = {}
    alike: dict[tuple[object, int, int], list[int]] = {}
    for number, task in enumerate(tasks):
        if isinstance(task.likelihood, Gaussian):
            heads[number] = _least_squares(task)
            continue
        key = (task.likelihood, task.targets.ndim, task.features.shape[1])
        alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        fitted = _fitted([tasks[number] for number in numbers], fitting, running)
        heads.update(zip(numbers, fitted, strict=True))
    return [heads[number] for number in range(len(tasks))]


_RIDGES = tuple(10.0**power for power in range(-6, 5))


def _least_squares(task: Observations) -> Head:
    """A linear layer for real values by ridge regression, and its residual variance.

    The penalty minimises the leave-one-out error. The variance comes from that error too: the training error
    on few images would be 0.
    """
    features, targets = task.features[task.rows].double(), task.targets.double()
    mean, centre = features.mean(dim=0), targets.mean(dim=0)
    left, strengths, right = torch.linalg.svd(features - mean, full_matrices=False)
    projected = left.T @ (targets - centre)
    best = None
    for ridge in _RIDGES:
        kept = strengths.square() / (strengths.square() + ridge * strengths.square().mean().clamp(min=1e-12))
        # Leave-one-out errors in closed form.
        influence = left.square() @ kept + 1 / len(features)
        errors = (targets - centre - left @ (kept[:, None] * projected)) / (1 - influence).clamp(min=1e-6)[
            :, None
        ]
        variance = errors.square().mean(dim=0)
        if best is None or variance.mean() < best[0].mean():
            best = variance, (right.T * (kept / strengths.clamp(min=1e-12))) @ projected
    assert best is not None
    variance, weight = best
    least = 1e-4 * targets.var(dim=0, correction=0) + 1e-12
    bias = centre - mean @ weight
    return Head(weight.T.float(), bias.float(), Gaussian(tuple(torch.maximum(variance, least).tolist())))


def _fitted(tasks: Sequence[Observations], fitting: Fitting, running: Running) -> list[Head]:
    module = _ClassifierFit(tasks, fitting)
    trainer = running.trainer(max_epochs=fitting.epochs, **running.alone)
    with quiet():
        trainer.fit(module, DataLoader(_Epochs(tasks, fitting), batch_size=None))
    weight, bias = module.weight.detach().cpu(), module.bias.detach().cpu()
    likelihoods = [task.likelihood for task in tasks]
    return [Head(w.clone(), b.clone(), kind) for w, b, kind in zip(weight, bias, likelihoods, strict=True)]


class _Epochs(Dataset[Tensor]):
    """An epoch's draws, (steps, tasks, batch): indices of each task's observations."""

    def __init__(self, tasks: Sequence[Observations], fitting: Fitting) -> None:
        self._cumulated = [task.weights.double().cumsum(0).numpy() for task in tasks]
        self._steps, self._batch = max(1, fitting.draws // fitting.batch), fitting.batch
        # Each task draws the same samples as when fitted alone.
        self._generators = [np.random.default_rng(fitting.seed) for _ in tasks]

    def __len__(self) -> int:
        return 1

    def __getitem__(self, place: int) -> Tensor:
        if place:
            raise IndexError(place)
        drawn = [
            np.searchsorted(cumulated, generator.random(self._steps * self._batch) * cumulated[-1], "right")
            for cumulated, generator in zip(self._cumulated, self._generators, strict=True)
        ]
        return torch.from_numpy(np.stack(drawn)).view(len(drawn), self._steps, self._batch).transpose(0, 1)


class _ClassifierFit(LightningModule):
    """Linear layers of several tasks, weights (T, K, D) and biases (T, K)."""

    bank: Tensor
    rows: Tensor
    targets: Tensor
    first: Tensor
    of_bank: Tensor

    def __init__(self, tasks: Sequence[Observations], fitting: Fitting) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._fitting, self._likelihood = fitting, tasks[0].likelihood
        banks = {task.features.data_ptr(): task.features for task in tasks}
        starts = dict(zip(banks, np.cumsum([0, *map(len, banks.values())]).tolist(), strict=False))
        rows = [task.rows + starts[task.features.data_ptr()] for task in tasks]
        counts = torch.tensor([len(task.rows) for task in tasks])
        for name, values in (
            ("bank", torch.cat(list(banks.values()))),
            ("rows", torch.cat(rows)),
            ("targets", torch.cat([task.targets for task in tasks])),
            ("first", counts.cumsum(0) - counts),
        ):
            self.register_buffer(name, values, persistent=False)
        outputs, dimension = tasks[0].outputs, tasks[0].features.shape[1]
        self.weight = nn.Parameter(torch.zeros(len(tasks), outputs, dimension))
        self.bias = nn.Parameter(torch.zeros(len(tasks), outputs))
        if not fitting.from_zero:
            self._draw_start(dimension, outputs)
        self._counting = len(banks) == 1 and len(self.bank) <= _FEW * len(tasks) * fitting.batch
        self._counting &= all(len(task.rows.unique()) == len(task.rows) for task in tasks)  # type: ignore[no-untyped-call]
        if self._counting:
            self.register_buffer("of_bank", _by_row(tasks, len(self.bank)), persistent=False)

    def training_step(self, drawn: Tensor, batch_idx: int) -> None:
        """All steps of an epoch: Lightning's own loop would take longer than the steps themselves."""
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        losses = self._counted_losses if self._counting else self._losses
        for rows in drawn:
            optimizer.zero_grad()
            # A sum over tasks: each gets the same gradient as when fitted alone.
            self.manual_backward(losses(self.first[:, None] + rows).sum())
            optimizer.optimizer.step()

    def _losses(self, picked: Tensor) -> Tensor:
        """The mean loss of each task's batch, (T,)."""
        features, targets = self.bank[self.rows[picked]], self.targets[picked]
        outputs = torch.baddbmm(self.bias.unsqueeze(1), features, self.weight.transpose(1, 2))
        losses = self._likelihood.negative_log(
            outputs.flatten(0, 1).unsqueeze(2), targets.flatten(0, 1).unsqueeze(-1)
        )
        return losses.view(len(self.weight), -1).mean(dim=1)

    def _counted_losses(self, picked: Tensor) -> Tensor:
        """The same where many tasks share few images: each is evaluated once and weighted by its draws."""
        tasks, size = len(self.weight), len(self.bank)
        slots = self.rows[picked] + size * torch.arange(tasks, device=picked.device)[:, None]
        counts = torch.bincount(slots.flatten(), minlength=tasks * size).view(tasks, size)
        outputs = (self.weight.flatten(0, 1) @ self.bank.T).view(tasks, -1, size) + self.bias.unsqueeze(2)
        losses = self._likelihood.negative_log(outputs, self.of_bank)
        return (losses * counts).sum(dim=1) / picked.shape[1]

    def configure_optimizers(self) -> Adam:
        """Adam, which updates each task's weights independently of the others'."""
        return Adam(self.parameters(), self._fitting.rate, weight_decay=self._fitting.decay)

    @torch.no_grad()
    def _draw_start(self, dimension: int, outputs: int) -> None:
        for weight, bias in zip(self.weight, self.bias, strict=True):
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(self._fitting.seed)
                layer = nn.Linear(dimension, outputs)
            weight.copy_(layer.weight)
            bias.copy_(layer.bias)


_FEW = 0.5
"""Feature rows per drawn sample below which evaluating every row once is faster."""


def _by_row(tasks: Sequence[Observations], size: int) -> Tensor:
    """Targets of every task for every row of the features, (T, N) or (T, K, N); 0 where a task has none."""
    first = tasks[0].targets
    table = torch.zeros(len(tasks), size, *first.shape[1:], dtype=first.dtype)
    for number, task in enumerate(tasks):
        table[number, task.rows] = task.targets
    return table if first.ndim == 1 else table.transpose(1, 2)
