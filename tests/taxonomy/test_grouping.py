import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import CandidateNetworks, GroupingProblem
from lightning_taskonomy.taxonomy.column_generation import Relaxation

PUBLISHED = Path(__file__).parents[3] / "shared" / "published" / "groups_large.csv"


def random_networks(
    seed: int, tasks: int, networks: int, costs: tuple[float, ...] = (1.0,)
) -> CandidateNetworks:
    """Networks of random groups of tasks; singles first, so that every task is served."""
    rng = np.random.default_rng(seed)
    losses = np.full((networks, tasks), np.nan)
    for row in range(networks):
        group = [row] if row < tasks else rng.choice(tasks, rng.integers(1, tasks + 1), replace=False)
        losses[row, group] = rng.uniform(0.01, 1, len(group))
    return CandidateNetworks(
        tuple(f"n{row}" for row in range(networks)),
        tuple(f"t{task}" for task in range(tasks)),
        rng.choice(costs, networks),
        losses,
    )


def least_by_trying_all(table: CandidateNetworks, budget: float, weight: dict[str, float]) -> float | None:
    """The least weighted sum of losses over all sets of networks."""
    weights = [weight.get(task, 1.0) for task in table.tasks]
    best = None
    for size in range(1, len(table.networks) + 1):
        for chosen in itertools.combinations(range(len(table.networks)), size):
            if sum(table.cost[row] for row in chosen) > budget + 1e-9:
                continue
            total = 0.0
            for task, factor in enumerate(weights):
                served = [
                    table.losses[row, task] for row in chosen if not math.isnan(table.losses[row, task])
                ]
                total += factor * min(served, default=math.inf)
            if math.isfinite(total):
                best = total if best is None else min(best, total)
    return best


@given(
    seed=st.integers(0, 10_000),
    budget=st.floats(0.5, 5),
    costs=st.sampled_from([(1.0,), (0.5, 1.0), (0.3, 0.7, 1.1, 2.0)]),
    weigh=st.booleans(),
)
@settings(max_examples=50)
def test_equals_trying_every_set_of_networks(
    seed: int, budget: float, costs: tuple[float, ...], weigh: bool
) -> None:
    table = random_networks(seed, tasks=4, networks=9, costs=costs)
    weight = {"t1": 3.0, "t2": 0.0} if weigh else {}
    expected = least_by_trying_all(table, budget, weight)
    problem = GroupingProblem(table, budget, weight)
    if expected is None:
        with pytest.raises(InputError, match="cannot serve every task"):
            problem.solve()
        return
    found = problem.solve()
    assert found.status == "optimal"
    assert found.objective == pytest.approx(expected, abs=1e-9)
    assert found.cost <= budget + 1e-9
    assert sorted(task for one in found.networks for task in one.serves) == sorted(table.tasks)
    place = {name: row for row, name in enumerate(table.networks)}
    assert found.cost == pytest.approx(sum(table.cost[place[one.network]] for one in found.networks))
    total = 0.0
    for one in found.networks:
        for task in one.serves:
            loss = table.losses[place[one.network], table.tasks.index(task)]
            assert one.losses[task] == loss
            total += weight.get(task, 1.0) * loss
    assert total == pytest.approx(found.objective)


@given(seed=st.integers(0, 10_000), budget=st.floats(1, 4))
@settings(max_examples=30)
def test_the_relaxation_bounds_and_its_reduced_costs_rule_out_rightly(seed: int, budget: float) -> None:
    table = random_networks(seed, tasks=4, networks=9, costs=(0.5, 1.0))
    best = least_by_trying_all(table, budget, {})
    relaxation = Relaxation.of(table.losses, table.cost, budget)
    if best is None:
        return
    assert relaxation is not None
    assert relaxation.bound <= best + 1e-9
    for row in range(len(table.networks)):
        rest = np.delete(np.arange(len(table.networks)), row)
        for size in range(4):  # any choice with this network
            for others in itertools.combinations(rest, size):
                chosen = np.array([row, *others], np.int64)
                if table.cost[chosen].sum() <= budget + 1e-9:
                    own = np.where(np.isnan(table.losses[chosen]), np.inf, table.losses[chosen]).min(axis=0)
                    assert own.sum() >= relaxation.bound + relaxation.reduced_costs[row] - 1e-9


