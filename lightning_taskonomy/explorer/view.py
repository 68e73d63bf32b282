"""A view of the page as one value, which determines the question to solve and the query of the link."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlencode

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import keys_among, name_among, names_among

Measure = Literal["gain", "quality"]
Against = Literal["nothing", "budget", "table"]
Stage = Literal["after", "before"]
Arrangement = Literal["tree", "name"]
Page = Literal["taxonomy", "budgets", "affinities", "run"]

LARGEST = 1e12
"""Largest number accepted: larger ones are mistakes, and their sums would overflow."""
ALTERNATIVES = (0, 1, 3)
"""Choices for the number of unused transfers shown per target."""


@dataclass(frozen=True)
class View:
    """The state of all controls of the page.

    Attributes:
        table: Key of the table of transfers; empty for the first one.
        budget: Maximum total label cost; None for a third of the table's sources, as in a run.
        max_order: Maximum number of sources of a transfer; None for any.
        source_only: Tasks that need not be solved.
        target_only: Tasks that must not be trained fully.
        importance: Weights of targets other than 1.
        cost: Label costs of tasks other than 1.
        measure: Measure shown by the graph's colours.
        alternatives: Number of unused transfers drawn per target, dimmed.
        against: What to compare with.
        second_budget: The other budget.
        second_table: Key of the other table.
        stage: Matrix before or after AHP.
        arrangement: Order of its rows and columns, by the tree or by name.
        clusters: Number of clusters of the tree.
        page: The active tab.
    """

    table: str = ""
    budget: float | None = None
    max_order: int | None = 4
    source_only: tuple[str, ...] = ()
    target_only: tuple[str, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    measure: Measure = "quality"
    alternatives: int = 1
    against: Against = "nothing"
    second_budget: float = 4.0
    second_table: str = ""
    stage: Stage = "after"
    arrangement: Arrangement = "tree"
    clusters: int = 4
    page: Page = "taxonomy"

    @classmethod
    def read(cls, query: str) -> "View":
        """The view of a link's query; missing keys have defaults, unknown keys are ignored.

        Raises:
            InputError: a value is invalid; the message names its key.
        """
        given: dict[str, list[str]] = {}
        for key, value in parse_qsl(query.removeprefix("?"), keep_blank_values=True):
            given.setdefault(key, []).append(value)
        known = {entry.name for entry in fields(cls)}
        return cls(**{key: _READERS[key](key, values) for key, values in given.items() if key in known})  # type: ignore[arg-type]

    def query(self) -> str:
        """The query of a link to this view: values other than the defaults, in the order of the fields."""
        pairs: list[tuple[str, str]] = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, tuple):
                pairs += [(entry.name, name) for name in value]
            elif isinstance(value, Mapping):
                pairs += [(entry.name, f"{name}={number:.15g}") for name, number in sorted(value.items())]
            elif value != entry.default:
                pairs.append((entry.name, _written(value)))
        return urlencode(pairs)

    def budget_of(self, sources: Collection[str]) -> float:
        """The budget for a table with these sources."""
        return float(-(-len(sources) // 3)) if self.budget is None else self.budget

    def on(self, table: str, tasks: Iterable[str]) -> "View":
        """The same view of another table, without tasks that the table lacks."""
        there = tuple(tasks)

        def named(name: str) -> str | None:
            try:
                return name_among(name, there, "link")
            except InputError:  # ambiguous
                return None

        def numbers(given: Mapping[str, float]) -> dict[str, float]:
            return {task: number for name, number in given.items() if (task := named(name)) is not None}

        return replace(
            self,
            table=table,
            source_only=tuple(dict.fromkeys(filter(None, map(named, self.source_only)))),
            target_only=tuple(dict.fromkeys(filter(None, map(named, self.target_only)))),
            importance=numbers(self.importance),
            cost=numbers(self.cost),
        )

    def with_names_of(self, tasks: Iterable[str]) -> "View":
        """The same view with a table's names for the tasks; unknown names are kept.

        Raises:
            InputError: a name is ambiguous in the table.
        """
        there = tuple(tasks)
        return replace(
            self,
            source_only=tuple(names_among(self.source_only, there, "link: source_only")),
            target_only=tuple(names_among(self.target_only, there, "link: target_only")),
            importance=keys_among(self.importance, there, "link: importance"),
            cost=keys_among(self.cost, there, "link: cost"),
        )


def _written(value: object) -> str:
    if value is None:
        return "any"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _number(key: str, values: list[str]) -> float:
    try:
        number = float(values[-1])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):  # its range is checked by the problem
        raise InputError(f"link: {key}: expected a finite number, found {values[-1]!r}")
    if abs(number) > LARGEST:
        raise InputError(f"{key}: expected a number of at most {LARGEST:g}, found {number:g}")
    return number


def _whole(key: str, values: list[str]) -> int:
    if not (values[-1].isdecimal() and len(values[-1]) < 10):
        raise InputError(f"link: {key}: expected a whole number, found {values[-1]!r}")
    return int(values[-1])


def _max_order(key: str, values: list[str]) -> int | None:
    return None if values[-1] == "any" else _whole(key, values)


def _alternatives(key: str, values: list[str]) -> int:
    number = _whole(key, values)
    if number not in ALTERNATIVES:
        raise InputError(
            f"link: {key}: expected one of {', '.join(map(str, ALTERNATIVES))}, found {values[-1]!r}"
        )
    return number


def _text(_: str, values: list[str]) -> str:
    return values[-1]


def _names(_: str, values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _numbers(key: str, values: list[str]) -> Mapping[str, float]:
    numbers = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        if not equals:
            raise InputError(f"link: {key}: expected task=number, found {value!r}")
        numbers[name] = _number(f"{key} of {name}", [number])
    return numbers


def _one_of(*words: str) -> Callable[[str, list[str]], str]:

    def read(key: str, values: list[str]) -> str:
        if values[-1] not in words:
            raise InputError(f"link: {key}: expected one of {', '.join(words)}, found {values[-1]!r}")
        return values[-1]

    return read


_READERS: Mapping[str, Callable[[str, list[str]], object]] = {
    "table": _text,
    "budget": _number,
    "max_order": _max_order,
    "source_only": _names,
    "target_only": _names,
    "importance": _numbers,
    "cost": _numbers,
    "measure": _one_of(*get_args(Measure)),
    "alternatives": _alternatives,
    "against": _one_of(*get_args(Against)),
    "second_budget": _number,
    "second_table": _text,
    "stage": _one_of(*get_args(Stage)),
    "arrangement": _one_of(*get_args(Arrangement)),
    "clusters": _whole,
    "page": _one_of(*get_args(Page)),
}
