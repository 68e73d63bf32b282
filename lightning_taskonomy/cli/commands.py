"""A command is an ordinary function: its signature is its options, its docstring its help."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from keyword import iskeyword
from typing import Any, NoReturn, get_args, get_origin

from docstring_parser import parse
from jsonargparse import ArgumentParser

from lightning_taskonomy.cli.bounded_yaml import UnboundedYamlError, bound_yaml, require_bounded_words
from lightning_taskonomy.cli.docstrings import docstring, restore_docstrings
from lightning_taskonomy.cli.missing import asks_for_help, needed, print_help_without_options
from lightning_taskonomy.cli.option_help import OptionHelp
from lightning_taskonomy.core.errors import InputError

Command = Callable[..., None]
"""Its keyword-only parameters are options: `bool` a flag, `tuple[T, ...]` one or more words, else one word.

A parameter before those is positional. A dataclass parameter stands for all of its fields: options that
several commands share."""

_NUMBERS = {"int": "whole number", "float": "number"}

bound_yaml()  # for every option parser, Lightning's too


class PlainWords:
    """A parser with help in plain words and one-line errors without a usage text.

    A mixin: list it before jsonargparse's own parser, or Lightning's, among the base classes.
    """

    prog: str

    def __init__(self, *args: Any, formatter_class: type = OptionHelp, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, formatter_class=formatter_class, **options)  # type: ignore[call-arg]

    def parse_args(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:  # noqa: ANN401
        """As jsonargparse's.

        Raises:
            InputError: a bad option, or a configuration that is not UTF-8 text.
        """
        try:
            require_bounded_words(args or ())
            return super().parse_args(args, *others, **options)  # type: ignore[misc]
        except UnboundedYamlError as error:
            self.error(str(error), error)
        except UnicodeDecodeError as error:
            raise InputError(
                f"config: expected a text file (YAML) in UTF-8, found other bytes ({error})"
            ) from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Reject the arguments with a one-line error."""
        raise InputError(f"{one_line(message)} (see {self.prog} --help)") from ex


class OneLineParser(PlainWords, ArgumentParser):  # type: ignore[misc]
    """jsonargparse's parser, with plain messages."""


class CommandParser(OneLineParser):
    """Options in the usual spelling: `--max-order 4`, `--task normal jigsaw`, `--raw`."""

    def add_argument(self, *names: str, **options: Any) -> Any:  # noqa: ANN401 - as jsonargparse's
        """As jsonargparse's, for a parameter of a function."""
        kind = options.get("type") or getattr(options.get("action"), "_typehint", None)
        if kind is not None:
            names = tuple(
                name.replace("_", "-") if name.startswith("-") else name
                for name in names
                if not name.endswith("+")  # `--losses+ c.parquet` appends
            )
        if kind is bool:
            options = {"action": "store_true", "help": options["help"]}
        elif get_origin(kind) is tuple:
            del options["action"]
            options |= {"type": get_args(kind)[0], "nargs": "+"}
        return super().add_argument(*names, **options)


def one_line(message: str) -> str:
    """An error message of jsonargparse, on one line and in the terms of --help."""
    line = " ".join(message.split())
    line = re.sub(r'Parser key "([\w.]+)"', lambda found: f"--{found[1].replace('_', '-')}", line)
    line = re.sub(r"<class '([\w.]+)'>", r"\1", line)
    # For "number or none", jsonargparse reports both attempts: keep the message of the first.
    line = re.sub(
        r"Does not validate .*? Errors: - (.*?) - Expected (?:a )?NoneType\b.*?Given value: ",
        r"\1. Got value: ",
        line,
    )
    line = re.sub(r"Not of type \w+: ", "", line)
    line = re.sub(r" \(see __main__\.py --help\)|\.? Got value: Namespace\(.*", "", line)
    line = re.sub(r"(got '.*?')[.;] [Gg]ot value: .*", r"\1", line)
    line = re.sub(r"typing\.Literal\[(.*?)\]", r"value of \1", line)
    return re.sub(r"Expected a (int|float)\b", lambda found: f"Expected a {_NUMBERS[found[1]]}", line)


def run_command(program: str, commands: Mapping[str, str], words: Sequence[str]) -> None:
    """Run the command that the first word names with the options that follow.

    Every option may also stand in a YAML file given as ``--config FILE``; the command line wins over it.

    Args:
        program: the group's command, for help texts.
        commands: by name, in the order of the help text, the module that holds the function of that name;
            only the module of the command that runs is imported, so that it starts fast.
        words: the words after the group's name.

    Raises:
        InputError: no such command, or a bad option.
    """
    if words and words[0] in ("-h", "--help"):
        print(_group_help(program, commands))
        return
    if not words or words[0] not in commands:
        found = f"{words[0]}: no such command" if words else "a command is missing"
        raise InputError(f"{found}; {program} has {', '.join(commands)}")
    name, program, rest = words[0], f"{program} {words[0]}", words[1:]
    try:
        command: Command = getattr(importlib.import_module(commands[name]), _function(name))
        if list(inspect.signature(command).parameters) == ["program", "words"]:  # it parses its own options
            command(program, rest)
        else:
            run_single(program, command, rest)
    except ModuleNotFoundError as error:
        if not asks_for_help(rest):
            raise
        text = re.split(r"\n(?:Raises:|Args:\n    program:)", docstring(commands[name], _function(name)))[0]
        print_help_without_options(program, text.rstrip(), needed(" ".join(program.split()[-2:]), error))


def run_single(program: str, command: Command, words: Sequence[str]) -> None:
    """Parse the options of one command and run it, as `run_command` does for those of a group.

    Args:
        program: the command as typed, for help texts.
        command: the function.
        words: its options.

    Raises:
        InputError: a bad option.
    """
    restore_docstrings(sys.modules[command.__module__])
    text = parse(command.__doc__ or "")
    description = "\n\n".join(filter(None, (text.short_description, text.long_description)))
    parser = CommandParser(prog=program, description=description)
    parser.add_argument("--config", action="config", help="a YAML file with any of the options below")
    shared: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in inspect.signature(command).parameters.items()
        if is_dataclass(parameter.annotation)
    }
    parser.add_function_arguments(command, as_group=False, as_positional=True, skip={*shared})
    for options in shared.values():
        parser.add_class_arguments(options, as_group=False, instantiate=False)
    chosen = parser.parse_args(list(words)).as_dict()
    del chosen["config"]
    for name, options in shared.items():
        chosen[name] = options(**{field.name: chosen.pop(field.name) for field in fields(options)})
    command(**chosen)


def _function(name: str) -> str:
    """The function of a command; `import` and `list` are taken by Python."""
    return f"{name}_" if iskeyword(name) or name == "list" else name


def _group_help(program: str, commands: Mapping[str, str]) -> str:
    width = max(map(len, commands))
    summaries = {name: docstring(module, _function(name)).split("\n")[0] for name, module in commands.items()}
    return "\n".join(
        [
            f"usage: {program} COMMAND [OPTIONS]",
            "",
            "commands (each answers --help):",
            *(f"  {name:<{width}}  {summary}" for name, summary in summaries.items()),
        ]
    )
