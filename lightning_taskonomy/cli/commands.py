"""A group of commands, each an ordinary function: its signature is its options, its docstring its help."""

import argparse
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from keyword import iskeyword
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, NoReturn, get_args, get_origin

from docstring_parser import Docstring, parse
from jsonargparse import ArgumentParser, Namespace

from lightning_taskonomy.cli.bounded_yaml import bound_yaml
from lightning_taskonomy.cli.docstrings import docstring
from lightning_taskonomy.cli.missing import asks_for_help, needed, print_help_without_options
from lightning_taskonomy.core.errors import InputError

Command = Callable[..., None]
"""Its parameters are the options: `bool` a flag, `tuple[T, ...]` one or more words, else one word.

A `Positional` one is given without its name. One that is a dataclass stands for all of its fields: options
that several commands share."""

# What a reader of --help sees for a type; a type not listed here says it by its own docstring.
_TYPE_WORDS: dict[Any, str] = {Path: "path", float: "number", int: "whole number", str: "text", bool: "flag"}


_NUMBERS = {"int": "whole number", "float": "number"}


bound_yaml()  # for whatever parser of options, Lightning's too


class ReadableConfiguration:
    """A parser that says which file is no text; stands before jsonargparse's own among its bases."""

    def parse_args(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:  # noqa: ANN401
        """As jsonargparse's.

        Raises:
            InputError: a configuration is not text in UTF-8.
        """
        try:
            return super().parse_args(args, *others, **options)  # type: ignore[misc]
        except UnicodeDecodeError as error:
            raise InputError(
                f"config: expected a text file (YAML) in UTF-8, found other bytes ({error})"
            ) from error


class OneLineParser(ReadableConfiguration, ArgumentParser):  # type: ignore[misc]
    """A parser whose complaint is one line, not a usage text and a line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse the words, in one line."""
        raise InputError(f"{one_line(message)} (see {self.prog} --help)") from ex


def one_line(message: str) -> str:
    """What jsonargparse complains about, in a line that a reader of --help understands."""
    line = " ".join(message.split())
    line = re.sub(r'Parser key "([\w.]+)"', lambda found: _option(found[1]), line)
    line = re.sub(r"<class '([\w.]+)'>", r"\1", line)
    # For "number or none", jsonargparse recounts both attempts: keep what it says of the first.
    line = re.sub(
        r"Does not validate .*? Errors: - (.*?) - Expected (?:a )?NoneType .*?Given value: ",
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
        program: how the group is called, for help texts.
        commands: by name, in the order of the help text, the module that holds the function of that name;
            only the one asked for is imported, so that it starts fast.
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
    try:
        _run(program, commands, words)
    except ModuleNotFoundError as error:
        if not asks_for_help(words[1:]):
            raise
        text = re.split(
            r"\n(?:Raises:|Args:\n    program:)", docstring(commands[words[0]], _function(words[0]))
        )[0]
        lacking = needed(f"{program.split()[-1]} {words[0]}", error)
        print_help_without_options(f"{program} {words[0]}", text.rstrip(), lacking)


def _run(program: str, commands: Mapping[str, str], words: Sequence[str]) -> None:
    command = _imported(commands, words[0])
    if list(_parameters(command)) == ["program", "words"]:  # it reads its own: nested options, for example
        command(f"{program} {words[0]}", words[1:])
        return
    run_single(f"{program} {words[0]}", command, words[1:])


def run_single(program: str, command: Command, words: Sequence[str]) -> None:
    """Run one command with the options that the words give it, as `run_command` does for one of a group.

    Args:
        program: how the command is called, for help texts.
        command: the function.
        words: its options.

    Raises:
        InputError: a bad option.
    """
    chosen = _parser(program, command).parse_args(list(words))
    command(**{name: _given(chosen, parameter) for name, parameter in _parameters(command).items()})


def _imported(commands: Mapping[str, str], name: str) -> Command:
    command: Command = getattr(importlib.import_module(commands[name]), _function(name))
    return command


def _function(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name  # `import`


def _documented(command: Callable[..., Any]) -> Docstring:
    return parse(docstring(command.__module__, command.__name__) or command.__doc__ or "")


def _given(chosen: Namespace, parameter: inspect.Parameter) -> Any:  # noqa: ANN401 - whatever it is typed as
    shared = parameter.annotation
    if not is_dataclass(shared):
        return chosen[parameter.name]
    return shared(**{field.name: chosen[field.name] for field in fields(shared)})  # type: ignore[operator]


def _parameters(command: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(command, eval_str=True).parameters


def _parser(program: str, command: Command) -> ArgumentParser:
    text = _documented(command)
    description = "\n\n".join(filter(None, (text.short_description, text.long_description)))
    parser = OneLineParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", action="config", help="a YAML file with any of the options below")
    _add_options(parser, command)
    return parser


def _add_options(parser: ArgumentParser, command: Callable[..., Any]) -> None:
    """Add an option for every parameter; `command` may be a dataclass, whose fields are its parameters."""
    text = _documented(command)
    meaning = defaultdict(str, {entry.arg_name: entry.description or "" for entry in text.params})
    for name, parameter in _parameters(command).items():
        if is_dataclass(parameter.annotation):
            _add_options(parser, parameter.annotation)  # type: ignore[arg-type]
            continue
        if parameter.annotation is bool:
            parser.add_argument(_option(name), action="store_true", help=f"{meaning[name]} (flag)")
            continue
        if get_origin(parameter.annotation) is Annotated:
            kind, _ = get_args(parameter.annotation)
            parser.add_argument(name, type=kind, help=f"{meaning[name]} ({_type_words(kind)})")
            continue
        required = parameter.default is inspect.Parameter.empty
        several = get_origin(parameter.annotation) is tuple
        kind = get_args(parameter.annotation)[0] if several else parameter.annotation
        words = _type_words(kind) + (", one or more" if several else "")
        closing = "required" if required else f"default: {_default_words(parameter.default)}"
        given: dict[str, Any] = {"required": True} if required else {"default": parameter.default}
        if several:
            given["nargs"] = "+"
        parser.add_argument(
            _option(name),
            type=kind,
            metavar=name.upper(),
            help=f"{meaning[name]} ({words}; {closing})".replace("%", "%%"),
            **given,
        )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _type_words(annotation: Any) -> str:  # noqa: ANN401 - annotations have no common type
    parts = [part for part in get_args(annotation) if part is not NoneType] or [annotation]
    return " or ".join(
        part
        if isinstance(part, str)
        else _TYPE_WORDS.get(part) or (_of_type(part) or str(part)).split("\n")[0].rstrip(".")
        for part in parts
    )


def _of_type(part: Any) -> str | None:  # noqa: ANN401 - annotations have no common type
    module = getattr(part, "__module__", "")
    own = docstring(module, part.__name__) if module.startswith("lightning_taskonomy.") else None
    return own or inspect.getdoc(part)


def _default_words(default: object) -> str:
    if default is None or default == ():
        return "none"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


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
