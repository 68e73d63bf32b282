"""Requests like those of the page's scripts, without a browser."""

import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit


def get(page: str, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    """Request a path exactly as written.

    Args:
        page: the address of the server.
        path: with its query.
        method: of HTTP.
        headers: of the request; an underscore stands for a dash.
    """
    connection = HTTPConnection(urlsplit(page).netloc, timeout=60)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def post(page: str, content: object, **headers: str) -> tuple[int, bytes]:
    """Send JSON to the callbacks; the status and the body of the answer."""
    connection = HTTPConnection(urlsplit(page).netloc, timeout=60)
    head = {
        "Content-Type": "application/json",
        **{key.replace("_", "-"): own for key, own in headers.items()},
    }
    connection.request("POST", "/_dash-update-component", json.dumps(content), head)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def graphs(page: str, query: str) -> dict[str, Any]:
    """The page for a view: the properties of its components, by id."""
    status, body = post(page, graphs_request(page, query))
    if status != 200:
        raise AssertionError(f"{status}: {body[:500]!r}")
    answer: dict[str, Any] = json.loads(body)["response"]
    return answer


def graphs_request(page: str, query: str) -> dict[str, Any]:
    """The request that draws the graphs of a view."""
    _, body = get(page, "/_dash-dependencies")
    (output,) = (own["output"] for own in json.loads(body) if "..graph.elements." in own["output"])
    names = [name.rpartition(".") for name in output.strip(".").split("...")]
    return {
        "output": output,
        "outputs": [{"id": name, "property": key} for name, _, key in names],
        "inputs": [
            {"id": "taxonomy-view", "property": "data", "value": query},
            {"id": "narrow", "property": "data", "value": False},
        ],
        "changedPropIds": ["taxonomy-view.data"],
        "state": [],
    }
