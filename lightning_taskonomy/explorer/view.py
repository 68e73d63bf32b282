"""What a visitor looks at, as one value: it is the question solved and the query of the page's link."""

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
"""Of a number: larger ones are a slip, and their sums would overflow."""
ALTERNATIVES = (0, 1, 3)
"""How many unused transfers of a target may be shown."""


@dataclass(frozen=True)
class View:
    """Everything that the controls of the page say.

    Attributes:
        table: key of the table of transfers; empty for the first one.
        budget: largest total label cost; None for a third of the table's sources, as of a run.
        max_order: largest number of sources of a transfer; None for any.
        source_only: tasks that need no solving.
        target_only: tasks that must not be trained fully.
        importance: weight of a target where it is not 1.
        cost: label cost of a task where it is not 1.
        measure: what colours the graph.
        alternatives: how many unused transfers of each target are drawn, dimmed.
        against: what is shown beside it.
        second_budget: the other budget.
        second_table: key of the other table.
        stage: the matrix before or after AHP.
        arrangement: its rows and columns by the tree or by name.
        clusters: how many groups the tree is cut into.
        page: the tab in front.
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
        """The view of a link's query; what is not given is its default, unknown keys are let be.

        Raises:
            InputError: a value that is none; the line names its key.
        """
        given: dict[str, list[str]] = {}
        for key, value in parse_qsl(query.removeprefix("?"), keep_blank_values=True):
            given.setdefault(key, []).append(value)
        known = {entry.name for entry in fields(cls)}
        return cls(**{key: _READERS[key](key, values) for key, values in given.items() if key in known})  # type: ignore[arg-type]

    def query(self) -> str:
        """The query of a link to this view: what differs from the defaults, in the order of the fields."""
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
        """The budget for a table of these sources."""
        return float(-(-len(sources) // 3)) if self.budget is None else self.budget

    def on(self, table: str, tasks: Iterable[str]) -> "View":
        """The same view of another table, without the tasks that it does not have."""
        there = tuple(tasks)

        def named(name: str) -> str | None:
            try:
                return name_among(name, there, "link")
            except InputError:  # several could be meant
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
        """The same view with the tasks called as a table calls them; unknown ones stay.

        Raises:
            InputError: a name could be several tasks of the table.
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
    if not math.isfinite(number):  # what a number may be, the problem says
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
