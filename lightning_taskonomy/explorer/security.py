"""Who may ask the page for what.

The page runs on the visitor's own machine, where any web site they visit can send requests too. So only
requests that name this machine are answered (a foreign name that resolves to it is not), scripts come from
this page alone, and nothing is larger than an upload may be.
"""

from collections.abc import Collection, Iterable

from dash import Dash
from dash.exceptions import DependencyException, InvalidResourceError
from flask import Response, abort, request

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.posts import problem_of
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD

_CALLBACKS = "/_dash-update-component"
_LARGEST_REQUEST = LARGEST_UPLOAD * 4 // 3 + 2**20  # base64, and what comes with it


def protect(app: Dash, hosts: Collection[str] | None) -> None:
    """Limit requests and add headers; call it once all callbacks are known.

    Args:
        app: the page.
        hosts: names under which the page may be asked for; None for any, where other machines are let in.
    """
    app.server.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST
    policy = _content_policy(app.csp_hashes())

    def check() -> None:
        if hosts is not None and _name(request.host).lower() not in hosts:
            abort(403, "this page answers only to names it knows (explore --allowed-hosts)")
        foreign = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
        if foreign and (request.method != "GET" or request.path.startswith("/export/")):
            abort(403, "this page answers only to itself")
        if request.path == _CALLBACKS and request.method == "POST":
            problem = problem_of(request.get_data(), app.callback_map)
            if problem:
                abort(400, f"malformed request: {problem}")

    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def not_found(_: Exception) -> tuple[str, int]:
        return "no such file", 404

    def refuse(error: Exception) -> tuple[str, int]:
        return f"error: {error}\n", 400

    app.server.register_error_handler(InputError, refuse)
    for kind in (InvalidResourceError, DependencyException):  # Dash lets them through as errors of its own
        app.server.register_error_handler(kind, not_found)
    app.server.before_request(check)
    app.server.after_request(add_headers)


def _content_policy(script_hashes: Iterable[str]) -> str:
    """The header that says what a browser may load: only our own, and inline scripts of these hashes."""
    scripts = " ".join(["'self'", *script_hashes])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _name(host: str) -> str:
    """The name of `name:port`, where a port need not be."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
