"""The Fisher information as the public reference estimates it, kept for comparison with its values.

The squared gradient of a batch's mean loss, averaged over batches, with labels drawn from the model. If
samples do not interact, its expectation is F/B with B the batch size. With batch statistics, as in the
reference, they do interact, and the estimate is not a Fisher information. Prefer `fisher`.
"""

import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from lightning_taskonomy.core.processes import leave_signals_to_parent
from lightning_taskonomy.task2vec.features import Features, ModePreservingPass
from lightning_taskonomy.task2vec.filters import needing_gradients
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.running import Running, quiet


def batch_gradient(
    features: Features,
    values: Dataset[tuple[int, Tensor]],
    head: Head,
    weights: Tensor,
    running: Running,
    norms: bool = True,
    draws: int = 10_000,
    batch: int = 64,
    seed: int = 0,
) -> Tensor:
    """The estimate for every filter, (filters,).

    Args:
        features: The probe below the classifier, in the wanted mode of normalisation; with batch statistics,
            its running statistics change.
        values: Images, or the skipped layers' activations, each with its index.
        head: The task's last layer.
        weights: Sampling weight of each image, (N,); images are drawn with replacement.
        running: Devices, precision and workers.
        norms: Whether scales of normalisation layers count.
        draws: Images drawn in total; an incomplete last batch is dropped.
        batch: Images per batch gradient; the estimate depends on it.
        seed: Seed of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    sampler = WeightedRandomSampler(weights.double().tolist(), max(draws, batch), generator=generator)
    loader = DataLoader(
        values,
        batch_size=batch,
        sampler=sampler,
        drop_last=True,
        num_workers=running.workers,
        worker_init_fn=leave_signals_to_parent,
    )
    module = _BatchGradientPass(features, head, norms, seed)
    trainer = running.trainer(inference_mode=False, use_distributed_sampler=False)
    with quiet():
        trainer.predict(module, loader, return_predictions=False)
    return module.sums / module.batches


class _BatchGradientPass(ModePreservingPass):
    """Accumulates squared batch gradients."""

    def __init__(self, features: Features, head: Head, norms: bool, seed: int) -> None:
        super().__init__(features)
        self._head, self._seed = head, seed
        self._filters = list(features.filters(norms).values())
        self.sums = torch.zeros(sum(map(len, self._filters)), dtype=torch.float64)
        self.batches = 0

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Add a batch if it is this rank's turn: all ranks draw the same batches."""
        self.batches += 1
        if batch_idx % self.trainer.world_size != self.global_rank:
            return
        generator = torch.Generator().manual_seed(self._seed + 7919 * batch_idx)
        weights = [each.weight for each in self._filters]
        with torch.enable_grad(), needing_gradients(self.features, weights):
            features = self.features(batch[1])
            with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
                outputs = self._head.outputs(features, batch[0])
                chances = torch.rand(outputs.shape, generator=generator).to(outputs.device)
                score = self._head.likelihood.score(outputs, chances)
                score = score / outputs[:, 0].numel()
                cotangent = self._head.pulled_back(score, features, batch[0])
            gradients = torch.autograd.grad(
                features, weights, cotangent.to(features.dtype), allow_unused=True, materialize_grads=True
            )
        rows = [
            each.mean_squares(gradient.unsqueeze(0))[0]
            for each, gradient in zip(self._filters, gradients, strict=True)
        ]
        self.sums += torch.cat(rows).double().cpu()

    def on_predict_end(self) -> None:
        """Add up the sums of all ranks."""
        if distributed.is_initialized() and self.trainer.world_size > 1:
            sums = self.sums.to(self.device)
            distributed.all_reduce(sums)
            self.sums = sums.cpu()
