"""The authors' folder read as a table, compared with the tables that the folder was written from."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.published_results import PublishedResults, gap_line
from tests.taxonomy.authors_folder import AFFINITY, FULL, SCRATCH, write_numbers, write_results

SHIPPED = Path(__file__).parents[2] / "data" / "transfers.csv"
ROWS = (
    Transfer("a", ("self",), 0.5, 0.9, 0.5),
    Transfer("a", ("b", "c"), 0.25, 0.8, 0.4),
    Transfer("b", ("random",), 0.125, 0.1, 0.0),
    Transfer("b", ("b",), 1.0, 1.0, 0.75),
)


@pytest.mark.parametrize("protocol", range(6))
def test_the_published_table_comes_back(published: Path, tmp_path: Path, protocol: int) -> None:
    table = Transfers.read_csv(published)
    write_results(tmp_path, table, protocol=protocol)
    results = PublishedResults.read(tmp_path)
    assert results.transfers.rows == table.rows
    without = {row for row in table if row.affinity is None}
    assert set(results.gaps) == {"without affinity", "without win_rate_vs_full"}
    for names in results.gaps.values():
        assert set(names) == {f"{row.label} -> {row.target}" for row in without}
    results.transfers.write_csv(tmp_path / "written.csv")
    assert (tmp_path / "written.csv").read_text().splitlines() == published.read_text().splitlines()


def test_what_it_reads_solves_as_published(published: Path, tmp_path: Path) -> None:
    write_results(tmp_path, Transfers.read_csv(published))
    taxonomy = TaxonomyProblem(PublishedResults.read(tmp_path).transfers, budget=8, max_order=4).solve()
    assert taxonomy.objective == pytest.approx(2.2794, abs=5e-5)


def test_rows_stand_by_target_order_and_sources(tmp_path: Path) -> None:
    table = Transfers.read_csv(SHIPPED)
    write_results(tmp_path, reversed(table.rows))
    found = PublishedResults.read(tmp_path).transfers
    assert [(row.target, row.order, row.label) for row in found] == sorted(
        (row.target, row.order, row.label) for row in table
    )
    assert set(found) == set(table)


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["edge2d", "rgb2sfnorm", "segmentsemantic_rb"]),
            st.lists(st.sampled_from(["a", "b_c", "d2", "random"]), min_size=1, max_size=3, unique=True).map(
                lambda names: tuple(sorted(names))
            ),
        ),
        st.tuples(*3 * [st.none() | st.floats(0, 1)]).filter(lambda cells: cells != (None, None, None)),
        min_size=1,
    )
)
def test_every_table_comes_back(tmp_path_factory: pytest.TempPathFactory, cells: dict) -> None:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("results")
    rows = {Transfer(target, sources, *numbers) for (target, sources), numbers in cells.items()}
    rows |= {Transfer("z", ("self",), 1.0, 1.0, 0.5)}  # no file is empty
    write_results(folder, rows)
    results = PublishedResults.read(folder)
    assert set(results.transfers) == rows
    missing = sum(numbers.count(None) for numbers in cells.values())
    assert sum(map(len, results.gaps.values())) == missing


def test_each_amount_has_its_own_files(tmp_path: Path) -> None:
    for affinity, (amount, ending) in enumerate([("16k", "_16k"), ("1k", "_1k"), ("default", "")]):
        write_results(tmp_path, [replace(ROWS[0], affinity=float(affinity))], ending)
        assert PublishedResults.read(tmp_path, amount).transfers.rows[0].affinity == affinity
    assert PublishedResults.read(tmp_path).transfers.rows[0].affinity == 0.0


def test_the_repository_around_the_folder_will_do(tmp_path: Path) -> None:
    write_results(tmp_path / "results", ROWS)
    assert set(PublishedResults.read(tmp_path).transfers) == set(ROWS)


def test_what_is_missing_or_not_finite_is_empty_and_named(tmp_path: Path) -> None:
    write_results(tmp_path, ROWS)
    write_numbers(tmp_path / f"{AFFINITY}_16k.pkl", {"self__a": 0.5, "b__c__a": math.nan, "b__b": math.inf})
    write_numbers(tmp_path / f"{SCRATCH}_16k.pkl", {"self__a": 0.5, "pixels__b": math.nan})
    results = PublishedResults.read(tmp_path)
    found = {
        f"{row.label} -> {row.target}": (row.affinity, row.gain, row.quality) for row in results.transfers
    }
    assert found == {
        "self -> a": (0.5, 0.5, 0.5),
        "b+c -> a": (None, None, 0.4),
        "b -> b": (None, None, 0.75),
        "random -> b": (None, None, 0.0),
        "pixels -> b": (None, None, None),
    }
    assert {what: set(names) for what, names in results.gaps.items()} == {
        "without affinity": {"random -> b", "pixels -> b"},
        "whose affinity is not a finite number": {"b+c -> a", "b -> b"},
        "without win_rate_vs_scratch": {"b+c -> a", "b -> b", "random -> b"},
        "whose win_rate_vs_scratch is not a finite number": {"pixels -> b"},
        "without win_rate_vs_full": {"pixels -> b"},
    }


def test_a_second_order_of_the_same_sources_is_left_out_and_named(tmp_path: Path) -> None:
    write_results(tmp_path, [*ROWS, Transfer("a", ("c", "b"), 0.75, 0.5, 0.5)])
    results = PublishedResults.read(tmp_path)
    assert set(results.transfers) == set(ROWS)
    assert dict(results.gaps) == {"in a second order of its sources, left out": ("c+b -> a",)}


@pytest.mark.parametrize(
    ("key", "number", "message"),
    [
        ("a", 0.5, "_16k.pkl: expected keys such as source__target, found 'a'"),
        ("", 0.5, "expected keys such as source__target, found ''"),
        ("a__", 0.5, "expected keys such as source__target, found 'a__'"),
        ("a____b", 0.5, "expected keys such as source__target, found 'a____b'"),
        ("a+b__c", 0.5, r"expected keys such as source__target, found 'a\+b__c'"),
        ("=cmd()__c", 0.5, "expected keys such as"),
        ("a\n__c", 0.5, r"expected keys such as source__target, found 'a\\n__c'"),
        ("a__self", 0.5, "'a__self': expected a task name, found 'self'"),
        ("a__pixels", 0.5, "'a__pixels': expected a task name, found 'pixels'"),
        ("self__a__b", 0.5, "'self__a__b': self cannot be joined with others"),
        ("a__a__b", 0.5, "'a__a__b': a is joined twice in 'a[+]a'"),
        ("a__b", -0.5, "expected a number .* for 'a__b', found -0.5"),
    ],
)
@pytest.mark.parametrize("name", [AFFINITY, SCRATCH, FULL])
def test_bad_entries_name_the_file_and_the_key(
    name: str, key: str, number: float, message: str, tmp_path: Path
) -> None:
    write_results(tmp_path, ROWS)
    write_numbers(tmp_path / f"{name}_16k.pkl", {"self__a": 0.5, key: number})
    with pytest.raises(InputError, match=f"{name}_16k.pkl[:,] .*{message.removeprefix('_16k.pkl: ')}"):
        PublishedResults.read(tmp_path)


def test_win_rates_are_shares_and_affinities_need_not_be(tmp_path: Path) -> None:
    write_results(tmp_path, ROWS)
    write_numbers(tmp_path / f"{AFFINITY}_16k.pkl", {"self__a": 7.0})
    assert max(row.affinity or 0 for row in PublishedResults.read(tmp_path).transfers) == 7
    write_numbers(tmp_path / f"{FULL}_16k.pkl", {"self__a": 1.5})
    with pytest.raises(
        InputError, match=r"wins_vs_task_16k.pkl: expected a number from 0 to 1 for 'self__a'"
    ):
        PublishedResults.read(tmp_path)


def test_wrong_folders_say_what_was_expected(tmp_path: Path) -> None:
    def message(folder: Path, amount: str = "16k") -> str:
        with pytest.raises(InputError) as caught:
            PublishedResults.read(folder, amount)
        return str(caught.value)

    assert (
        "nowhere: no such folder; expected the folder results/ of a git clone of https://github"
        in message(tmp_path / "nowhere")
    )
    assert "transfers.csv: is a file; expected the folder results/ of a git clone" in message(SHIPPED)
    assert "all_affinities_16k.pkl: no such file; expected the folder results/" in message(tmp_path)
    write_results(tmp_path, ROWS, "_1k")
    assert "all_affinities_16k.pkl: no such file; the folder has what amount 1k needs" in message(tmp_path)
    assert "amount: expected one of 16k, 1k, default, found '5k'" in message(tmp_path, "5k")
    (tmp_path / f"{FULL}_1k.pkl").unlink()
    assert "wins_vs_task_1k.pkl: no such file" in message(tmp_path, "1k")
    write_numbers(tmp_path / f"{FULL}_1k.pkl", {})
    assert "wins_vs_task_1k.pkl: the dictionary is empty" in message(tmp_path, "1k")


def test_a_gap_is_one_line() -> None:
    assert gap_line("without affinity", ["a -> b"]) == "1 transfer without affinity: a -> b"
    many = [f"a -> t{number}" for number in range(11)]
    assert gap_line("x", many, most=2) == "11 transfers x: a -> t0, a -> t1 and 9 more"
