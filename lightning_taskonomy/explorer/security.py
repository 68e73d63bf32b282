"""Access control of the page.

The page runs on the visitor's own machine, where any visited web site can send requests to it. So only
requests with a host name of this machine are answered (not those with a foreign name that resolves to it),
scripts are allowed from this page only, and the size of requests is limited.
"""

from collections.abc import Collection, Iterable

from dash import Dash
from dash.exceptions import DependencyException, InvalidResourceError
from flask import Response, abort, request

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.posts import problem_of
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD

_CALLBACKS = "/_dash-update-component"
_LARGEST_REQUEST = LARGEST_UPLOAD * 4 // 3 + 2**20  # base64, and the rest of the request


def protect(app: Dash, hosts: Collection[str] | None) -> None:
    """Limit requests and add headers; call it after all callbacks have been added.

    Args:
        app: The page.
        hosts: Host names to answer to; None for any, if other machines may connect.
    """
    app.server.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST
    policy = _content_policy(app.csp_hashes())

    def check() -> None:
        if hosts is not None and _name(request.host).lower() not in hosts:
            abort(403, "this page answers only to allowed host names (explore --allowed-hosts)")
        foreign = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
        if foreign and (request.method != "GET" or request.path.startswith("/export/")):
            abort(403, "this page answers only its own requests")
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
    for kind in (InvalidResourceError, DependencyException):  # otherwise Dash would report internal errors
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
    """The name in `name:port`, where the port is optional."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
