"""Callbacks that run in the browser without the server; their functions are in `assets/explorer.js`."""

from collections.abc import Callable

from dash import ClientsideFunction, Dash, Input, Output, State

from lightning_taskonomy.explorer.page import EXPORTS, RUN_TAB, TABS

_POINTED = ("mouseoverNodeData", "mouseoverEdgeData", "tapNodeData", "tapEdgeData")


def add_browser_callbacks(app: Dash) -> None:
    """Add hovering, the theme, the link, the tabs, the size of the graphs, and rejection of large files."""
    add: Callable[..., None] = app.clientside_callback

    def browser(name: str) -> ClientsideFunction:
        return ClientsideFunction("explorer", name)

    add(
        browser("accept"),
        Output("accepted", "data"),
        Output("upload-problem", "children", allow_duplicate=True),
        Input("upload", "contents"),
        State("upload", "filename"),
        State("largest-upload", "data"),
        prevent_initial_call=True,
    )
    add(
        browser("link"),
        *(Output(f"export-{name.partition('.')[2]}", "href") for name in EXPORTS),
        *(Output(f"{name}-view", "data") for name in TABS),
        Input("view", "data"),
        State("prefix", "data"),
    )
    add(browser("results"), Input("drawn", "data"))
    add(
        browser("copyLink"),
        Output("copy-link", "children"),
        Input("copy-link", "n_clicks"),
        prevent_initial_call=True,
    )
    add(
        browser("theme"),
        Output("theme", "data"),
        Output("shown-theme", "data"),
        Output("switch-theme", "children"),
        Input("switch-theme", "n_clicks"),
        State("theme", "data"),
    )
    add(
        browser("style"),
        Output("graph", "stylesheet"),
        Output("second-graph", "stylesheet"),
        Input("shown-theme", "data"),
        State("styles", "data"),
    )
    add(
        browser("panels"),
        *(Output(f"panel-{name}", "hidden") for name in (*TABS, *RUN_TAB)),
        Input("tabs", "value"),
    )
    add(browser("narrow"), Output("narrow", "data"), Input("page", "id"))
    add(browser("fold"), Output("tasks", "open"), Input("shown-table", "data"))
    add(
        browser("placed"),
        Input("graph", "elements"),
        Input("second-graph", "elements"),
        prevent_initial_call=True,
    )
    for prefix in ("", "second-"):
        add(
            browser("about"),
            Output(f"{prefix}about", "children"),
            *(Input(f"{prefix}graph", name) for name in _POINTED),
            prevent_initial_call=True,
        )
