"""The page: head, controls, and a panel for each tab."""

from collections.abc import Sequence

import dash_cytoscape as cytoscape
from dash import dcc, html
from dash.development.base_component import Component

from lightning_taskonomy.explorer.attributes import dashed
from lightning_taskonomy.explorer.controls import controls
from lightning_taskonomy.explorer.graph_elements import ROW
from lightning_taskonomy.explorer.graph_style import STYLESHEETS
from lightning_taskonomy.explorer.meanings import MEANINGS, PARITY
from lightning_taskonomy.explorer.palette import win_rate_colour
from lightning_taskonomy.explorer.plot_style import PLOT_OPTIONS, message
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD, Table
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy.significance import MEASURES
from lightning_taskonomy.taxonomy.transfers import COLUMNS

EXPORTS = ("taxonomy.json", "taxonomy.svg", "taxonomy.csv")
_ACCEPTED = ".csv,.tsv,.txt,text/csv"
_CURVE_HEIGHT = 290
TABS = {"taxonomy": "Taxonomy", "budgets": "Budgets", "affinities": "Affinities"}
RUN_TAB = {"run": "A run's transfers"}


INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
  <body>
    <noscript>This page needs JavaScript; <code>taxonomy solve</code> answers the same questions.</noscript>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""


def frame(prefix: str = "/") -> Component:
    """The part of the page that does not depend on the table; the rest goes into `page`.

    Args:
        prefix: Path prefix of every file, with a slash at both ends.
    """
    return html.Div(
        [
            dcc.Location(id="address", refresh=False),
            dcc.Store(id="view"),
            dcc.Store(id="uploaded", storage_type="session", data=[]),
            dcc.Store(id="theme", storage_type="local"),
            dcc.Store(id="shown-theme"),
            dcc.Store(id="styles", data=STYLESHEETS),
            dcc.Store(id="narrow"),
            dcc.Store(id="accepted"),
            dcc.Store(id="prefix", data=prefix),
            dcc.Store(id="largest-upload", data=LARGEST_UPLOAD),
            html.Header(
                [
                    html.H1("Taxonomy explorer"),
                    html.Div(id="table-box", className="table-box"),
                    html.Div(
                        dcc.Upload("Upload a table", id="upload", className="button", accept=_ACCEPTED),
                        role="group",
                        **dashed(aria_label="Upload a table, a CSV"),
                    ),
                    html.Button("Copy link", id="copy-link", type="button", className="quiet"),
                    html.Button("Theme: as the system", id="switch-theme", type="button", className="quiet"),
                ]
            ),
            html.P(id="upload-problem", role="alert", className="problem"),
            html.Main(html.P("Loading the table…", role="status", className="loading"), id="page"),
        ]
    )


def pages(view: View, table: Table, choice: Sequence[Table], run_panel: Component | None) -> list[Component]:
    """Controls and panels for a table.

    Args:
        view: The view that the controls are set to.
        table: The table of the view.
        choice: The tables that this visitor can choose from.
        run_panel: Panel with the transfers of a run, if there is one.
    """
    tabs = {**TABS, **(RUN_TAB if run_panel is not None else {})}
    page = view.page if view.page in tabs else "taxonomy"
    panels = {
        "taxonomy": _taxonomy_panel(table),
        "budgets": _budgets_panel(),
        "affinities": _affinities_panel(view, table),
        "run": run_panel,
    }
    return [
        dcc.Store(id="shown-table", data=table.key),
        dcc.Store(id="drawn"),
        *(dcc.Store(id=f"{name}-view") for name in TABS),
        html.Aside(controls(view, table, choice), **dashed(aria_label="Controls")),
        html.Section(
            [
                html.Div(
                    dcc.RadioItems(
                        id="tabs",
                        options=[{"label": words, "value": key} for key, words in tabs.items()],
                        value=page,
                        className="tabs",
                    ),
                    role="group",
                    **dashed(aria_label="What is shown"),
                ),
                html.P(id="problem", role="alert", className="problem"),
                *(
                    html.Div(content, id=f"panel-{key}", className="panel", hidden=key != page)
                    for key, content in panels.items()
                ),
            ],
            className="pictures",
        ),
    ]


def start_page(problem: str = "") -> list[Component]:
    """The content of the page while there is no table."""
    return [
        html.Section(
            [
                html.P(problem, role="alert", className="problem"),
                html.H2("Which tasks should be labelled, and what can be transferred from them?"),
                html.P(
                    "Upload a table of measured transfers: a CSV with one row per transfer and the columns"
                ),
                html.Pre(",".join(COLUMNS)),
                html.P(
                    [
                        "Sources are joined by +; self is the target's own fully supervised network; pixels, "
                        "random and average are baselines. ",
                        html.Code("taxonomy tournament"),
                        " writes such a table from losses, ",
                        html.Code("taxonomy run"),
                        " from images.",
                    ]
                ),
                html.P(f"{MEANINGS['gain']} {MEANINGS['quality']} {PARITY}"),
                html.P(["Or start again with one: ", html.Code("explore --transfers FILE")]),
            ],
            className="start",
        )
    ]


