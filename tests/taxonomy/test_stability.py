import itertools
import json

import numpy as np
import pytest
from scipy.stats import norm

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, TaxonomyProblem, Tournament, Transfers
from lightning_taskonomy.taxonomy.decisions import Decisions
from lightning_taskonomy.taxonomy.resampling import resampled
from lightning_taskonomy.taxonomy.stability import Stability, fixed_interval, split_half
from lightning_taskonomy.taxonomy.transfers import OBJECTIVES, Objective

TASKS = ("a", "b", "c", "d")


def tables(groups: int = 12, images: int = 96, seed: int = 0, spread: float = 0.3) -> list[LossTable]:
    """Losses of four tasks, first- and second-order transfers among them."""
    rng = np.random.default_rng(seed)
    found = []
    for target in TASKS:
        others = [task for task in TASKS if task != target]
        names = ["self", "pixels", "average", *others, *map("+".join, itertools.combinations(others, 2))]
        means = np.array([0.0, 0.8, 2.0, *rng.normal(0.4, spread, 3), *rng.normal(0.3, spread, 3)])
        group = np.arange(images) % groups
        noise = rng.normal(0, 0.3, (groups, len(names)))[group] + rng.normal(0, 0.5, (images, len(names)))
        keys = [f"b{own}/{index}" for index, own in enumerate(group)]
        found.append(LossTable.from_arrays(target, keys, names, means + noise))
    return found


def problem_of(
    losses: list[LossTable], budget: float = 2, objective: Objective = "affinity"
) -> TaxonomyProblem:
    rows = [row for own in losses for row in Tournament.from_losses(own).transfers()]
    return TaxonomyProblem(Transfers(tuple(rows)), budget, importance={"b": 2.0}, objective=objective)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_resampling_is_decided_as_if_it_were_the_table(objective: Objective) -> None:
    """Against brute force over the sets of sources, on the resampled numbers."""
    losses = tables()
    problem = problem_of(losses, objective=objective)
    decisions = Decisions.of(problem, resampled(losses, 60, seed=1))
    chosen = decisions.made_again(workers=1)
    number = decisions.numbers[objective]
    worths = number.values + number.errors
    worths = np.exp(worths) if objective == "affinity" else worths
    for row, found in zip(worths, chosen, strict=True):
        best = -np.inf
        for sources in itertools.combinations(TASKS, 2):
            total = 0.0
            for target in TASKS:
                total += problem.importance.get(target, 1.0) * max(
                    (
                        row[place]
                        for place, edge in enumerate(decisions.candidates)
                        if edge.target == target and set(edge.trained_tasks) <= set(sources)
                    ),
                    default=-np.inf,
                )
            best = max(best, total)
        weights = [problem.importance.get(decisions.candidates[place].target, 1.0) for place in found]
        assert (row[found] * weights).sum() == pytest.approx(best)
        assert [decisions.candidates[place].target for place in found] == list(TASKS)


def test_processes_change_nothing() -> None:
    losses = tables()
    decisions = Decisions.of(problem_of(losses), resampled(losses, 30, seed=1))
    np.testing.assert_array_equal(decisions.made_again(workers=1), decisions.made_again(workers=2))


def test_shares_count_resamplings() -> None:
    losses = tables()
    problem = problem_of(losses)
    tournaments = resampled(losses, 150, seed=2)
    taxonomy = problem.solve()
    stability = Stability.of(problem, taxonomy, tournaments)
    decisions = Decisions.of(problem, tournaments)
    again = decisions.made_again()
    for source in TASKS:
        share = np.mean(
            [any(source in decisions.candidates[place].trained_tasks for place in row) for row in again]
        )
        assert stability.sources.get(source, 0.0) == pytest.approx(share)
    for target, shares in stability.chosen.items():
        assert sum(shares.values()) == pytest.approx(1)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        label = next(own.label for own in taxonomy.transfers if own.target == target)
        assert label in shares


def test_what_is_plain_is_chosen_always_and_its_intervals_hold_the_figures() -> None:
    losses = tables(images=2400, groups=24, spread=1.0)
    problem = problem_of(losses)
    taxonomy = problem.solve()
    stability = Stability.of(problem, taxonomy, resampled(losses, 200))
    assert min(stability.sources[source] for source in taxonomy.sources) > 0.9
    assert stability.objective is not None
    assert stability.objective.low < taxonomy.objective < stability.objective.high
    for transfer in taxonomy.transfers:
        own = stability.transfers[transfer.target]
        assert transfer.gain is not None
        assert own["gain"].low < transfer.gain <= own["gain"].high
        if transfer.is_self:
            assert own["quality"] == (0.5, 0.5)
    assert stability.mean_gain is not None
    assert stability.mean_gain.high - stability.mean_gain.low < 0.1
    assert stability.reliability is not None
    assert stability.reliability > 0.9


