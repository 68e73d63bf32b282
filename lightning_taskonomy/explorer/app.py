"""The assembled page, and its server."""

from collections.abc import Iterable
from pathlib import Path

from dash import Dash
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from lightning_taskonomy.explorer.addresses import LOOPBACK, WithPrefix, answered_names, listen, read_prefix
from lightning_taskonomy.explorer.browser_callbacks import add_browser_callbacks
from lightning_taskonomy.explorer.exports import add_exports
from lightning_taskonomy.explorer.page import INDEX, frame
from lightning_taskonomy.explorer.page_callbacks import add_page_callbacks
from lightning_taskonomy.explorer.picture_callbacks import add_picture_callbacks
from lightning_taskonomy.explorer.security import protect
from lightning_taskonomy.explorer.state import Explorer

_PACKAGE = "lightning_taskonomy.explorer"
_PATIENCE_S = 20
"""Seconds that a connection may be idle, before or within a request."""


def build_app(
    explorer: Explorer, host: str = LOOPBACK[0], prefix: str = "/", allowed_hosts: Iterable[str] = ()
) -> Dash:
    """The page as a WSGI application; scripts and styles are served from the installed packages.

    Args:
        explorer: Tables, answers and a run.
        host: The address it will be bound to.
        prefix: Path under which a proxy serves it, with a slash at both ends.
        allowed_hosts: Host names to answer to besides those of this machine.
    """
    app = Dash(
        _PACKAGE,
        assets_folder=str(Path(__file__).parent / "assets"),
        title="Taxonomy explorer",
        update_title="",
        serve_locally=True,
        requests_pathname_prefix=prefix,
        routes_pathname_prefix="/",
        suppress_callback_exceptions=True,
        add_log_handler=False,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.index_string = INDEX
    app.layout = frame(prefix)
    add_page_callbacks(app, explorer)
    add_picture_callbacks(app, explorer)
    add_browser_callbacks(app)
    add_exports(app.server, explorer)
    protect(app, answered_names(host, allowed_hosts))
    return app


def serve(
    explorer: Explorer,
    host: str = LOOPBACK[0],
    port: int = 8050,
    prefix: str = "/",
    allowed_hosts: Iterable[str] = (),
) -> BaseWSGIServer:
    """A server bound to a port and ready to `serve_forever`.

    Args:
        explorer: Tables, answers and a run.
        host: The address to listen on.
        port: The port; 0 for any free one.
        prefix: Path under which a proxy serves the page, whether or not the proxy strips it from requests.
        allowed_hosts: Host names to answer to besides those of this machine, such as that of a proxy.

    Raises:
        InputError: the address or port is not available, or the prefix is not a path.
    """
    prefix = read_prefix(prefix)
    with listen(host, port) as listener:  # the server duplicates it
        address, port, *_ = listener.getsockname()
        app = build_app(explorer, host, prefix, allowed_hosts)
        return make_server(
            address,
            port,
            WithPrefix(app.server, prefix) if prefix != "/" else app.server,
            threaded=True,
            request_handler=_Quiet,
            fd=listener.fileno(),
        )


class _Quiet(WSGIRequestHandler):
    """Logs no requests, and drops idle connections."""

    timeout = _PATIENCE_S

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""

    def log_error(self, format: str, *args: object) -> None:
        """Log nothing, for example when a client disconnects."""