def test_the_published_table() -> None:
    if not PUBLISHED.exists():
        pytest.skip("the published table is not beside this repository")
    totals = [GroupingProblem(PUBLISHED, budget).solve().objective for budget in range(1, 6)]
    assert [round(total, 4) for total in totals] == [0.3632, 0.3220, 0.3096, 0.3055, 0.3050]


def test_half_size_networks_at_half_cost_mix_in() -> None:
    losses = np.array([[1.0, 1.0], [0.6, np.nan], [np.nan, 0.6], [0.8, np.nan]])
    table = CandidateNetworks(("both", "a", "b", "half a"), ("a", "b"), np.array([1, 1, 0.5, 0.5]), losses)
    assert [one.network for one in GroupingProblem(table, 1).solve().networks] == ["b", "half a"]
    assert [one.network for one in GroupingProblem(table, 1.5).solve().networks] == ["a", "b"]


def test_relative_losses_are_those_over_the_tasks_own_networks() -> None:
    losses = np.array([[100.0, np.nan], [np.nan, 0.1], [90.0, 0.2], [110.0, 0.09]])
    table = CandidateNetworks(("a", "b", "one", "two"), ("a", "b"), np.ones(4), losses)
    assert GroupingProblem(table, 1).solve().networks[0].network == "one"
    found = GroupingProblem(table, 1, relative=True).solve()
    assert found.networks[0].network == "two"
    assert found.objective == pytest.approx(1.1 + 0.9)


def test_a_budget_too_small_names_what_works() -> None:
    table = CandidateNetworks(
        ("a", "b"), ("a", "b"), np.array([1.0, 2.0]), np.array([[1, np.nan], [np.nan, 1.0]])
    )
    with pytest.raises(InputError, match=r"^budget: 2 cannot serve every task; left .*; the least .* is 3$"):
        GroupingProblem(table, 2).solve()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "networks.csv"
    table.write_text("network,cost,normal,depth\nboth,1,0.5,0.6\nnormal,1,0.4,\ndepth,1,,0.3\n")
    words = ["taxonomy", "group", "--losses", str(table), "--out", str(tmp_path / "out")]
    assert main([*words, "--budget", "2"]) == 0
    content = json.loads((tmp_path / "out" / "groups.json").read_text())
    assert content["status"] == "optimal"
    assert content["objective"] == pytest.approx(0.7)
    assert content["cost"] == 2
    assert [(one["network"], one["serves"]) for one in content["networks"]] == [
        ("depth", ["depth"]),
        ("normal", ["normal"]),
    ]
    assert "total loss 0.7 with 2 networks" in capsys.readouterr().out
    assert main([*words, "--budget", "1", "--weight", "normal=10"]) == 0
    content = json.loads((tmp_path / "out" / "groups.json").read_text())
    assert content["objective"] == pytest.approx(5.6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network,cost\na,1\n", "expected a column of losses for each task"),
        ("network,cost,t\na,x,1\n", "row 2, column cost: expected a finite number, found 'x'"),
        ("network,cost,t\na,1,inf\n", "row 2, column t: expected a finite number, found 'inf'"),
        ("network,cost,t\na,-1,1\n", "network a: expected a cost from 0"),
        ("network,cost,t\na,1,1\na,1,2\n", "row 3: the network a is already in an earlier row"),
        ("network,cost,t,u\na,1,1,\n", "no network serves u"),
        ("network,cost,t\na,1,\n", "network a: expected the loss of at least one task"),
        ("network,cost,t\n", "the table has no rows"),
    ],
)
def test_bad_tables_are_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    table = tmp_path / "networks.csv"
    table.write_text(text)
    out = tmp_path / "out"
    assert main(["taxonomy", "group", "--losses", str(table), "--budget", "1", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
