"""Model2Vec: embeds experts in the space of tasks, learned from their errors on known tasks (section 4).

Expert i has the vector m_i = F_i + b_i: the embedding of the task that it was trained on, plus a bias learned
so that the nearest expert is the best one. The objective is the mean over known tasks t of
−log softmax_i(−d(m_i, t) / τ) at the best expert, with d the asymmetric distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_taskonomy.task2vec.distances import ALPHA, trivial
from lightning_taskonomy.task2vec.embedding import Embedding

_LEAST = 1e-12
_TASKS_AT_A_TIME = 32


@dataclass(frozen=True)
class Learning:
    """How biases are learned.

    Attributes:
        steps: Steps of Adam, each over all known tasks.
        rate: Learning rate of Adam, in units of a filter's mean over the tasks.
        decay: Weight of the mean squared bias, in the same units; prevents overfitting to few known tasks.
        alpha: α of the asymmetric distance.
    """

    steps: int = 100
    rate: float = 0.02
    decay: float = 100.0
    alpha: float = ALPHA


class Model2Vec:
    """Vectors of experts.

    Attributes:
        experts: Their names.
        vectors: (experts, filters).
    """

    def __init__(
        self,
        experts: Sequence[str],
        starts: Sequence[Embedding | None],
        tasks: Sequence[Embedding],
        errors: npt.NDArray[np.float64],
        learning: Learning | None = None,
    ) -> None:
        """Learn the biases.

        Args:
            experts: Their names.
            starts: Embedding of the task that each was trained on; None for a generic expert, which starts
                from the mean of the others.
            tasks: Embeddings of the known tasks.
            errors: (tasks, experts), NaN where an expert was not tried.
            learning: How the biases are learned.

        Raises:
            InputError: the trivial task is not defined for the embeddings.
        """
        self._learning = learning or Learning()
        self.experts = tuple(experts)
        known = torch.from_numpy(np.stack([task.hessian for task in tasks]))
        self._prior = torch.from_numpy(trivial(tasks[0]).hessian)
        self._unit = known.mean(dim=0).clamp(min=_LEAST)
        given = [start.hessian for start in starts if start is not None]
        generic = np.mean(given, axis=0) if given else known.mean(dim=0).numpy()
        rows = [generic if start is None else start.hessian for start in starts]
        begun = torch.from_numpy(np.stack(rows))
        self.vectors = self._learned(begun, known, torch.from_numpy(errors)).numpy()

    def distances(self, task: Embedding) -> npt.NDArray[np.float64]:
        """Distance from every expert to a task; the nearest is the one to choose."""
        row = torch.from_numpy(task.hessian)[None]
        found: npt.NDArray[np.float64] = self._distances(torch.from_numpy(self.vectors), row)[0].numpy()
        return found

    def _learned(self, begun: Tensor, known: Tensor, errors: Tensor) -> Tensor:
        learning = self._learning
        tried = errors.isfinite()
        best = torch.where(tried, errors, torch.inf).argmin(dim=1)
        bias = torch.zeros_like(begun, requires_grad=True)
        optimizer = torch.optim.Adam([bias], learning.rate)
        # Distances among similar tasks differ little: their deviation serves as the softmax's temperature.
        spread = self._distances(begun, known).std().clamp(min=_LEAST)
        for _ in range(learning.steps):
            distances = self._distances(begun + bias * self._unit, known) / spread
            logs = torch.where(tried, -distances, -torch.inf).log_softmax(dim=1)
            loss = -logs.gather(1, best[:, None]).mean() + learning.decay * bias.square().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return (begun + bias.detach() * self._unit).clamp(min=_LEAST)

    def _distances(self, models: Tensor, tasks: Tensor) -> Tensor:
        """d(m, t) − α d(m, trivial), (tasks, experts)."""
        vectors = models.clamp(min=_LEAST)
        apart = torch.cat([_cosine(vectors, some) for some in torch.split(tasks, _TASKS_AT_A_TIME)])
        return apart - self._learning.alpha * _cosine(vectors, self._prior[None])


def _cosine(models: Tensor, tasks: Tensor) -> Tensor:
    """The symmetric distance, (tasks, models): between m/(m + t) and t/(m + t), which sum to 1."""
    share = models / (models + tasks[:, None])
    other = 1 - share
    lengths = share.square().sum(dim=2) * other.square().sum(dim=2)
    return 1 - (share * other).sum(dim=2) / lengths.clamp(min=_LEAST).sqrt()
