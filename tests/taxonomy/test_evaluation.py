from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.evaluation import POLICY_COLUMNS, Evaluation
from tests.taxonomy.tables import best_by_trying_all, random_transfers, read_rows


def test_every_taxonomy_is_the_best_one() -> None:
    transfers = random_transfers(tasks=6, seed=1)
    evaluation = Evaluation.of(TaxonomyProblem(transfers), budgets=[4, 2, 2], max_orders=[2, 1])
    assert evaluation.budgets == (2, 4)
    assert evaluation.max_orders == (1, 2)
    for (order, budget), taxonomy in evaluation.taxonomies.items():
        assert taxonomy.objective == pytest.approx(best_by_trying_all(transfers, budget, order))


def test_policies_hold_a_row_per_target_that_adds_up(tmp_path: Path) -> None:
    transfers = random_transfers(tasks=6, seed=2)
    evaluation = Evaluation.of(TaxonomyProblem(transfers), budgets=[2, 3], max_orders=[1, 3])
    evaluation.save_tables(tmp_path)
    rows = read_rows(tmp_path / "policies.csv")
    assert tuple(rows[0]) == POLICY_COLUMNS
    assert len(rows) == 4 * 6
    for (order, budget), taxonomy in evaluation.taxonomies.items():
        mine = [row for row in rows if (int(row["max_order"]), float(row["budget"])) == (order, budget)]
        assert sum(float(row["affinity"]) for row in mine) == pytest.approx(taxonomy.objective)
        assert {float(row["objective"]) for row in mine} == {taxonomy.objective}
        assert {row["target"]: row["gain"] for row in mine} == {
            transfer.target: repr(transfer.gain) for transfer in taxonomy.transfers
        }
    summary = read_rows(tmp_path / "summary.csv")
    assert [row["sources"].split("+") for row in summary] == [
        list(taxonomy.sources) for taxonomy in evaluation.taxonomies.values()
    ]


def only_self(tasks: str) -> Transfers:
    return Transfers(tuple(Transfer(task, ("self",), 1.0) for task in tasks))


def test_budgets_that_cannot_serve_every_target_are_left_out() -> None:
    steps = []
    problem = TaxonomyProblem(only_self("abc"))
    evaluation = Evaluation.of(problem, range(1, 6), [1], lambda: steps.append(1))
    assert sorted(budget for _, budget in evaluation.taxonomies) == [3, 4, 5]
    assert evaluation.least_budgets == {1: 3}
    assert len(steps) == 5


def test_no_feasible_budget_is_an_error() -> None:
    with pytest.raises(
        InputError, match=r"budget: \d cannot serve every target.*least budget that works is 3"
    ):
        Evaluation.of(TaxonomyProblem(only_self("abc")), [1, 2], [1])


def test_unmeasured_gain_and_quality_are_empty_cells(tmp_path: Path) -> None:
    Evaluation.of(TaxonomyProblem(only_self("ab")), [2], [1]).save_tables(tmp_path)
    rows = read_rows(tmp_path / "policies.csv")
    assert {(row["gain"], row["quality"]) for row in rows} == {("", "")}
