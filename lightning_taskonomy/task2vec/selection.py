"""Choosing an expert for a task without trying any; how much error each way of choosing costs (section 5)."""

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
"""Ways of choosing: the first tries all experts, the second any, the third the same one always."""
_BY_DISTANCE: Final = ("cosine", "asymmetric")
"""From the embedding of the task that an expert was trained on."""


@dataclass(frozen=True)
class Choice:
    """What a way of choosing costs on one task.

    Attributes:
        task: Held out: nothing was learned from its errors.
        method: One of `METHODS`.
        expert: The chosen one; none for chance, which stands for the mean over all.
        error: On the task.
        excess: Relative to the best expert's error: 0.1 is ten per cent more.
    """

    task: str
    method: str
    expert: str
    error: float
    excess: float


class Selector:
    """Ranks experts for new tasks by what is known of others.

    Args:
        history: Errors on known tasks.
        embeddings: Of known tasks, and of those that experts were trained on, by name.
        learning: Of Model2Vec.

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
        trivial(next(iter(embeddings.values())))  # refuse what asymmetric distances are not defined for

    def scores(self, method: str, task: Embedding) -> Scores:
        """A number per expert for a new task, least for the one to choose.

        Experts without an embedding are chosen by `model2vec` and `single best expert` alone.

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
        """Those of `METHODS` that apply: none by distance where no expert's own task has an embedding."""
        if any(expert in self._embeddings for expert in self._history.experts):
            return METHODS
        return tuple(method for method in METHODS if method not in _BY_DISTANCE)

    def ranked(self, task: Embedding, method: str = "model2vec") -> list[tuple[str, float]]:
        """Experts for a new task, the one to choose first; one trained on that very task takes no part."""
        scores = self.scores(method, task)
        order = [place for place in np.argsort(scores) if self._history.experts[place] != task.name]
        return [(self._history.experts[place], float(scores[place])) for place in order]

    def _relative(self) -> Scores:
        """Errors relative to the best expert of each task: hard tasks do not count more."""
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
    """Hold out tasks, a fold at a time, and choose their experts by what is known of the others.

    Args:
        history: Errors of all experts on all tasks.
        embeddings: By name.
        methods: Ways of choosing.
        folds: In which tasks are held out; as many as tasks holds out one at a time.
        seed: Of which tasks are held out together, and which are known.
        learning: Of Model2Vec.
        known: Learn from so many of the other tasks; by default from all.
        done: Called after each fold.

    Raises:
        InputError: too few tasks, or an embedding is missing or not defined.
    """
    count = len(history.tasks)
    if count < 3:
        raise InputError(f"history: expected at least 3 tasks, found {count}")
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    own = history.without_own()
    choices = []
    for held in np.array_split(order, min(folds, count)):
        others = generator.permutation(np.setdiff1d(order, held))[:known]
        selector = Selector(history.on([history.tasks[place] for place in others]), embeddings, learning)
        for place in held:
            task = history.tasks[place]
            if task not in embeddings:
                raise InputError(f"history: task {task} has no embedding")
            choices += [
                _choice(method, embeddings[task], own.errors[place], own, selector) for method in methods
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
    """How much more than the best, in shares of it; of an error of 0, in shares of 1 %."""
    return np.asarray((np.asarray(error) - best) / np.maximum(best, 0.01))


def mean_excess(choices: Sequence[Choice]) -> dict[str, float]:
    """The mean relative increase over brute force of each method, as in the paper's Table 1."""
    methods = dict.fromkeys(choice.method for choice in choices)
    return {
        method: float(np.mean([choice.excess for choice in choices if choice.method == method]))
        for method in methods
    }