def test_json_holds_intervals_or_why_there_are_none() -> None:
    for groups in (12, 3):
        losses = tables(groups)
        problem = problem_of(losses)
        taxonomy = problem.solve()
        stability = Stability.of(problem, taxonomy, resampled(losses, 100))
        content = json.loads(json.dumps(stability.as_json(), allow_nan=False))
        intervals = content["intervals"]
        assert (intervals["groups"], intervals["resamplings"]) == (groups, 100)
        assert set(content["selection"]["transfers"]) == set(TASKS)
        text = "\n".join(stability.lines(taxonomy))
        if groups == 3:
            assert "3 groups of images (such as buildings) are too few, 5 are needed" in intervals["reason"]
            assert "objective" not in intervals
            assert "no intervals" in text
        else:
            assert [own["target"] for own in intervals["transfers"]] == list(TASKS)
            low, high = intervals["mean_gain"]
            assert f"mean gain {low:.3f} to {high:.3f}" in text


def test_losses_must_be_those_of_the_table() -> None:
    losses = tables(seed=0)
    other = problem_of(tables(seed=1))
    with pytest.raises(InputError, match="by the losses; expected the table that taxonomy tournament makes"):
        Stability.of(other, other.solve(), resampled(losses, 100))
    own = problem_of(losses)
    with pytest.raises(InputError, match="expected a table of every target, found none of d"):
        Stability.of(own, own.solve(), resampled(losses[:3], 100))


def test_a_table_without_scratch_has_no_gain() -> None:
    losses = []
    for own in tables():
        ((keys, values),) = own.blocks()
        kept = [place for place, name in enumerate(own.contenders) if name != "pixels"]
        names = [own.contenders[place] for place in kept]
        losses.append(LossTable.from_arrays(own.target, keys, names, values[:, kept]))
    problem = problem_of(losses)
    tournaments = resampled(losses, 100)
    stability = Stability.of(problem, problem.solve(), tournaments)
    assert stability.mean_gain is None
    assert stability.mean_quality is not None
    assert fixed_interval(tournaments[0], 3, "gain") is None


def test_halves_that_repeat_each_other_agree() -> None:
    """Every building holds the same losses: any two halves rank the sources alike."""
    rng = np.random.default_rng(0)
    block = rng.random((30, 5))
    names = ["self", "a", "b", "c", "d"]
    keys = [f"b{group}/{row}" for group in range(8) for row in range(30)]
    own = LossTable.from_arrays("t", keys, names, np.tile(block, (8, 1)))
    assert split_half(resampled([own], 10)) == pytest.approx(1)
    noise = LossTable.from_arrays("t", keys, names, rng.random((240, 5)))
    found = split_half(resampled([noise], 10))
    assert found is not None
    assert found < 0.9


@pytest.mark.slow
def test_intervals_of_a_taxonomy_hold_the_truth() -> None:
    """Equal sources for every target, so that every choice is luck: true gains and qualities are known."""
    held = {"gain": 0, "quality": 0, "mean_gain": 0}
    rounds = 150
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        losses = []
        group = np.arange(100) % 20
        for target in TASKS:
            names = ["self", "pixels", *(task for task in TASKS if task != target)]
            means = np.array([0.0, 1.0, 0.5, 0.5, 0.5])
            noise = rng.normal(0, 0.3, (20, 5))[group] + rng.normal(0, 1, (100, 5))
            keys = [f"b{own}/{index}" for index, own in enumerate(group)]
            losses.append(LossTable.from_arrays(target, keys, names, means + noise))
        rows = [row for own in losses for row in Tournament.from_losses(own).transfers()]
        problem = TaxonomyProblem(Transfers(tuple(rows)), budget=2)
        taxonomy = problem.solve()
        stability = Stability.of(problem, taxonomy, resampled(losses, 300, seed), workers=1)
        scale = np.sqrt(2 + 2 * 0.3**2)
        gains = [norm.cdf((1.0 if own.is_self else 0.5) / scale) for own in taxonomy.transfers]
        moved = next(own for own in taxonomy.transfers if not own.is_self)
        intervals = stability.transfers[moved.target]
        held["gain"] += intervals["gain"].low <= norm.cdf(0.5 / scale) <= intervals["gain"].high
        held["quality"] += intervals["quality"].low <= norm.cdf(-0.5 / scale) <= intervals["quality"].high
        assert stability.mean_gain is not None
        held["mean_gain"] += stability.mean_gain.low <= np.mean(gains) <= stability.mean_gain.high
    assert min(held.values()) / rounds >= 0.9, held  # 95 %, and three standard deviations of it


def test_an_affinity_is_a_share_and_its_interval_ends_at_one() -> None:
    rng = np.random.default_rng(3)
    images = 60
    # One contender that nearly always wins: nearly all of the eigenvector is its own.
    losses = np.stack([rng.normal(0, 1, images), rng.normal(3, 1, images), rng.normal(3, 1, images)], axis=1)
    table = LossTable.from_arrays(
        "a", [f"b{n % 12}/{n}" for n in range(images)], ["self", "pixels", "b"], losses
    )
    (tournament,) = resampled([table], 300)
    interval = fixed_interval(tournament, 0, "affinity")
    assert interval is not None
    assert tournament.affinities[0] > 0.8
    assert interval.low < tournament.affinities[0] <= interval.high <= 1
