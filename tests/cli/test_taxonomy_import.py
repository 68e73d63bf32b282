"""`taxonomy import` as a user calls it."""

import pickle
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.taxonomy import Transfer, Transfers
from tests.taxonomy.authors_folder import AFFINITY, FULL, write_results

SHIPPED = Path(__file__).parents[2] / "data" / "transfers.csv"


def run(*words: str | Path) -> int:
    return main(["taxonomy", "import", *map(str, words)])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_from_the_folder_to_a_taxonomy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = Transfers.read_csv(SHIPPED)
    write_results(tmp_path / "results", shipped)
    table = tmp_path / "transfers.csv"
    assert run("--published", tmp_path / "results", "--out", table) == 0
    captured = capsys.readouterr()
    assert f"{len(shipped)} transfers to {len(shipped.targets)} targets" in captured.out
    assert set(Transfers.read_csv(table)) == set(shipped)
    words = ["--budget", "3", "--out", str(tmp_path / "out")]
    assert main(["taxonomy", "solve", "--transfers", str(table), *words]) == 0


def test_amounts_and_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("", "_1k", "_16k"):
        rows = [Transfer("a", (f"b{ending}",), 0.5, 0.5, 0.5), Transfer("a", ("pixels",), None, 0.5, None)]
        write_results(tmp_path, rows, ending)
    for amount, source in (("16k", "b_16k"), ("1k", "b_1k"), ("default", "b")):
        table = tmp_path / f"{amount}.csv"
        assert run("--published", tmp_path, "--out", table, "--amount", amount) == 0
        assert capsys.readouterr().err.splitlines() == [
            "1 transfer without affinity: pixels -> a",
            "1 transfer without win_rate_vs_full: pixels -> a",
        ]
        assert table.read_text() == (
            "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
            f"a,{source},1,0.5,0.5,0.5\n"
            "a,pixels,1,,0.5,\n"
        )


def test_mistakes_are_one_line_and_leave_the_table_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, table = tmp_path / "results", tmp_path / "transfers.csv"
    table.write_text("mine")
    write_results(results, Transfers.read_csv(SHIPPED))
    assert run("--published", results, "--out", table, "--amount", "5k") == 2
    assert "--amount: Expected a value of '16k', '1k', 'default'. Got value: 5k" in one_line(capsys)
    assert run("--published", results, "--out", table, "--amount", "1k") == 2
    assert "all_affinities_1k.pkl: no such file; the folder has what amount 16k needs" in one_line(capsys)
    assert run("--published", SHIPPED, "--out", table) == 2
    assert "transfers.csv: is a file; expected the folder results/" in one_line(capsys)
    assert run("--published", tmp_path / "nowhere", "--out", table) == 2
    assert "nowhere: no such folder; expected the folder results/" in one_line(capsys)
    assert run("--published", results / "winrates", "--out", table) == 2
    assert "no such file; expected the folder results/ of a git clone" in one_line(capsys)
    assert run("--published", results, "--out", tmp_path) == 2
    assert "cannot write this file" in one_line(capsys)
    whole = (results / f"{FULL}_16k.pkl").read_bytes()
    (results / f"{FULL}_16k.pkl").write_bytes(whole[:-500])
    assert run("--published", results, "--out", table) == 2
    assert "wins_vs_task_16k.pkl: not a whole pickle" in one_line(capsys)
    (results / f"{AFFINITY}_16k.pkl").write_bytes(pickle.dumps({"a__b": print}))
    assert run("--published", results, "--out", table) == 2
    assert "all_affinities_16k.pkl: refused, it asks for builtins.print" in one_line(capsys)
    assert table.read_text() == "mine"


def test_help_lists_the_command_and_its_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taxonomy", "--help"]) == 0
    assert "  import " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run("--help")
    words = " ".join(capsys.readouterr().out.split())
    assert "--amount {16k,1k,default} " in words
    assert "(default: 16k)" in words
    assert "str(object" not in words
