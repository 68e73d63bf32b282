"""YAML for options and configurations, bounded before anything is built of it.

A few lines of aliases can stand for billions of values ("billion laughs"), and deep nesting ends the process.
"""

from collections.abc import Sequence
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

_MOST_VALUES = 20_000
"""That aliases may stand for; a large configuration has some hundreds of values."""
_DEEPEST = 100


class UnboundedYamlError(yaml.YAMLError):  # type: ignore[misc]  # YAML has no types
    """YAML that stands for too much; a parser says it in one line."""


def bound_yaml() -> None:
    """Have every parser of options read YAML within bounds."""
    read = get_loader("yaml")

    def bounded(text: str) -> Any:  # noqa: ANN401 - whatever YAML says
        require_bounded(text)
        return read(text)

    set_loader("yaml", bounded, (yaml.YAMLError,))


def require_bounded_words(words: Sequence[str]) -> None:
    """The same for options on a command line, whose values are read as YAML, too.

    Raises:
        UnboundedYamlError: a value stands for too much; the text begins with its option.
    """
    option = ""
    for word in words:
        value = word
        if word.startswith("--"):
            option, _, value = word.partition("=")
        try:
            _require_bounded_value(value)
        except UnboundedYamlError as error:
            raise UnboundedYamlError(f"{option}: {error}" if option else str(error)) from error


def _require_bounded_value(text: str) -> None:
    """Text that may be YAML, or anything else."""
    if not any(mark in text for mark in "[{&"):
        return
    try:
        require_bounded(text)
    except UnboundedYamlError:
        raise
    except yaml.YAMLError:
        return  # nothing will be built of it


def require_bounded(text: str) -> None:
    """See, from the events of a parser that builds nothing, how much a text stands for.

    Strings in it count as well: where an option expects more than a string, they are read once more.

    Raises:
        UnboundedYamlError: it is nested too deep, or its aliases stand for too much.
        yaml.YAMLError: it is no YAML.
    """
    counted = _Counted()
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            counted.begin(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            counted.end()
        elif isinstance(event, yaml.AliasEvent):
            counted.add_alias(event.anchor)
        elif isinstance(event, yaml.ScalarEvent):
            if event.value != text:
                _require_bounded_value(event.value)
            counted.add(event.anchor, 1)


class _Counted:
    """Counts the values that a text stands for, an event at a time."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}  # of what has an anchor
        self._open: list[tuple[str | None, int]] = [(None, 0)]  # collections: anchor, and values so far
        self._by_aliases = 0

    def begin(self, anchor: str | None) -> None:
        self._open.append((anchor, 1))
        if len(self._open) > _DEEPEST:
            raise UnboundedYamlError(f"YAML: expected at most {_DEEPEST} levels, found deeper ones")

    def end(self) -> None:
        self.add(*self._open.pop())

    def add(self, anchor: str | None, size: int) -> None:
        """Add a whole value to the collection around it."""
        if anchor is not None:
            self._sizes[anchor] = size
        around, total = self._open[-1]
        self._open[-1] = around, total + size

    def add_alias(self, anchor: str) -> None:
        if any(anchor == around for around, _ in self._open):
            raise UnboundedYamlError(f"YAML: the alias *{anchor} stands inside itself")
        size = self._sizes.get(anchor, 1)
        self._by_aliases += size
        if self._by_aliases > _MOST_VALUES:
            raise UnboundedYamlError(
                f"YAML: its aliases stand for more than {_MOST_VALUES:,} values; write them out"
            )
        self.add(None, size)
