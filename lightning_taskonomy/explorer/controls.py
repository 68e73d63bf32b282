"""The controls beside the plots, and the view that they describe."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from lightning_taskonomy.explorer.attributes import dashed
from lightning_taskonomy.explorer.question import Question, slider_span
from lightning_taskonomy.explorer.tables import Table
from lightning_taskonomy.explorer.view import ALTERNATIVES, View

_MOST_ORDERS = 5
"""Orders that are offered individually; for higher ones there is "any"."""


def controls(view: View, table: Table, choice: Sequence[Table]) -> Component:
    """All controls of a table, set to a view.

    Args:
        view: The view.
        table: The table of the view.
        choice: The tables that this visitor can choose from.
    """
    span = slider_span(table.sources, Question.of(view, table).cost)
    others = [other for other in choice if other.key != table.key]
    return html.Div(
        [
            _labelled("Labelling budget", budget_slider("budget", view.budget_of(table.sources), span)),
            _labelled("Sources of a transfer, at most", _orders(view, table)),
            _labelled(
                "Colour and number", _radio("measure", view.measure, {"gain": "gain", "quality": "quality"})
            ),
            _labelled(
                "Unused transfers shown per target",
                _radio("alternatives", view.alternatives, {count: str(count) for count in ALTERNATIVES}),
            ),
            _labelled(
                "Compare with",
                _radio(
                    "against",
                    view.against,
                    {"nothing": "nothing", "budget": "a budget", "table": "a table"},
                ),
                html.Div(
                    budget_slider("second-budget", view.second_budget, span, "Other budget"),
                    id="second-budget-box",
                    hidden=True,
                ),
                html.Div(_second_table(view, others), id="second-table-box", hidden=True),
            ),
            _tasks(view, table),
        ],
        className="controls",
    )


def budget_slider(
    name: str, value: float, span: tuple[float, float, float], label: str = "Labelling budget"
) -> Component:
    """A slider that solves while it moves.

    Args:
        name: Its id.
        value: Its value.
        span: Minimum, maximum and step.
        label: Label for screen readers.
    """
    least, most, step = span
    slider = dcc.Slider(
        id=name,
        min=min(least, value),
        max=max(most, value),
        step=step,
        value=value,
        marks=None,
        updatemode="drag",
        tooltip={"placement": "bottom"},
    )
    return html.Div(slider, role="group", **dashed(aria_label=label))


def pick_table(table: Table, choice: Sequence[Table]) -> Component:
    """The choice of a table, in the page's head."""
    pick = dcc.Dropdown(
        id="table",
        options=[{"label": other.name, "value": other.key} for other in choice],
        value=table.key,
        clearable=False,
        searchable=False,
    )
    return html.Label([html.Span("Table", id="table-words", className="unseen"), pick])


def view_of(values: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], table: Table) -> View:
    """The view that the controls describe.

    Args:
        values: Values of the page's single controls, by id.
        tasks: Values of the controls of each task, by task: `roles`, `importance` and `cost`.
        table: The table that the controls belong to.
    """
    solved = {task for task, controls in tasks.items() if "solve" in (controls["roles"] or ())}
    trained = {task for task, controls in tasks.items() if "train" in (controls["roles"] or ())}
    return View(
        table=table.key,
        budget=_number(values["budget"], 0.0),
        max_order=None if values["max-order"] == "any" else int(values["max-order"]),
        source_only=tuple(task for task in table.transfers.targets if task not in solved),
        target_only=tuple(sorted(table.sources - trained)),
        importance=_unusual(tasks, "importance"),
        cost=_unusual(tasks, "cost"),
        measure=values["measure"],
        alternatives=values["alternatives"],
        against=values["against"],
        second_budget=_number(values["second-budget"], 0.0),
        second_table=values["second-table"] or "",
        stage=values["stage"],
        arrangement=values["arrangement"],
        clusters=int(_number(values["clusters"], 1)),
        page=values["tabs"],
    )


def _unusual(tasks: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, float]:
    """Values other than 1; an empty field means 1."""
    numbers = {task: _number(controls[name], 1.0) for task, controls in tasks.items()}
    return {task: number for task, number in numbers.items() if number != 1.0}


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _labelled(words: str, *controls: Component) -> Component:
    return html.Fieldset([html.Legend(words), *controls])


def _radio(name: str, value: str | int, options: Mapping[Any, str]) -> Component:
    return dcc.RadioItems(
        id=name,
        options=[{"label": words, "value": key} for key, words in options.items()],
        value=value,
        className="choice",
    )


def _orders(view: View, table: Table) -> Component:
    offered = range(1, min(table.highest_order, _MOST_ORDERS) + 1)
    orders: dict[Any, str] = {str(order): str(order) for order in offered}
    selected = "any" if view.max_order is None else str(view.max_order)
    if table.highest_order > _MOST_ORDERS or view.max_order is None:
        orders["any"] = "any"
    if selected not in orders:  # a limit above all orders has no effect
        selected = next(reversed(orders))
    return _radio("max-order", selected, orders)


def _second_table(view: View, others: Sequence[Table]) -> Component:
    known = [other.key for other in others]
    pick = dcc.Dropdown(
        id="second-table",
        options=[{"label": other.name, "value": other.key} for other in others],
        value=view.second_table if view.second_table in known else next(iter(known), None),
        placeholder="upload a second table",
        clearable=False,
        searchable=False,
    )
    return html.Label([html.Span("Other table", id="second-table-words", className="unseen"), pick])


def _tasks(view: View, table: Table) -> Component:
    head = html.Div(
        [html.Span(word) for word in ("task", "solve", "train", "weight", "cost")],
        className="task head",
        **dashed(aria_hidden="true"),
    )
    rows = [_task(view, table, task) for task in table.order]
    return html.Details([html.Summary("Tasks"), head, *rows], id="tasks", open=True)


def _task(view: View, table: Table, task: str) -> Component:
    title = table.titles[task]
    solvable, trainable = task in table.transfers.targets, task in table.sources
    roles = [
        *(["solve"] if solvable and task not in view.source_only else []),
        *(["train"] if trainable and task not in view.target_only else []),
    ]
    options = [
        {
            "label": html.Span(f"solve {title}", className="unseen"),
            "value": "solve",
            "disabled": not solvable,
        },
        {
            "label": html.Span(f"train {title}", className="unseen"),
            "value": "train",
            "disabled": not trainable,
        },
    ]
    return html.Div(
        [
            html.Span(table.labels[task], title=task, className="name"),
            dcc.Checklist(
                id={"type": "roles", "task": task}, options=options, value=roles, className="roles"
            ),
            _amount("importance", task, title, view.importance.get(task, 1.0), not solvable),
            _amount("cost", task, title, view.cost.get(task, 1.0), not trainable),
        ],
        className="task",
    )


def _amount(kind: str, task: str, title: str, value: float, disabled: bool) -> Component:
    words = {"importance": "importance", "cost": "label cost"}[kind]
    field = dcc.Input(
        id={"type": kind, "task": task},
        type="number",
        step="any",
        value=value,
        debounce=0.4,
        disabled=disabled,
        className="amount",
    )
    return html.Label([html.Span(f"{words} of {title}", className="unseen"), field])
