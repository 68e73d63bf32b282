from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.significance import BANDS, Measure, RandomTaxonomies, Significance
from tests.taxonomy.tables import random_transfers, read_rows


def test_published_taxonomies_beat_19_of_20_random_ones(published: Path) -> None:
    problem = TaxonomyProblem(Transfers.read_csv(published))
    result = Significance.of(problem, range(4, 21), 1000)
    assert result.budgets == tuple(range(4, 21))
    measures: tuple[Measure, ...] = ("gain", "quality")
    for measure in measures:
        for band in BANDS:
            assert result.drawn(measure, band).shape == (17, 1000)
            assert (result.computed[measure] > result.percentiles(measure, [95], band)[0]).all()
        # Random sources are the stricter comparison.
        medians = [result.percentiles(measure, [50], band)[0] for band in BANDS]
        assert (medians[1] > medians[0]).all()


def test_random_taxonomies_never_beat_the_optimum_and_spend_the_budget() -> None:
    problem = TaxonomyProblem(random_transfers(tasks=8, seed=0), max_order=3)
    result = Significance.of(problem, [2, 5], draws=400)
    for band in BANDS:
        assert (result.drawn("objective", band) <= result.computed["objective"][:, None] + 1e-9).all()
    candidates = RandomTaxonomies(problem, "connectivities")
    trained = candidates._trained(5, np.random.default_rng(0))
    assert set(trained.sum(axis=1).tolist()) == {5}


def test_sets_are_equally_likely_and_spend_what_unequal_costs_allow() -> None:
    rows = [Transfer(target, ("self",), 1.0) for target in "abcd"]
    rows += [Transfer(t, (s,), 0.1) for t in "abcd" for s in "abcd" if s != t]
    problem = TaxonomyProblem(Transfers(tuple(rows)), cost={"a": 2.0})
    candidates = RandomTaxonomies(problem, "connectivities")
    rng = np.random.default_rng(1)
    drawn = np.concatenate([candidates._trained(2, rng) for _ in range(40)])
    counts = Counter("".join(np.array(list("abcd"))[row]) for row in drawn)
    # A set that spends 2 units: a alone, or two of the others.
    assert set(counts) == {"a", "bc", "bd", "cd"}
    assert counts["bc"] == pytest.approx(counts["cd"], rel=0.15)


def test_forced_sources_are_always_trained() -> None:
    problem = TaxonomyProblem(random_transfers(tasks=7, seed=2), trained=("task03",))
    candidates = RandomTaxonomies(problem, "connectivities")
    trained = candidates._trained(2, np.random.default_rng(0))
    assert trained[:, candidates.graph.sources.index("task03")].all()


def test_any_transfer_that_the_sources_allow_is_equally_likely() -> None:
    rows = [Transfer("t", (source,), 0.1 * (index + 1)) for index, source in enumerate("abc")]
    rows.append(Transfer("t", ("a", "b"), 0.9))
    problem = TaxonomyProblem(Transfers(tuple(rows)))
    drawn = RandomTaxonomies(problem, "connectivities").draw(3, 4000, np.random.default_rng(3))
    assert drawn is not None
    counts = Counter(np.round(drawn["objective"], 6).tolist())
    # Four tasks, three trained: abc, or t with two of them, which allow 4, 3 (ab), 1 + 1 or 1 + 1 transfers.
    expected = {0.1: (1 / 4 + 1 / 3 + 1 / 2) / 4, 0.9: (1 / 4 + 1 / 3) / 4}
    for value, share in expected.items():
        assert counts[value] / 4000 == pytest.approx(share, abs=0.03)


def test_best_takes_the_best_transfer_that_the_sources_allow() -> None:
    rows = [Transfer("t", ("a",), 0.1), Transfer("t", ("b",), 0.2), Transfer("t", ("self",), 0.3)]
    problem = TaxonomyProblem(Transfers(tuple(rows)))
    drawn = RandomTaxonomies(problem, "sources").draw(2, 500, np.random.default_rng(0))
    assert drawn is not None
    assert set(drawn["objective"].tolist()) == {0.2, 0.3}


def test_a_budget_gives_the_same_draws_whatever_else_is_asked() -> None:
    problem = TaxonomyProblem(random_transfers(tasks=6, seed=4))
    alone = Significance.of(problem, [3], draws=50)
    together = Significance.of(problem, [2, 3, 5], draws=50)
    np.testing.assert_array_equal(alone.random["gain"][0], together.random["gain"][1])
    other_seed = Significance.of(problem, [3], draws=50, seed=1)
    assert (alone.random["gain"] != other_seed.random["gain"]).any()


def test_table_holds_numpys_percentiles(tmp_path: Path) -> None:
    result = Significance.of(TaxonomyProblem(random_transfers(tasks=6, seed=5)), [2, 4], draws=200)
    result.save_table(tmp_path / "significance.csv")
    rows = read_rows(tmp_path / "significance.csv")
    assert [(row["budget"], row["measure"], row["random"]) for row in rows] == [
        (budget, measure, band)
        for budget in ("2", "4")
        for measure in ("objective", "gain", "quality")
        for band in ("connectivities", "sources")
    ]
    drawn = np.sort(result.random_sources["quality"][1])
    assert float(rows[-1]["random_median"]) == pytest.approx((drawn[99] + drawn[100]) / 2)
    below = sum(value < float(rows[-1]["computed"]) for value in drawn) / 200
    assert float(rows[-1]["share_of_random_below"]) == below


def test_unmeasured_gain_is_left_out_of_the_table(tmp_path: Path) -> None:
    rows = tuple(Transfer(target, (source,), 0.5) for target in "ab" for source in "cd")
    Significance.of(TaxonomyProblem(Transfers(rows)), [1], draws=20).save_table(tmp_path / "s.csv")
    assert {row["measure"] for row in read_rows(tmp_path / "s.csv")} == {"objective"}


def test_bad_numbers_and_infeasible_budgets() -> None:
    rows = tuple(Transfer(task, ("self",), 1.0) for task in "abc")
    problem = TaxonomyProblem(Transfers(rows))
    with pytest.raises(InputError, match="draws: expected a whole number of at least 2, found 1"):
        Significance.of(problem, [3], draws=1)
    with pytest.raises(InputError, match="seed: expected a whole number of at least 0, found -1"):
        Significance.of(problem, [3], seed=-1)
    with pytest.raises(InputError, match="budget: 2 cannot serve every target"):
        Significance.of(problem, [2])
    result = Significance.of(problem, [2, 3], draws=10)
    assert result.budgets == (3,)
    assert list(result.left_out) == [2]
