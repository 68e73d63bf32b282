"""Callbacks from the view to graphs, tables and plots."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.affinity_plots import matrix_plot, tree_plot
from lightning_taskonomy.explorer.budget_plots import curve_plot, has_measure, significance_plot
from lightning_taskonomy.explorer.graph_elements import Drawing, Element, elements
from lightning_taskonomy.explorer.plot_style import Figure, message
from lightning_taskonomy.explorer.results import comparison_table, differing_targets, headline, result_table
from lightning_taskonomy.explorer.run_panel import strips
from lightning_taskonomy.explorer.state import Explorer, Looked
from lightning_taskonomy.explorer.tables import Table
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.figures.titles import titles_of
from lightning_taskonomy.taxonomy.significance import MEASURES

if TYPE_CHECKING:
    from lightning_taskonomy.report.transfer_pictures import TransferPictures


def add_picture_callbacks(app: Dash, explorer: Explorer) -> None:
    """Draw the view; only the active tab is updated."""
    _draw_taxonomy(app, explorer)
    _draw_budgets(app, explorer)
    _draw_affinities(app, explorer)
    if explorer.run is not None:
        _show_run(app, explorer.run)


def _draw_taxonomy(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        Output("graph", "elements"),
        Output("second-graph", "elements"),
        Output("name", "children"),
        Output("second-name", "children"),
        Output("second-graph-box", "hidden"),
        Output("side-by-side", "className"),
        Output("drawn", "data"),
        Output("problem", "children"),
        Input("taxonomy-view", "data"),
        Input("narrow", "data"),
        prevent_initial_call=True,
    )
    def draw_graphs(query: str, narrow: bool | None) -> tuple[Any, ...]:
        return _graphs(explorer, query, bool(narrow))


def _draw_budgets(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        *(Output(f"curve-{measure}", "figure") for measure in MEASURES),
        Input("budgets-view", "data"),
        prevent_initial_call=True,
    )
    def draw_curves(query: str) -> list[Figure]:
        return _curves(explorer, query)

    @app.callback(Output("significance", "figure"), Input("budgets-view", "data"), prevent_initial_call=True)
    def draw_significance(query: str) -> Figure:
        try:
            view = _view(query)
            first = explorer.looked(view)[0]
            result = explorer.answers.significance(
                first.table, first.question, explorer.budgets(first), view.max_order
            )
        except InputError as error:
            return message(str(error))
        return significance_plot(result, view.measure if has_measure(result, view.measure) else "objective")

    @app.callback(
        Output("budget", "value"),
        *(Input(f"curve-{measure}", "clickData") for measure in MEASURES),
        prevent_initial_call=True,
    )
    def jump(*_: object) -> object:
        click = next((trigger["value"] for trigger in ctx.triggered), None)
        return click["points"][0]["x"] if click else no_update


def _draw_affinities(app: Dash, explorer: Explorer) -> None:
    @app.callback(
        Output("matrix", "figure"),
        Output("tree", "figure"),
        Input("affinities-view", "data"),
        prevent_initial_call=True,
    )
    def draw_affinities(query: str) -> tuple[Figure, Figure]:
        return _affinities(explorer, query)


def _show_run(app: Dash, run: "TransferPictures") -> None:
    @app.callback(
        Output("run-pictures", "children"),
        Output("problem", "children", allow_duplicate=True),
        Input("run-target", "value"),
        Input("tabs", "value"),
        prevent_initial_call="initial_duplicate",
    )
    def show_run(target: str, page: str) -> tuple[list[Component], str]:
        if page != "run" or target not in run.targets:
            raise PreventUpdate
        try:
            return strips(run.of(target)), ""
        except InputError as error:
            return [], str(error)


def _view(query: str | None) -> View:
    if query is None:
        raise PreventUpdate
    return View.read(query)


def _graphs(explorer: Explorer, query: str | None, narrow: bool) -> tuple[Any, ...]:
    problems: list[str] = []
    try:
        view = _view(query)
        looked = explorer.looked(replace(view, against="nothing"))
        if view.against != "nothing":
            try:
                looked = explorer.looked(view)
            except InputError as error:  # nothing to compare with: only the first is shown
                problems.append(str(error))
    except InputError as error:  # the previous drawing would answer another question
        return [], [], "", "", True, "single", {"headlines": [{}, {}], "table": None}, str(error)
    two = len(looked) > 1
    drawing = Drawing(view.measure, view.alternatives, narrow or two)
    solved = [_solve(explorer, half, view, problems) for half in looked]
    known = [taxonomy for taxonomy in solved if taxonomy is not None]
    differing = differing_targets(*known) if len(known) == 2 else frozenset[str]()
    graphs: list[list[Element]] = [
        elements(half.table, half.question, taxonomy, drawing, view.max_order, differing)
        for half, taxonomy in zip(looked, solved, strict=True)
    ]
    names = [half.name for half in looked]
    table: object = None
    if len(known) == 2:
        tasks = {task for half in looked for task in half.table.transfers.tasks}
        table = comparison_table(known[0], known[1], names, titles_of(tasks))
    elif known:
        answered = next(half for half, answer in zip(looked, solved, strict=True) if answer is not None)
        table = result_table(known[0], answered.table.titles)
    return (
        graphs[0],
        graphs[1] if two else [],
        names[0] if two else "",
        names[1] if two else "",
        not two,
        "double" if two else "single",
        {"headlines": [headline(taxonomy) if taxonomy else {} for taxonomy in solved], "table": table},
        " ".join(dict.fromkeys(problems)),
    )


def _solve(explorer: Explorer, looked: Looked, view: View, problems: list[str]) -> Taxonomy | None:
    try:
        return explorer.solve(looked, view.max_order)
    except InputError as error:
        problems.append(str(error))
        return None


def _curves(explorer: Explorer, query: str | None) -> list[Figure]:
    try:
        view = _view(query)
        looked = explorer.looked(view)
        tables = looked if view.against == "table" else looked[:1]
        curves = {half.table.name: explorer.curve(half, view.max_order) for half in tables}
    except InputError as error:
        return [message(str(error))] * len(MEASURES)
    budgets = {"": looked[0].budget}
    if view.against == "budget":
        budgets = {f"budget {half.budget:g}": half.budget for half in looked}
    return [curve_plot(curves, measure, budgets) for measure in MEASURES]


def _affinities(explorer: Explorer, query: str | None) -> tuple[Figure, Figure]:
    try:
        view = _view(query)
    except InputError as error:
        return message(str(error)), message(str(error))

    def drawn(draw: Callable[[Table], Figure]) -> Figure:
        try:
            return draw(explorer.tables.find(view.table))
        except InputError as error:
            return message(str(error))

    def tree(table: Table) -> Figure:
        return tree_plot(table.tree, min(max(view.clusters, 1), len(table.tree.tasks)))

    return drawn(lambda table: matrix_plot(table.matrix, view.stage, view.arrangement)), drawn(tree)
