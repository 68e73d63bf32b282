"""Callbacks between the link, the page, its controls and the view."""

from typing import Any

from dash import ALL, Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.controls import pick_table, view_of
from lightning_taskonomy.explorer.page import pages, start_page
from lightning_taskonomy.explorer.question import slider_span
from lightning_taskonomy.explorer.run_panel import run_panel
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import Table, upload
from lightning_taskonomy.explorer.view import LARGEST, View

_ONCE = (
    "budget",
    "max-order",
    "measure",
    "alternatives",
    "against",
    "second-budget",
    "second-table",
    "stage",
    "arrangement",
    "clusters",
    "tabs",
)
_PER_TASK = ("roles", "importance", "cost")


def add_page_callbacks(app: Dash, explorer: Explorer) -> None:
    """Build the page, follow its controls, and accept uploads."""
    _build_pages(app, explorer)
    _follow_controls(app, explorer)
    _change_tables(app, explorer)


def _build_pages(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        Output("page", "children"),
        Output("table-box", "children"),
        Output("upload-problem", "children"),
        Output("view", "data", allow_duplicate=True),
        Input("address", "search"),
        State("uploaded", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def build(search: str | None, uploaded: list[str] | None) -> tuple[list[Component], object, str, None]:
        problem = ""
        try:
            view = View.read(search or "")
            table = explorer.tables.find(view.table)
        except InputError as error:
            problem = str(error)
            if not explorer.tables.given:
                return start_page(problem if search else ""), None, "", None
            view, table = View(), explorer.tables.find("")
        view = view.on(table.key, table.transfers.tasks)
        choice = _choice(explorer, table, uploaded or ())
        panel = None if explorer.run is None else run_panel(explorer.run)
        return pages(view, table, choice, panel), pick_table(table, choice), problem, None


def _follow_controls(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        Output("view", "data"),
        Output("second-budget-box", "hidden"),
        Output("second-table-box", "hidden"),
        {name: Input(name, "value") for name in _ONCE},
        {kind: Input({"type": kind, "task": ALL}, "value") for kind in _PER_TASK},
        State({"type": "roles", "task": ALL}, "id"),
        State("shown-table", "data"),
    )
    def follow(
        once: dict[str, Any], per_task: dict[str, list[Any]], ids: list[dict[str, str]], key: str
    ) -> tuple[str, bool, bool]:
        try:
            table = explorer.tables.find(key)
        except InputError as error:  # evicted by later uploads
            raise PreventUpdate from error
        tasks = {
            name["task"]: {kind: per_task[kind][place] for kind in _PER_TASK}
            for place, name in enumerate(ids)
        }
        view = View.read(view_of(once, tasks, table).query())  # rejects values that no control can have
        return view.query(), view.against != "budget", view.against != "table"

    @app.callback(
        Output("budget", "min"),
        Output("budget", "max"),
        Output("budget", "step"),
        Output("second-budget", "min"),
        Output("second-budget", "max"),
        Output("second-budget", "step"),
        Input({"type": "cost", "task": ALL}, "value"),
        State({"type": "cost", "task": ALL}, "id"),
        State("budget", "value"),
        State("second-budget", "value"),
        State("shown-table", "data"),
        prevent_initial_call=True,
    )
    def stretch(
        costs: list[float | None], ids: list[dict[str, str]], budget: float, second: float, key: str
    ) -> tuple[float, ...]:
        try:
            table = explorer.tables.find(key)
        except InputError as error:
            raise PreventUpdate from error
        pairs = tuple(
            (name["task"], 1.0 if cost is None else float(cost))
            for name, cost in zip(ids, costs, strict=True)
        )
        if not all(abs(cost) <= LARGEST for _, cost in pairs):
            raise PreventUpdate  # the graph's callback reports the error
        least, most, step = slider_span(table.sources, pairs)
        return (
            *(min(least, budget), max(most, budget), step),
            *(min(least, second), max(most, second), step),
        )


def _change_tables(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        Output("address", "search"),
        Output("upload-problem", "children", allow_duplicate=True),
        Input("table", "value"),
        State("view", "data"),
        State("shown-table", "data"),
        prevent_initial_call=True,
    )
    def change_table(chosen: str, query: str | None, shown: str) -> tuple[object, str]:
        if chosen == shown:
            raise PreventUpdate
        try:
            return _link(View.read(query or ""), explorer.tables.find(chosen)), ""
        except InputError as error:
            return no_update, str(error)

    @app.callback(
        Output("address", "search", allow_duplicate=True),
        Output("upload-problem", "children", allow_duplicate=True),
        Output("uploaded", "data"),
        Input("accepted", "data"),
        State("view", "data"),
        State("uploaded", "data"),
        prevent_initial_call=True,
    )
    def take_upload(
        accepted: dict[str, str] | None, query: str | None, uploaded: list[str] | None
    ) -> tuple[object, str, object]:
        if accepted is None:
            raise PreventUpdate
        try:
            table = upload(explorer.tables, accepted["name"], accepted["content"])
        except InputError as error:
            return no_update, str(error), no_update
        known = [key for key in uploaded or () if key != table.key]
        return _link(View.read(query or ""), table), "", [*known, table.key]


def _link(view: View, table: Table) -> str:
    return f"?{view.on(table.key, table.transfers.tasks).query()}"


def _choice(explorer: Explorer, table: Table, uploaded: "list[str] | tuple[str, ...]") -> list[Table]:
    """The tables a visitor can choose from: those given at start, their uploads, and the shown one."""
    choice = {other.key: other for other in explorer.tables.given}
    for key in uploaded:
        try:
            choice[key] = explorer.tables.find(key)
        except InputError:
            continue  # evicted since
    choice[table.key] = table
    return list(choice.values())
