"""Every command's `--help`: types in words, choices as {a,b,c}, no Python notation."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from lightning_taskonomy.cli import GROUPS, bank, data, main, task2vec, taxonomy
from lightning_taskonomy.cli.option_help import choices_of, type_words
from lightning_taskonomy.cli.option_types import Names

OF_GROUPS = {"bank": bank, "data": data, "task2vec": task2vec, "taxonomy": taxonomy}
COMMANDS = [
    *((group, command) for group, module in OF_GROUPS.items() for command in module.COMMANDS),
    *((group,) for group in GROUPS if group not in OF_GROUPS),
    ("fit", "--model", "TaskNetwork"),
]
NOISE = re.compile(
    r"object=''|object\)|<class|<function|typing\.|Literal\[|Union\[|Optional\[|list\[|dict\[|tuple\["
    r"|None \||\| None|\bNoneType|type: |:class:|:func:|default: null|``"
)


def help_of(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_how_python_spells_types(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(words, capsys)
    assert text.startswith(f"usage: python -m lightning_taskonomy {words[0]}") or words[0] in text
    found = NOISE.search(" ".join(text.split()))
    assert found is None, text[max(0, text.find(found[0]) - 200) :][:400]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("taxonomy solve", "--solver {auto,highs} "),
        ("taxonomy solve", "with --max-order MAX_ORDER largest number of sources"),
        ("taxonomy tournament", "--losses LOSSES [LOSSES ...] loss tables"),
        ("taxonomy tournament", "(path, one or more; required)"),
        ("taxonomy tournament", "--drop-incomplete leave out"),
        ("taxonomy import", "--amount {16k,1k,default} "),
        ("taxonomy run", "--launcher {here,local,slurm"),
        ("taxonomy run", "(list of texts or {bank}; default: none)"),
        ("data render", "--up {auto,y,z} "),
        ("data check", "folder images with labels, or the folder that data pack wrote (path; required)"),
        ("data pack", "(whole number; default: none)"),
        ("bank predict", "images pictures, videos, or folders of pictures (path, one or more; required)"),
        ("bank predict", "--field-of-view FIELD_OF_VIEW degrees across the square picture"),
        ("task2vec embed", "--method {exact,montecarlo,batch,variational} "),
        ("task2vec embed", "--precision {32-true,bf16-mixed} "),
        ("fit", "--overwrite {true,false} "),
    ],
)
def test_types_are_words_and_choices_are_listed(
    words: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(help_of(words.split(), capsys).split())
    assert shown.removeprefix("with ") in text


def test_options_are_joined_by_hyphens(capsys: pytest.CaptureFixture[str]) -> None:
    for words in COMMANDS:
        if words[0] in (*OF_GROUPS, "explore") and words[1:] not in (("run",), ("job",), ("status",)):
            options = re.findall(r"(?<![\w-])--\w[\w-]*", help_of(words, capsys))
            assert {option for option in options if "_" in option} <= {"--print_config"}, words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "whole number"),
        (float | None, "number"),
        (int | float, "whole number or number"),
        (Path, "path"),
        (Names | None, "names joined by commas, as in a,b"),
        (Literal["a", 2], "{a,2}"),
        (list[str] | Literal["all"] | None, "list of texts or {all}"),
        (tuple[int, int, int], "list of 3 whole numbers"),
        (tuple[float, ...], "list of numbers"),
        (dict[str, list[str]], "mapping to lists of texts"),
        (dict[str, float], "mapping to numbers"),
        (pytest.Item | None, "Item"),
    ],
)
def test_type_words(kind: object, words: str) -> None:
    assert type_words(kind) == words


@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        (Literal["a", "b"], ("a", "b")),
        (Literal["a"] | None, ("a",)),
        (Literal[1] | Literal["a"] | None, (1, "a")),
        (Literal["a"] | int, ()),
        (list[Literal["a"]], ()),
        (tuple[Literal["a"]], ()),
        (str, ()),
        (None, ()),
    ],
)
def test_choices_of_a_type(kind: object, choices: tuple[object, ...]) -> None:
    assert tuple(choices_of(kind)) == choices
