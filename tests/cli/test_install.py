"""A base installation without the extras: missing packages give a one-line error, and help works."""

import configparser
import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

from lightning_taskonomy.cli import GROUPS, bank, data, task2vec, taxonomy
from lightning_taskonomy.cli.docstrings import docstring
from lightning_taskonomy.cli.missing import _BROUGHT_BY, needed

ROOT = Path(__file__).parents[2]
COMMANDS = [
    *(f"{name} {command}" for name, group in (("data", data), ("bank", bank)) for command in group.COMMANDS),
    *(f"task2vec {command}" for command in task2vec.COMMANDS),
    *(f"taxonomy {command}" for command in taxonomy.COMMANDS),
    *("fit", "validate", "test", "predict", "explore"),
]
RUNS = {
    "fit --model TaskNetwork": "fit needs torch: pip install 'lightning_taskonomy[train]'",
    "predict": "predict needs torch: pip install 'lightning_taskonomy[train]'",
    "task2vec embed --source x --out y": "task2vec embed needs {package}: "
    "pip install 'lightning_taskonomy[train]'",
    "taxonomy run --config c.yaml --dry-run": "taxonomy run needs {package}: "
    "pip install 'lightning_taskonomy[train]'",
    "taxonomy status --config c.yaml": "taxonomy status needs {package}: "
    "pip install 'lightning_taskonomy[train]'",
    "bank predict photos --out y": "bank predict needs {package}: pip install 'lightning_taskonomy[train]'",
    "data rooms --out x": "data rooms needs {package}: pip install 'lightning_taskonomy[render]'",
    "data annotate --images x --out y": "data annotate needs {package}: "
    "pip install 'lightning_taskonomy[render]'",
    "explore": "explore needs {package}: pip install 'lightning_taskonomy[explore]'",
}
PROGRAM = """
import contextlib, io, json, sys
hidden, commands = json.load(sys.stdin)
class Rest:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *rest):
        return None if name.partition(".")[0] in hidden else self.finder.find_spec(name, *rest)
sys.meta_path[:] = map(Rest, sys.meta_path)
from lightning_taskonomy.cli import main
answers = []
for words in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words.split())
        except SystemExit as left:
            status = left.code
    answers.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""
Answer = tuple[int, str, str]


def required(text: str) -> list[str]:
    """The distributions named in lines of requirements."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in lines if line]


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def modules() -> dict[str, set[str]]:
    """By distribution, its import names."""
    found: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            found.setdefault(distribution.lower().replace("_", "-"), set()).add(module)
    return found


def with_dependencies(distributions: list[str]) -> set[str]:
    known: set[str] = set()
    waiting = list(distributions)
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:  # for another system or Python
            continue
        waiting += required("\n".join(line for line in lines if "extra ==" not in line))
    return known


@pytest.fixture(scope="module")
def answers(setup: configparser.ConfigParser, modules: dict[str, set[str]]) -> dict[str, Answer]:
    """The output of commands where only the base and its dependencies are installed."""
    base = with_dependencies(
        [*required(setup["options"]["install_requires"]), "docstring-parser", "typeshed-client"]
    )
    there = {module for name in base for module in modules.get(name, set())}
    hidden = sorted({module for its in modules.values() for module in its} - there - {"lightning_taskonomy"})
    assert {"torch", "numba", "dash", "skimage"} <= set(hidden)
    words = [*(f"{command} --help" for command in COMMANDS), *(f"{name} --help" for name in GROUPS), *RUNS]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps([hidden, words]), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return dict(zip(words, map(tuple, json.loads(run.stdout.splitlines()[-1])), strict=True))


@pytest.mark.parametrize("words", RUNS)
def test_what_is_missing_is_one_line_that_names_the_extra(answers: dict[str, Answer], words: str) -> None:
    status, out, err = answers[words]
    assert (status, out) == (2, "")
    line = re.escape(f"error: {RUNS[words]}\n").replace(re.escape("{package}"), r"\w+")
    assert re.fullmatch(line, err), err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(answers: dict[str, Answer], command: str) -> None:
    status, out, err = answers[f"{command} --help"]
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: python -m lightning_taskonomy {command}")
    assert len(out.splitlines()) >= 5
    if "To see every option" in out:
        assert "pip install 'lightning_taskonomy[" in out.splitlines()[-1]


@pytest.mark.parametrize("group", ["data", "task2vec", "taxonomy", "bank"])
def test_every_group_lists_its_commands(answers: dict[str, Answer], group: str) -> None:
    status, out, err = answers[f"{group} --help"]
    assert (status, err) == (0, "")
    its = [command.split()[1] for command in COMMANDS if command.startswith(f"{group} ")]
    assert [line.split()[0] for line in out.splitlines()[3:]] == its
    assert all(len(line.split()) > 3 for line in out.splitlines()[3:])


def test_the_table_of_extras_is_that_of_the_installation(
    setup: configparser.ConfigParser, modules: dict[str, set[str]]
) -> None:
    extras = {name: required(setup["options.extras_require"][name]) for name in ("train", "render", "bank")}
    extras["explore"] = required(setup["options.extras_require"]["explore"])
    for name in {distribution for its in extras.values() for distribution in its}:
        for module in modules.get(name, set()) & set(_BROUGHT_BY):
            assert _BROUGHT_BY[module] == tuple(extra for extra, its in extras.items() if name in its), module
        if name in modules:
            assert modules[name] & set(_BROUGHT_BY), f"{name} is brought by an extra that no line names"


def test_other_packages_are_named_and_the_packages_own_faults_are_not_hidden() -> None:
    line = needed("fit", ModuleNotFoundError("No module named 'my_plugin'", name="my_plugin.parts"))
    assert line == "fit needs the package my_plugin, which is not installed"
    with pytest.raises(ModuleNotFoundError, match="no such part"):
        needed("fit", ModuleNotFoundError("no such part", name="lightning_taskonomy.no_such_part"))
    assert needed("fit", ModuleNotFoundError("neither a nor b")) == "fit: neither a nor b"


@pytest.mark.parametrize("words", ["taxonomy solve --help", "taxonomy --help", "data check --help"])
def test_help_is_the_same_without_docstrings(words: str) -> None:
    texts = [
        subprocess.run(
            [sys.executable, *flags, "-m", "lightning_taskonomy", *words.split()],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
        for flags in ((), ("-OO",))
    ]
    assert texts[0] == texts[1]


def test_docstrings_are_read_without_importing() -> None:
    assert docstring("lightning_taskonomy.cli.data", "rooms").startswith("Render furnished rooms")
    assert docstring("lightning_taskonomy.cli.data", "absent") == ""
    assert docstring("no_such_module", "absent") == ""
