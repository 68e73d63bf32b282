from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers

HEADER = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
GOOD = HEADER + "a,self,1,0.5,0.9,0.5\na,b,1,0.3,0.8,0.4\na,b+c,2,0.2,,\na,random,1,0.1,0.5,0.1\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "transfers.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_targets_tasks_and_candidates(tmp_path: Path) -> None:
    table = Transfers.read_csv(write(tmp_path, GOOD))
    assert table.targets == ("a",)
    assert table.tasks == ("a", "b", "c")
    assert [row.label for row in table.candidates()] == ["self", "b", "b+c"]
    assert table.rows[0].trained_tasks == ("a",)
    assert table.rows[2] == Transfer("a", ("b", "c"), 0.2)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "\ufeff" + GOOD.replace("\n", "\r\n"),
        GOOD + "\n",
        GOOD.replace("\n", "\r"),
    ],
)
def test_accepts_windows_line_ends_and_byte_order_mark(tmp_path: Path, text: str) -> None:
    expected = Transfers.read_csv(write(tmp_path, GOOD))
    assert Transfers.read_csv(write(tmp_path, text)).rows == expected.rows


def test_further_columns_survive_a_round_trip(tmp_path: Path) -> None:
    text = (
        "note,target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full,seed\n"
        '"a, b",a,self,1,0.5,0.9,0.5,7\nplain,a,b,1,,0.8,0.4,8\n'
    )
    table = Transfers.read_csv(write(tmp_path, text))
    table.write_csv(tmp_path / "again.csv")
    again = Transfers.read_csv(tmp_path / "again.csv")
    assert again.rows == table.rows
    assert again.extra_columns == ("note", "seed")
    assert again.rows[0].extra == ("a, b", "7")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "no rows"),
        (GOOD.replace("affinity", "afinity"), "column 'affinity' is missing (found 'afinity')"),
        (GOOD.replace(",order", ""), "column 'order' is missing"),
        (GOOD.replace("0.3", "many"), "row 3, column affinity: expected a finite number"),
        (GOOD.replace("0.3", "nan"), "row 3, column affinity: expected a finite number"),
        (GOOD.replace("0.3", "inf"), "row 3, column affinity: expected a finite number"),
        (GOOD.replace("0.3", "-0.3"), "row 3, column affinity: expected a finite number of at least 0"),
        (
            GOOD.replace("0.8", "1.8"),
            "row 3, column win_rate_vs_scratch: expected a finite number from 0 to 1",
        ),
        (GOOD + "a,c+b,2,0.1,,\n", "row 6: the transfer c+b -> a is already in row 4"),
        (GOOD + "a,b+b,2,0.1,,\n", "row 6, column sources: b is joined twice in 'b+b'"),
        (GOOD + "a,b+,2,0.1,,\n", "row 6, column sources: expected task names joined by +"),
        (GOOD + "a,self+b,2,0.1,,\n", "row 6, column sources: self cannot be joined"),
        (GOOD + "a,c,2,0.1,,\n", "row 6, column order: expected 1 for 'c', found '2'"),
        (GOOD + "a,c,one,0.1,,\n", "row 6, column order: expected 1"),
        (GOOD + ",c,1,0.1,,\n", "row 6, column target: expected a task name"),
        (GOOD + "self,c,1,0.1,,\n", "row 6, column target: expected a task name"),
        (GOOD + "a,c,1,0.1\n", "row 6: expected 6 cells, found 4"),
        (GOOD.encode() + b"\xff\xfe,", "expected a CSV in UTF-8"),
        (GOOD + 'a,"c,1,0.1,,\n', "not a CSV row"),
    ],
)
def test_refuses_bad_tables_in_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        Transfers.read_csv(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the transfers table"):
        Transfers.read_csv(tmp_path / "nowhere.csv")


def test_suggests_the_nearest_task() -> None:
    table = Transfers((Transfer("normal", ("depth",), 0.5),))
    with pytest.raises(InputError, match="unknown task 'nromal' in transfers; did you mean normal"):
        table.tasks_named(["nromal"], "targets")


@given(st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_numbers_survive_a_round_trip_exactly(
    tmp_path_factory: pytest.TempPathFactory, affinity: float, gain: float
) -> None:
    path = tmp_path_factory.mktemp("transfers") / "transfers.csv"
    table = Transfers((Transfer("a", ("b",), affinity, gain, None),))
    table.write_csv(path)
    assert Transfers.read_csv(path).rows == table.rows


def test_tasks_are_found_by_any_of_their_names_and_keep_the_tables() -> None:
    table = Transfers((Transfer("rgb2sfnorm", ("rgb2depth",), 0.5), Transfer("rgb2depth", ("self",), 0.5)))
    assert table.tasks_named(["normal", "Z-Depth", "rgb2sfnorm"], "targets") == (
        "rgb2sfnorm",
        "rgb2depth",
        "rgb2sfnorm",
    )
    assert table.numbers_of_tasks({"Normals": 2}, "cost") == {"rgb2sfnorm": 2}


def test_a_table_with_two_names_of_one_task_keeps_them_apart() -> None:
    rows = (Transfer("normal", ("self",), 0.4), Transfer("rgb2sfnorm", ("self",), 0.6))
    problem = TaxonomyProblem(Transfers(rows), budget=2, importance={"normal": 3.0}, targets=["normal"])
    assert problem.importance == {"normal": 3.0}
    assert problem.solve().sources == ("normal",)
    with pytest.raises(InputError, match="'Normals' is ambiguous; expected one of normal, rgb2sfnorm"):
        TaxonomyProblem(Transfers(rows), targets=["Normals"])


def test_tables_with_different_names_come_under_one() -> None:
    ours = Transfers((Transfer("normal", ("reshading", "random"), 0.5, extra=("x",)),), ("more",))
    theirs = ours.with_names_of(["rgb2sfnorm", "reshade", "depth"])
    assert [(row.target, row.sources, row.extra) for row in theirs] == [
        ("rgb2sfnorm", ("reshade", "random"), ("x",))
    ]
    assert theirs.tasks == ("rgb2sfnorm",)
    assert ours.with_names_of(ours.tasks) is ours
    both = Transfers((Transfer("normal", ("self",), 0.5), Transfer("rgb2sfnorm", ("self",), 0.5)))
    assert both.with_names_of(["normal"]).targets == ("normal", "rgb2sfnorm")


@pytest.mark.parametrize("option", ["importance", "cost"])
def test_one_task_has_one_number(option: str) -> None:
    table = Transfers((Transfer("rgb2sfnorm", ("self",), 0.5),))
    with pytest.raises(InputError, match=f"{option}: rgb2sfnorm is given twice, also as normal"):
        TaxonomyProblem(table, **{option: {"rgb2sfnorm": 1.0, "normal": 2.0}})  # type: ignore[arg-type]
