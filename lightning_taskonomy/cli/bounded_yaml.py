"""YAML for options and configurations, checked against limits before anything is built from it.

A few lines of aliases can expand to billions of values ("billion laughs"), and deep nesting can crash Python.
"""

from collections.abc import Sequence
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

_MOST_VALUES = 20_000
"""The most values that aliases may expand to; a large configuration has some hundreds of values."""
_DEEPEST = 100


class UnboundedYamlError(yaml.YAMLError):  # type: ignore[misc]  # YAML has no types
    """YAML that exceeds the limits; parsers report it as a one-line error."""


def bound_yaml() -> None:
    """Make every option parser check YAML against the limits."""
    read = get_loader("yaml")

    def bounded(text: str) -> Any:  # noqa: ANN401 - any YAML value
        require_bounded(text)
        return read(text)

    set_loader("yaml", bounded, (yaml.YAMLError,))


def require_bounded_words(words: Sequence[str]) -> None:
    """The same check for options on a command line, whose values are also read as YAML.

    Raises:
        UnboundedYamlError: a value exceeds the limits; the message begins with its option.
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
    """Check text that may or may not be YAML."""
    if not any(mark in text for mark in "[{&"):
        return
    try:
        require_bounded(text)
    except UnboundedYamlError:
        raise
    except yaml.YAMLError:
        return  # not YAML: nothing will be built from it


def require_bounded(text: str) -> None:
    """Check a text's expanded size from parser events, without building anything.

    Strings in it are checked too: where an option expects more than a string, they are parsed again.

    Raises:
        UnboundedYamlError: it is nested too deep, or its aliases expand to too many values.
        yaml.YAMLError: it is not YAML.
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
    """Counts the values that a text expands to, event by event."""

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
        """Add a complete value to the enclosing collection."""
        if anchor is not None:
            self._sizes[anchor] = size
        around, total = self._open[-1]
        self._open[-1] = around, total + size

    def add_alias(self, anchor: str) -> None:
        if any(anchor == around for around, _ in self._open):
            raise UnboundedYamlError(f"YAML: the alias *{anchor} contains itself")
        size = self._sizes.get(anchor, 1)
        self._by_aliases += size
        if self._by_aliases > _MOST_VALUES:
            raise UnboundedYamlError(
                f"YAML: its aliases stand for more than {_MOST_VALUES:,} values; write them out"
            )
        self.add(None, size)
