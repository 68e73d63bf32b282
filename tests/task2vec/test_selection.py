"""Choosing experts where the best choice is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Embedding
from lightning_taskonomy.task2vec.distances import distance
from lightning_taskonomy.task2vec.history import History
from lightning_taskonomy.task2vec.model2vec import Learning, Model2Vec
from lightning_taskonomy.task2vec.selection import METHODS, Choice, Selector, judged, mean_excess

PRIOR = np.full(12, 0.1)


def embedded(name: str, hessian: np.ndarray, has_prior: bool = True) -> Embedding:
    return Embedding(hessian, PRIOR, {"name": name, "has_prior": has_prior, "method": "exact"})


def world(seed: int = 0, groups: int = 4, each: int = 6) -> tuple[History, dict[str, Embedding]]:
    """Tasks in groups; an expert per group, which errs little on its own group and much on others.

    The last expert, of no task, is fair everywhere.
    """
    generator = np.random.default_rng(seed)
    centres = generator.gamma(0.6, size=(groups, 12)) + 0.02
    tasks = [(f"g{group}t{n}", group) for group in range(groups) for n in range(each)]
    embeddings = {
        name: embedded(name, 0.1 + centres[group] * generator.uniform(0.8, 1.25, 12)) for name, group in tasks
    }
    experts = [f"g{group}t0" for group in range(groups)]
    errors = np.array([[0.1 if group == g else 0.4 for g in range(groups)] + [0.25] for _, group in tasks])
    errors += generator.uniform(0, 0.02, errors.shape)
    return History(tuple(name for name, _ in tasks), (*experts, "imagenet"), errors), embeddings


def test_history_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("task,expert,error,note\na,x,0.1,\na,y,0.2,\nb,x,0.3,\n")
    found = History.read_csv(path)
    assert (found.tasks, found.experts) == (("a", "b"), ("x", "y"))
    np.testing.assert_array_equal(found.errors, [[0.1, 0.2], [0.3, np.nan]])
    for text, message in (
        ("task,expert\n", "expected a column 'error'"),
        ("task,expert,error\n", "expected rows"),
        ("task,expert,error\na,x,bad\n", "line 2: expected an error of 0 or more, found 'bad'"),
        ("task,expert,error\na,x,1\na,x,2\n", "line 3: a by x is already listed"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            History.read_csv(path)
    with pytest.raises(InputError, match="cannot read this table"):
        History.read_csv(tmp_path / "none.csv")


def test_own_experts_do_not_count() -> None:
    history = History(("a", "b"), ("a", "x"), np.array([[0.0, 0.2], [0.3, 0.4]])).without_own()
    np.testing.assert_array_equal(history.errors, [[np.nan, 0.2], [0.3, 0.4]])
    with pytest.raises(InputError, match="task a: expected an expert other than its own"):
        History(("a",), ("a",), np.zeros((1, 1))).without_own()


def test_brute_force_is_best_and_good_methods_beat_chance() -> None:
    history, embeddings = world()
    choices = judged(history, embeddings)
    found = mean_excess(choices)
    assert list(found) == list(METHODS)
    assert found["brute force"] == 0
    for method in ("cosine", "model2vec"):
        assert found[method] < 0.25 * found["chance"]
    # Without the experts' own tasks the rows' minima are the optimum; the mean over experts is chance.
    errors = history.without_own().errors
    best, mean = np.nanmin(errors, axis=1), np.nanmean(errors, axis=1)
    assert found["chance"] == pytest.approx(np.mean(mean / best - 1))
    by_task = {choice.task: choice for choice in choices if choice.method == "brute force"}
    assert [by_task[task].error for task in history.tasks] == pytest.approx(list(best))


def test_single_best_expert_is_learned_from_other_tasks_alone() -> None:
    history, embeddings = world()
    choices = [one for one in judged(history, embeddings, folds=24) if one.method == "single best expert"]
    relative = history.without_own().errors
    relative = relative / np.nanmin(relative, axis=1, keepdims=True) - 1
    for choice in choices:
        others = [row for row, task in enumerate(history.tasks) if task != choice.task]
        means = np.nanmean(relative[others], axis=0)
        allowed = [place for place in np.argsort(means) if history.experts[place] != choice.task]
        assert choice.expert == history.experts[allowed[0]]


def test_model2vec_learns_which_expert_is_better_than_its_task_suggests() -> None:
    """Two experts with the same task, one twice as good everywhere: distances cannot distinguish them."""
    history, embeddings = world()
    twin = History(
        history.tasks,
        (*history.experts[:-1], "g0t1"),
        np.where(np.arange(5) == 4, 0.05, history.errors),
    )
    starts = [embeddings[name] for name in twin.experts]
    tasks = [embeddings[name] for name in twin.tasks]
    model = Model2Vec(twin.experts, starts, tasks, twin.errors, Learning(steps=400, rate=0.05, decay=0.001))
    chosen = [model.experts[int(np.argmin(model.distances(task)))] for task in tasks]
    assert chosen.count("g0t1") > 0.9 * len(tasks)
    unlearned = Model2Vec(twin.experts, starts, tasks, twin.errors, Learning(steps=0))
    assert [unlearned.experts[int(np.argmin(unlearned.distances(task)))] for task in tasks].count("g0t1") < 9


def test_unlearned_model2vec_is_the_asymmetric_distance() -> None:
    history, embeddings = world()
    experts = history.experts[:-1]
    tasks = [embeddings[name] for name in history.tasks]
    model = Model2Vec(
        experts, [embeddings[e] for e in experts], tasks, history.errors[:, :-1], Learning(steps=0)
    )
    expected = [distance(embeddings[expert], tasks[7], "asymmetric") for expert in experts]
    np.testing.assert_allclose(model.distances(tasks[7]), expected, atol=1e-9)


@given(st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_no_method_beats_brute_force(seed: int) -> None:
    history, embeddings = world(seed, groups=3, each=3)
    choices = judged(history, embeddings, folds=3, learning=Learning(steps=5))
    assert all(choice.excess >= 0 for choice in choices)
    assert len(choices) == 9 * len(METHODS)


def test_new_tasks_get_a_ranking() -> None:
    history, embeddings = world()
    selector = Selector(history, embeddings)
    new = embedded("new", embeddings["g2t3"].hessian * 1.05)
    for method in ("cosine", "model2vec"):
        ranked = selector.ranked(new, method)
        assert ranked[0][0] == "g2t0"
        assert [score for _, score in ranked] == sorted(score for _, score in ranked)
    assert "g2t0" not in dict(selector.ranked(embeddings["g2t0"]))


def test_more_known_tasks_help_on_average() -> None:
    history, embeddings = world(groups=4, each=8)
    few, many = (
        np.mean(
            [mean_excess(judged(history, embeddings, seed=seed, known=known))["model2vec"] for seed in (0, 1)]
        )
        for known in (3, 28)
    )
    assert many <= few


def test_embeddings_without_a_prior_are_refused() -> None:
    history, embeddings = world()
    bare = {name: embedded(name, one.hessian, has_prior=False) for name, one in embeddings.items()}
    with pytest.raises(
        InputError, match="the trivial task is not defined for the method exact without a prior"
    ):
        Selector(history, bare)
    with pytest.raises(InputError, match="the trivial task is not defined"):
        Model2Vec(("a",), [None], list(bare.values()), np.zeros((len(bare), 1)))
    embeddings.pop("g1t2")
    with pytest.raises(InputError, match="task g1t2 has no embedding"):
        Selector(history, embeddings)


def test_choices_are_the_same_each_time() -> None:
    history, embeddings = world()
    torch.manual_seed(1)
    first: list[Choice] = judged(history, embeddings, folds=4)
    torch.manual_seed(2)
    assert judged(history, embeddings, folds=4) == first


def test_experts_of_unknown_tasks_are_learned_from_their_errors_alone() -> None:
    history, embeddings = world()
    nameless = History(
        history.tasks, tuple(f"model {n}" for n in range(len(history.experts))), history.errors
    )
    selector = Selector(nameless, embeddings)
    assert [method for method in METHODS if method not in selector.methods] == ["cosine", "asymmetric"]
    with pytest.raises(InputError, match="cosine: expected embeddings of tasks that experts were trained on"):
        selector.scores("cosine", embeddings[history.tasks[0]])
    excess = mean_excess(judged(nameless, embeddings, selector.methods, folds=6))
    assert excess["model2vec"] < min(excess["chance"], excess["single best expert"])
