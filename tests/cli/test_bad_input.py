"""User errors: one clear line, status 2, no traceback, nothing half-written."""

import os
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main

HEAD = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
GOOD = "a,self,1,0.5,0.9,0.5\nb,a,1,0.25,0.8,0.4\nb,self,1,0.5,0.9,0.5\na,b,1,0.2,0.6,0.3\n"


def solve(folder: Path, content: str | bytes, *options: str) -> int:
    table = folder / "table.csv"
    table.write_bytes(content.encode() if isinstance(content, str) else content)
    budget = [] if any(option.startswith("--budget") for option in options) else ["--budget", "2"]
    out = folder / "out"
    return main(["taxonomy", "solve", "--transfers", str(table), *budget, "--out", str(out), *options])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv: the file is empty; expected the columns target,sources"),
        (HEAD, "table.csv: the table has no rows"),
        (HEAD.replace("affinity", "afinity") + GOOD, "column 'affinity' is missing (found 'afinity')"),
        (HEAD.replace("order,", ""), "column 'order' is missing"),
        (HEAD + "a,self,1,high,0.9,0.5\n", "row 2, column affinity: expected a finite number"),
        (HEAD + "a,self,1,nan,0.9,0.5\n", "row 2, column affinity: expected a finite number"),
        (HEAD + "a,self,1,inf,0.9,0.5\n", "row 2, column affinity: expected a finite number"),
        (HEAD + "a,self,1,-0.5,0.9,0.5\n", "row 2, column affinity: expected a finite number of at least 0"),
        (HEAD + "a,self,1,0.5,1.9,0.5\n", "row 2, column win_rate_vs_scratch: expected a finite number from"),
        (HEAD + GOOD + "b,a,1,0.3,,\n", "row 6: the transfer a -> b is already in row 3"),
        (HEAD + GOOD + "c,a+b,2,0.3,,\nc,b+a,2,0.3,,\n", "the transfer b+a -> c is already in row 6"),
        (HEAD + "b,a+a,2,0.3,,\n", "row 2, column sources: a is joined twice in 'a+a'"),
        (HEAD + "b,a+c,1,0.3,,\n", "row 2, column order: expected 2 for 'a+c', found '1'"),
        (HEAD + "b,a,one,0.3,,\n", "row 2, column order: expected 1 for 'a', found 'one'"),
        (HEAD + "b,a+,2,0.3,,\n", "row 2, column sources: expected task names joined by +"),
        (HEAD + "b,a,1,0.3,\n", "row 2: expected 6 cells, found 5"),
        (
            HEAD + GOOD + "c,a,1,,0.5,0.5\n",
            "no candidate transfer of order up to 4 that this problem allows for c",
        ),
        (HEAD + GOOD + "c,random,1,0.5,,\n", "no candidate transfer of order up to 4"),
        (b"\xff\xfe\x00", "table.csv: expected a CSV in UTF-8"),
        (HEAD + 'a,"self,1,0.5,0.9,0.5\n', "not a CSV row"),
    ],
)
def test_bad_tables(
    content: str | bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solve(tmp_path, content) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget=-1"], "budget: expected a finite number of at least 0, found -1"),
        (["--budget", "many"], "--budget: Expected a number"),
        (["--budget", "nan"], "--budget: Expected a number. Got value: nan"),
        (["--max-order", "1.5"], "--max-order: Expected a whole number. Got value: 1.5"),
        (["--max-order", "0"], "max-order: expected a whole number of at least 1, found 0"),
        (["--targets", "a,x"], "targets: unknown task 'x'"),
        (["--importance", "x=1"], "importance: unknown task 'x'"),
        (["--importance", "a=-1"], "importance: expected a number of at least 0 for a, found -1"),
        (["--cost", "a=-1"], "cost: expected a number of at least 0 for a, found -1"),
        (["--cost", "a"], "--cost: expected name=number pairs joined by commas"),
        (["--trained", "x"], "trained: unknown task 'x'"),
        (["--trained", "a", "--excluded", "a"], "trained: a is excluded or target-only as well"),
        (["--source-only", "a,b"], "no task of"),
        (["--budget", "0"], "budget: 0 cannot serve every target; left without a transfer: a, b; the least"),
        (["--solver", "magic"], "--solver: Expected a value of 'auto', 'highs'. Got value: magic"),
        (["--gap", "1"], "gap: expected a fraction from 0 to below 1, found 1"),
        (["--time-limit", "0"], "time-limit: expected more than 0 seconds, found 0"),
        (["--speed", "9"], "unrecognized arguments: --speed 9"),
    ],
)
def test_bad_options(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solve(tmp_path, HEAD + GOOD, *options) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + GOOD).replace("\n", "\r\n"),
        "\ufeff" + HEAD + GOOD,
        "\ufeff" + (HEAD + GOOD).replace("\n", "\r\n"),
    ],
)
def test_windows_line_ends_and_a_byte_order_mark_are_accepted(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solve(tmp_path, content) == 0
    assert "objective 1.0000" in capsys.readouterr().out


def test_missing_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "solve",
        "--transfers",
        str(tmp_path / "no.csv"),
        "--budget",
        "2",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(["taxonomy", *words]) == 2
    assert "no.csv: cannot read the transfers table (No such file or directory)" in one_line(capsys)


def test_a_required_option_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taxonomy", "solve", "--budget", "2"]) == 2
    assert "required: transfers" in one_line(capsys)


def test_output_folder_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    assert solve(tmp_path, HEAD + GOOD) == 2
    assert "out: cannot create this output folder" in one_line(capsys)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_is_read_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    assert solve(tmp_path, HEAD + GOOD) == 2
    assert "cannot write to this output folder (permission denied)" in one_line(capsys)


def test_a_parquet_file_that_is_not_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "depth.parquet").write_text("not parquet")
    words = ["tournament", "--losses", str(tmp_path / "depth.parquet"), "--out", str(tmp_path / "t.csv")]
    assert main(["taxonomy", *words]) == 2
    assert "depth.parquet: not a Parquet file" in one_line(capsys)
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize("command", ["evaluate", "significance", "novel", "tree"])
def test_no_command_leaves_an_empty_folder_after_a_mistake(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(HEAD + "a,b+c,2,0.5,,\n")
    option = {
        "evaluate": "--orders=0",
        "significance": "--draws=0",
        "novel": "--orders=1",
        "tree": "--clusters=1",
    }
    words = [command, "--transfers", str(table), "--out", str(tmp_path / "deep" / "out"), option[command]]
    assert main(["taxonomy", *words]) == 2
    one_line(capsys)
    assert not (tmp_path / "deep").exists()


def test_a_range_that_is_empty_is_told_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\na,self,1,1,,\n")
    words = ["taxonomy", "evaluate", "--transfers", str(table), "--out", str(tmp_path / "out")]
    assert main([*words, "--budgets", "9:1"]) == 2
    error = capsys.readouterr().err
    assert "the range is empty" in error
    assert "9:1" in error
    assert not any(word in error for word in ("Union", "NoneType", "Subtypes", "541"))
