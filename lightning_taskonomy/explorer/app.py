"""The page put together, and the server that it runs in."""

import socket
from pathlib import Path

from dash import Dash
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from lightning_taskonomy.errors import InputError
from lightning_taskonomy.explorer.browser_callbacks import add_browser_callbacks
from lightning_taskonomy.explorer.exports import add_exports
from lightning_taskonomy.explorer.page import frame
from lightning_taskonomy.explorer.page_callbacks import add_page_callbacks
from lightning_taskonomy.explorer.picture_callbacks import add_picture_callbacks
from lightning_taskonomy.explorer.security import LOOPBACK, protect
from lightning_taskonomy.explorer.state import Explorer

_PACKAGE = "lightning_taskonomy.explorer"
_WAITING = 256


def build_app(explorer: Explorer, host: str = LOOPBACK[0]) -> Dash:
    """The page as a WSGI application; scripts and styles are served from the installed packages.

    Args:
        explorer: tables, answers and a run.
        host: the address it will be bound to.
    """
    app = Dash(
        _PACKAGE,
        assets_folder=str(Path(__file__).parent / "assets"),
        title="Taxonomy explorer",
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        add_log_handler=False,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = frame()
    add_page_callbacks(app, explorer)
    add_picture_callbacks(app, explorer)
    add_browser_callbacks(app)
    add_exports(app.server, explorer)
    protect(app, LOOPBACK if _is_loopback(host) else None)
    return app


def serve(explorer: Explorer, host: str = LOOPBACK[0], port: int = 8050) -> BaseWSGIServer:
    """A server bound to a port and ready to `serve_forever`.

    Args:
        explorer: tables, answers and a run.
        host: the address to listen on.
        port: 0 for any that is free.

    Raises:
        InputError: the address or port cannot be had.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"port: expected a number from 0 to {2**16 - 1}, found {port}")
    try:
        listener = socket.create_server((host, port), backlog=_WAITING)
    except OSError as error:
        raise InputError(
            f"port: cannot listen on {host}:{port} ({error.strerror}); choose another with --port"
        ) from error
    with listener:  # the server has a copy of its own
        return make_server(
            host,
            listener.getsockname()[1],
            build_app(explorer, host).server,
            threaded=True,
            request_handler=_Quiet,
            fd=listener.fileno(),
        )


class _Quiet(WSGIRequestHandler):
    """Prints no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.") or host == "::1"
