"""The diagonal of the Fisher information by per-sample gradients: exact, or with labels drawn from the model.

F = E_x E_{y ~ p(y|x)} [∇ log p(y|x)²], averaged over the weights of each filter (Achille et al., 2019,
section 3.1). Both methods sum squared gradients of ⟨features, cotangent⟩. Tasks on the same images share the
forward pass, and in one backward pass each image of a batch may serve a different task.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import leave_signals_to_parent
from lightning_taskonomy.task2vec.features import Features
from lightning_taskonomy.task2vec.filter_gradients import ByPatches, UnsuitedError, suits
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.running import Running, quiet
from lightning_taskonomy.task2vec.squared_gradients import ByTransforms, SquaredGradients

MOST_ROOTS = 4096
"""Maximum backward passes per batch for the exact information of a dense task."""


@dataclass(frozen=True)
class Share:
    """One task's part in a pass over the images.

    Attributes:
        name: Name of the task.
        head: Its last layer.
        weights: Weight of each image, (N,), 0 for images of other tasks; they sum to 1.
        counted: Places with known labels, (N, P); the places of an image share its weight equally.
    """

    name: str
    head: Head
    weights: Tensor
    counted: Tensor

    def own_numbers(self) -> Tensor:
        """For each of the task's images, how many of the task's images precede it, (N,)."""
        return (self.weights > 0).cumsum(0) - 1


@dataclass(frozen=True)
class Expectation:
    """How the expectation over labels is taken.

    Attributes:
        method: All labels, weighted by their probability; or labels drawn from the model.
        draws: Labels drawn per image.
        seed: Seed of the draws.
    """

    method: Literal["exact", "montecarlo"] = "exact"
    draws: int = 1
    seed: int = 0

    def passes(self, share: Share) -> int:
        """Number of cotangents per image.

        Raises:
            InputError: it exceeds `MOST_ROOTS`.
        """
        if self.method == "montecarlo":
            return self.draws
        roots = share.head.likelihood.roots_per_place * share.counted.shape[1]
        if roots > MOST_ROOTS:
            raise InputError(
                f"method: exact would take {roots} backward passes per batch for the task {share.name}; "
                "expected montecarlo"
            )
        return roots

    def cotangents(self, share: Share, outputs: Tensor, places: Tensor) -> Iterator[Tensor]:
        """Vectors (B, K, P) whose outer products sum to the information, in expectation.

        Args:
            share: The task.
            outputs: Outputs of its last layer, (B, K, P).
            places: Indices of the images among all, (B,). The labels drawn for an image depend neither on its
                batch or device nor on the other tasks.
        """
        likelihood = share.head.likelihood
        if self.method == "montecarlo":
            numbers = share.own_numbers()[places].tolist()
            for draw in range(self.draws):
                chances = torch.stack([self._chances(number, draw, outputs.shape[1:]) for number in numbers])
                yield likelihood.score(outputs, chances.to(outputs.device)) / math.sqrt(self.draws)
            return
        for root in likelihood.roots(outputs):
            for place in range(root.shape[2]):
                alone = torch.zeros_like(root)
                alone[..., place] = root[..., place]
                yield alone

    def _chances(self, number: int, draw: int, shape: torch.Size) -> Tensor:
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, draw, number]))
        return torch.from_numpy(generator.random(tuple(shape), dtype=np.float32))


def fisher(
    features: Features,
    values: Dataset[tuple[int, Tensor]],
    shares: Sequence[Share],
    expectation: Expectation,
    running: Running,
    norms: bool = False,
    batch: int = 64,
    by_transforms: bool = False,
) -> Tensor:
    """The information of every filter for each task, (tasks, filters).

    Args:
        features: The probe below the classifier; not changed.
        values: Images, or the skipped layers' activations, each with its index.
        shares: The tasks.
        expectation: How to average over labels.
        running: Devices, precision and workers.
        norms: Whether scales of normalisation layers count.
        batch: Images at a time.
        by_transforms: Use `torch.func` even where patches would work.

    Raises:
        InputError: exact information would take too many passes.
    """
    passes = [expectation.passes(share) * float((share.weights > 0).float().mean()) for share in shares]
    gradients = _gradients(features, norms, max(1, math.ceil(sum(passes))), by_transforms)
    loader = DataLoader(
        values, batch_size=batch, num_workers=running.workers, worker_init_fn=leave_signals_to_parent
    )

    def summed(gradients: SquaredGradients) -> Tensor:
        module = _FisherPass(features, gradients, shares, expectation)
        with quiet():
            running.trainer(inference_mode=False).predict(module, loader, return_predictions=False)
        return module.sums

    try:
        return summed(gradients)
    except UnsuitedError:  # only the general method works
        return summed(_gradients(features, norms, 1, by_transforms=True))


def _gradients(features: Features, norms: bool, passes: int, by_transforms: bool) -> SquaredGradients:
    filters = features.filters(norms)
    features.eval()
    if by_transforms or not all(suits(each) for each in filters.values()):
        return ByTransforms(features, filters)
    return ByPatches(features, filters, passes)


class _FisherPass(LightningModule):
    """One pass over the images, batch by batch.

    Attributes:
        sums: (tasks, filters), in double precision on the CPU.
    """

    def __init__(
        self,
        features: Features,
        gradients: SquaredGradients,
        shares: Sequence[Share],
        expectation: Expectation,
    ) -> None:
        super().__init__()
        self.features = features
        self._gradients, self._shares, self._expectation = gradients, list(shares), expectation
        self.sums = torch.zeros(len(shares), 0, dtype=torch.float64)

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Add a batch's squared gradients to the sums of its tasks."""
        places, values = batch
        features, squares = self._gradients(values)
        with torch.autocast(self.device.type, enabled=False):  # squares need full precision
            for cotangent, owners in _filled(features, self._entries(places.cpu(), features)):
                found = squares(cotangent).double().cpu()
                if not self.sums.shape[1]:
                    self.sums = torch.zeros(len(self._shares), found.shape[1], dtype=torch.float64)
                used = owners >= 0
                self.sums.index_add_(0, owners[used], found[used])

    def on_predict_end(self) -> None:
        """Add up the sums of all ranks."""
        if distributed.is_initialized() and self.trainer.world_size > 1:
            sums = self.sums.to(self.device)
            distributed.all_reduce(sums)
            self.sums = sums.cpu()

    def _entries(self, places: Tensor, features: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yields a task, the places of its images in the batch, and a cotangent of their features."""
        for number, share in enumerate(self._shares):
            weights = share.weights[places]
            mine = weights.nonzero().squeeze(1)
            if not len(mine):
                continue
            counted = share.counted[places[mine]].to(features.device).float()
            strength = (counted * weights[mine, None].to(features.device)).sqrt()
            strength = strength / counted.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
            pictures, task_features = places[mine], features[mine.to(features.device)]
            outputs = share.head.outputs(task_features, pictures)
            for cotangent in self._expectation.cotangents(share, outputs, pictures):
                weighted = cotangent * strength.unsqueeze(1)
                yield number, mine, share.head.pulled_back(weighted, task_features, pictures)


def _filled(
    features: Tensor, entries: Iterator[tuple[int, Tensor, Tensor]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pack entries into as few backward passes as possible; in each, an image serves one task.

    Yields:
        Cotangents of the features, (B, D, P), and the task of each image, (B,), −1 for none.
    """
    taken = torch.zeros(len(features), dtype=torch.long)
    waiting: dict[int, tuple[Tensor, Tensor]] = {}
    for task, mine, cotangent in entries:
        for number in sorted(set(taken[mine].tolist())):
            at = taken[mine] == number
            if number not in waiting:
                nobody = torch.full((len(features),), -1)
                waiting[number] = (torch.zeros_like(features, dtype=torch.float32), nobody)
            cotangents, owners = waiting[number]
            cotangents[mine[at].to(features.device)] = cotangent[at.to(features.device)]
            owners[mine[at]] = task
        taken[mine] += 1
        for number in [number for number in waiting if number < int(taken.min())]:
            yield waiting.pop(number)
    yield from waiting.values()