def _taxonomy_panel(table: Table) -> list[Component]:
    height = len(table.order) * ROW + 24
    return [
        html.Div(
            [
                _graph_box("", height),
                _graph_box("second-", height),
                html.Div(
                    [
                        html.Div(id="results", className="scroll"),
                        html.Nav(
                            [
                                html.Span("Export: "),
                                *(
                                    html.A(name, id=_export_id(name), href="#", download=name)
                                    for name in EXPORTS
                                ),
                            ],
                            className="exports",
                            **dashed(aria_label="Export"),
                        ),
                    ],
                    className="result-box",
                ),
            ],
            id="side-by-side",
            className="single",
        ),
    ]


def _graph_box(prefix: str, height: int) -> Component:
    graph = cytoscape.Cytoscape(
        id=f"{prefix}graph",
        elements=[],
        layout={"name": "preset", "fit": False},
        stylesheet=STYLESHEETS["light"],
        style={"width": "100%", "height": f"{height}px"},
        maxZoom=1.15,
        responsive=True,
        userZoomingEnabled=False,
        userPanningEnabled=False,
        boxSelectionEnabled=False,
        autoungrabify=True,
        autounselectify=True,
        clearOnUnhover=True,
    )
    return html.Figure(
        [
            html.Figcaption(id=f"{prefix}name", className="name"),
            html.Dl(id=f"{prefix}headline", className="headline"),
            html.Div(
                graph,
                role="img",
                **dashed(aria_label="The taxonomy as a graph; the table has the same values"),
            ),
            html.P(_HINT, id=f"{prefix}about", className="about", **dashed(aria_live="polite")),
            *(
                [
                    _legend(),
                    html.P(f"{MEANINGS['gain']} {MEANINGS['quality']} {PARITY}", className="meanings"),
                ]
                if not prefix
                else []
            ),
        ],
        id=f"{prefix}graph-box",
        className="graph-box",
        hidden=bool(prefix),
    )


_HINT = "Point at a line or a task for its numbers."


def _legend() -> Component:
    scale = ", ".join(win_rate_colour(step / 10) for step in range(11))
    return html.Div(
        [
            html.Span("loses every image"),
            html.Span(className="scale", style={"background": f"linear-gradient(to right, {scale})"}),
            html.Span("wins every image"),
            html.Span([html.Span("●", className="dot"), " trained fully"], className="key"),
            html.Span("numbered dot: order of the transfer", className="key"),
            html.Span("thin grey: unused", className="key"),
            html.Span("shaded: differs", className="key differs-key"),
        ],
        className="legend",
    )


def _budgets_panel() -> list[Component]:
    plots = [_plot(f"curve-{measure}", _CURVE_HEIGHT) for measure in MEASURES]
    return [
        html.Div([*plots, _plot("significance", _CURVE_HEIGHT)], className="plots"),
        html.P("A click on a curve sets the budget.", className="about"),
    ]


def _affinities_panel(view: View, table: Table) -> list[Component]:
    height = 210 + 15 * len(table.order)
    return [
        html.Div(
            [
                _choice("stage", "Matrix", view.stage, {"after": "after AHP", "before": "before"}),
                _choice(
                    "arrangement", "In order of", view.arrangement, {"tree": "the tree", "name": "names"}
                ),
                html.Label(
                    [
                        "Clusters of the tree ",
                        dcc.Input(
                            id="clusters",
                            type="number",
                            min=1,
                            max=len(table.sources),
                            step=1,
                            value=view.clusters,
                            className="amount",
                        ),
                    ]
                ),
            ],
            className="options",
        ),
        html.Div([_plot("matrix", height), _plot("tree", height)], className="plots wide"),
    ]


def _choice(name: str, words: str, value: str, options: dict[str, str]) -> Component:
    radio = dcc.RadioItems(
        id=name,
        options=[{"label": label, "value": key} for key, label in options.items()],
        value=value,
        className="choice",
    )
    return html.Fieldset([html.Legend(words), radio])


def _plot(name: str, height: int) -> Component:
    style = {"height": f"{height}px"}
    graph = dcc.Graph(id=name, figure=message(""), config=PLOT_OPTIONS, responsive=True, style=style)
    return html.Div(dcc.Loading(graph, type="dot", delay_show=600), className="plot")


def _export_id(name: str) -> str:
    return "export-" + name.partition(".")[2]
