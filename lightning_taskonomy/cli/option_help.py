"""How `--help` describes an option: its type in words, its choices as {a,b,c}, its default."""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import DefaultHelpFormatter

from lightning_taskonomy.cli.option_types import NamedNumbers, Names, Numbers, WholeNumbers

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    timedelta: "duration",
    Any: "anything",
    Names: "names joined by commas, as in a,b",
    NamedNumbers: "name=number pairs joined by commas, as in a=2,b=0.5",
    WholeNumbers: "whole numbers joined by commas, or a range, as in 1:26",
    Numbers: "numbers joined by commas, or a range, as in 1:26",
}


def type_words(kind: Any) -> str:  # noqa: ANN401 - annotations have no common type
    """A type in words for `--help`; None is left out, as the default shows it."""
    if kind in _WORDS:
        return _WORDS[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        parts = [part for part in inner if part is not NoneType]
        choices = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
        others = [type_words(part) for part in parts if get_origin(part) is not Literal]
        return " or ".join(dict.fromkeys(others + ([choice_words(choices)] if choices else [])))
    if origin is Literal:
        return choice_words(inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping to {_several(inner[1])}"
    if isinstance(origin, type) and inner:
        number = len(inner) if origin is tuple and ... not in inner else None
        return f"list of {'' if number is None else f'{number} '}{_several(inner[0])}"
    return str(getattr(kind, "__name__", kind))


def choice_words(choices: Sequence[object]) -> str:
    """Choices as in a usage line: {a,b,c}."""
    return "{" + ",".join(dict.fromkeys(map(str, choices))) + "}"


def _several(kind: Any) -> str:  # noqa: ANN401
    words = type_words(kind)
    return words.replace("list of", "lists of") if "list of" in words else words + "s" * words.isascii()


def choices_of(kind: Any) -> Sequence[object]:  # noqa: ANN401
    """The possible values of a type that is a choice among words; empty otherwise."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    parts = tuple(part for part in parts if part is not NoneType)
    if any(get_origin(part) is not Literal for part in parts):
        return ()
    return [value for part in parts for value in get_args(part)]


class OptionHelp(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """jsonargparse's help, with plain words in place of Python's."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = _without_markup(action.help or "")
        remarks = "; ".join(_remarks(action))
        return f"{text} ({remarks})".lstrip() if remarks else text

    def start_section(self, heading: str | None) -> None:
        """Start a group of options; a class without a docstring is shown by its name."""
        super().start_section(re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", heading or ""))

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        choices = choices_of(_kind(action))
        return choice_words(choices) if choices else super()._get_default_metavar_for_optional(action)


def _kind(action: argparse.Action) -> Any:  # noqa: ANN401
    """The annotation of an option."""
    return getattr(action, "_typehint", None) if hasattr(action, "extra_help") else action.type


def _remarks(action: argparse.Action) -> Iterator[str]:
    """The remarks in parentheses: the type, unless the usage shows its choices, and the default."""
    kind = _kind(action)
    if isinstance(action, argparse._StoreTrueAction):
        yield "flag"
        return
    if kind is not None and kind is not bool and not choices_of(kind):
        yield type_words(kind) + (", one or more" if action.nargs == "+" else "")
    known = action.extra_help() if hasattr(action, "extra_help") else ""
    if known:
        yield "known are " + re.sub(r"[\w.]+\.", "", known.rpartition(": ")[2])
    if action.required:
        yield "required"
    elif action.default is not argparse.SUPPRESS and kind is not None and action.option_strings:
        yield f"default: {_default_words(action.default)}"


def _default_words(default: object) -> str:
    if default is None or default in ((), [], {}):
        return "none"
    if isinstance(default, list | tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _without_markup(text: str) -> str:
    """A docstring without roles and double backquotes: Lightning's have both."""
    return re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"\1", text).replace("``", "")
