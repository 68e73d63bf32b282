import subprocess
import sys

import pytest

from lightning_taskonomy import __version__
from lightning_taskonomy.cli import GROUPS, main
from lightning_taskonomy.cli.taxonomy import COMMANDS


def test_help_lists_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    words = capsys.readouterr().out
    assert all(f"  {group}" in words for group in GROUPS)


def test_group_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taxonomy", "--help"]) == 0
    words = capsys.readouterr().out
    assert all(f"  {command}" in words for command in COMMANDS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("run", "job", "status")])
def test_command_help_says_types_and_defaults(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["taxonomy", command, "--help"])
    assert exit_.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    options = [part for part in words.split(" --") if "(" in part]
    assert "path; required" in words
    assert "<class" not in words
    assert "lightning_taskonomy." not in words
    assert len(options) >= 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lightning_taskonomy {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["taxnomy"],
            "taxnomy: no such command; expected one of fit, validate, test, predict, data, task2vec, "
            "taxonomy, explore, bank",
        ),
        (["taxonomy"], "a command is missing; python -m lightning_taskonomy taxonomy has tournament, solve"),
        (["taxonomy", "slove"], "slove: no such command"),
    ],
)
def test_unknown_words_are_one_line_and_status_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_words_the_help_is_shown_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().out


def test_taxonomy_commands_never_import_torch() -> None:
    code = (
        "import sys, pathlib, importlib, pkgutil\n"
        "import lightning_taskonomy.cli.taxonomy, lightning_taskonomy.taxonomy as room\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("group", ["data", "taxonomy"])
def test_no_group_imports_torch_to_show_its_help(group: str) -> None:
    code = (
        f"import sys; from lightning_taskonomy.cli import main; main(['{group}', '--help'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_starting_up_needs_neither_cvxpy_nor_numba_nor_pyplot() -> None:
    code = (
        "import sys; from lightning_taskonomy.cli import main; main(['taxonomy', '--help'])\n"
        "sys.exit(bool({'cvxpy', 'numba', 'matplotlib', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_a_reader_that_leaves_is_no_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    command = f"{sys.executable} -m lightning_taskonomy taxonomy solve --help | head -n 1"
    run = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert run.stderr == ""
