"""Choosing an expert for a task without trying any, and the error that each method costs (section 5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.distances import distance, trivial
from lightning_taskonomy.task2vec.embedding import Embedding
from lightning_taskonomy.task2vec.history import History
from lightning_taskonomy.task2vec.model2vec import Learning, Model2Vec

Scores = npt.NDArray[np.float64]
OPTIMAL: Final = "brute force"
CHANCE: Final = "chance"
FIXED: Final = "single best expert"
METHODS: Final = (OPTIMAL, CHANCE, FIXED, "cosine", "asymmetric", "model2vec")
"""Methods of choosing: the first tries all experts, the second is random, the third always the same one."""
_BY_DISTANCE: Final = ("cosine", "asymmetric")
"""Methods that use the distance from the task that an expert was trained on."""


@dataclass(frozen=True)
class Choice:
    """One method's choice for one task, and its cost.

    Attributes:
        task: A held-out task, whose errors were not used.
        method: One of `METHODS`.
        expert: The chosen expert; empty for chance, which stands for the mean over all experts.
        error: The expert's error on the task.
        excess: Excess error relative to the best expert's: 0.1 is ten per cent more.
    """

    task: str
    method: str
    expert: str
    error: float
    excess: float


class Selector:
    """Ranks experts for new tasks from their errors on known tasks.

    Args:
        history: Errors on known tasks.
        embeddings: Embeddings of known tasks, and of the tasks that experts were trained on, by name.
        learning: How Model2Vec learns.

    Raises:
        InputError: a known task has no embedding.
    """

    def __init__(
        self, history: History, embeddings: Mapping[str, Embedding], learning: Learning | None = None
    ) -> None:
        missing = [task for task in history.tasks if task not in embeddings]
        if missing:
            raise InputError(f"history: task {missing[0]} has no embedding; found {len(embeddings)} others")
        self._history = history.without_own()
        self._embeddings, self._learning = embeddings, learning
        trivial(next(iter(embeddings.values())))  # reject embeddings without asymmetric distances

    def scores(self, method: str, task: Embedding) -> Scores:
        """A score per expert for a new task; the lowest is the one to choose.

        Only `model2vec` and `single best expert` can choose experts without an embedding.

        Raises:
            InputError: there is no such method, or it has no expert to choose from.
        """
        if method == FIXED:
            means: Scores = np.nanmean(self._relative(), axis=0)
            return means
        if method == "model2vec":
            return self._model2vec.distances(task)
        if method not in _BY_DISTANCE:
            raise InputError(f"method: expected one of {', '.join(METHODS[2:])}, found {method!r}")
        known = [self._embeddings.get(expert) for expert in self._history.experts]
        found = [np.inf if expert is None else distance(expert, task, method) for expert in known]
        if not np.isfinite(found).any():
            raise InputError(
                f"{method}: expected embeddings of tasks that experts were trained on, found none"
            )
        return np.array(found)

    @property
    def methods(self) -> tuple[str, ...]:
        """The applicable `METHODS`; those by distance need an expert whose own task has an embedding."""
        if any(expert in self._embeddings for expert in self._history.experts):
            return METHODS
        return tuple(method for method in METHODS if method not in _BY_DISTANCE)

    def ranked(self, task: Embedding, method: str = "model2vec") -> list[tuple[str, float]]:
        """Experts for a new task, best first; an expert trained on that very task is excluded."""
        scores = self.scores(method, task)
        order = [place for place in np.argsort(scores) if self._history.experts[place] != task.name]
        return [(self._history.experts[place], float(scores[place])) for place in order]

    def _relative(self) -> Scores:
        """Excess errors relative to the best expert of each task, so that hard tasks do not count more."""
        best = np.nanmin(self._history.errors, axis=1, keepdims=True)
        return _relative_excess(self._history.errors, best)

    @cached_property
    def _model2vec(self) -> Model2Vec:
        history = self._history
        starts = [self._embeddings.get(expert) for expert in history.experts]
        tasks = [self._embeddings[task] for task in history.tasks]
        return Model2Vec(history.experts, starts, tasks, history.errors, self._learning)


def judged(
    history: History,
    embeddings: Mapping[str, Embedding],
    methods: Sequence[str] = METHODS,
    folds: int = 10,
    seed: int = 0,
    learning: Learning | None = None,
    known: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Choice]:
    """Cross-validate: hold out tasks, one fold at a time, and choose their experts from the other tasks.

    Args:
        history: Errors of all experts on all tasks.
        embeddings: Embeddings by task name.
        methods: Methods of choosing.
        folds: Number of folds; as many folds as tasks is leave-one-out.
        seed: Seed of the folds, and of the choice of known tasks.
        learning: How Model2Vec learns.
        known: Number of other tasks to learn from; by default all.
        done: Called after each fold.

    Raises:
        InputError: there are too few tasks, or an embedding is missing or has no prior.
    """
    count = len(history.tasks)
    if count < 3:
        raise InputError(f"history: expected at least 3 tasks, found {count}")
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    without_own = history.without_own()
    choices = []
    for held in np.array_split(order, min(folds, count)):
        others = generator.permutation(np.setdiff1d(order, held))[:known]
        selector = Selector(history.on([history.tasks[place] for place in others]), embeddings, learning)
        for place in held:
            task = history.tasks[place]
            if task not in embeddings:
                raise InputError(f"history: task {task} has no embedding")
            choices += [
                _choice(method, embeddings[task], without_own.errors[place], without_own, selector)
                for method in methods
            ]
        done()
    place_of = {task: place for place, task in enumerate(history.tasks)}
    return sorted(choices, key=lambda choice: (place_of[choice.task], methods.index(choice.method)))


def _choice(method: str, task: Embedding, errors: Scores, history: History, selector: Selector) -> Choice:
    best = float(np.nanmin(errors))
    if method == CHANCE:
        mean = float(np.nanmean(errors))
        return Choice(task.name, method, "", mean, float(_relative_excess(mean, best)))
    scores = errors if method == OPTIMAL else selector.scores(method, task)
    place = int(np.nanargmin(np.where(np.isnan(errors), np.nan, scores)))
    error = float(errors[place])
    return Choice(task.name, method, history.experts[place], error, float(_relative_excess(error, best)))


def _relative_excess(error: npt.ArrayLike, best: npt.ArrayLike) -> Scores:
    """Excess over the best error, relative to it, or to 0.01 if it is smaller."""
    return np.asarray((np.asarray(error) - best) / np.maximum(best, 0.01))


def mean_excess(choices: Sequence[Choice]) -> dict[str, float]:
    """Each method's mean relative increase over brute force, as in the paper's Table 1."""
    methods = dict.fromkeys(choice.method for choice in choices)
    return {
        method: float(np.mean([choice.excess for choice in choices if choice.method == method]))
        for method in methods
    }
