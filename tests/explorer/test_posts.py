"""Clients other than the page get error messages, and do not block other visitors."""

import json
import socket
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from lightning_taskonomy.explorer import app
from tests.explorer.asking import get, graphs, graphs_request, post

STRANGE = [
    None,
    "x",
    7,
    -1,
    1e308,
    float("nan"),
    True,
    [],
    {},
    [1],
    {"a": [1]},
    "budget=1e308",
    "?" + "a=1&" * 999,
]


def raw(page: str, body: bytes) -> int:
    connection = HTTPConnection(urlsplit(page).netloc, timeout=60)
    connection.request("POST", "/_dash-update-component", body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b'{"output": 1}', b'{"output": "nobody.children"}'),
        *(b'{"output": "..a.b...c.d.."}', b"[" * 50_000, b"\xff\xfe", b'{"output": NaN}'),
    ],
)
def test_invalid_requests_are_refused(page: str, body: bytes) -> None:
    assert raw(page, body) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": []},
        {"inputs": None},
        {"inputs": [{"id": "x"}, {}]},
        {"outputs": []},
        {"outputs": 3},
        {"state": 7},
        {"changedPropIds": 5},
        {"changedPropIds": [{}]},
    ],
)
def test_incomplete_requests_are_refused(page: str, change: dict[str, Any]) -> None:
    status, body = post(page, {**graphs_request(page, "budget=3"), **change})
    assert status == 400
    assert b"malformed request: " in body


def test_no_value_makes_a_callback_fail(page: str) -> None:
    callbacks = json.loads(get(page, "/_dash-dependencies")[1])
    asked = 0
    for callback in callbacks:
        if callback.get("clientside_function"):
            continue
        names = [name.rpartition(".") for name in callback["output"].strip(".").split("...")]
        outputs = [{"id": name, "property": key.partition("@")[0]} for name, _, key in names]
        for value in STRANGE:
            parts = {
                part: [
                    {"id": own["id"], "property": own["property"], "value": value} for own in callback[part]
                ]
                for part in ("inputs", "state")
            }
            changed = [f"{own['id']}.{own['property']}" for own in callback["inputs"][:1]]
            several = callback["output"].startswith("..")
            request = {"output": callback["output"], "outputs": outputs if several else outputs[0]}
            status, body = post(page, {**request, **parts, "changedPropIds": changed})
            assert status in (200, 204, 400), (callback["output"], value, body[:300])
            asked += 1
    assert asked > 5 * len(STRANGE)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("budget=1e308", "budget: expected a number of at most 1e+12, found 1e+308"),
        ("cost=depth=1e308&cost=normals=1e308&budget=3", "cost of depth: expected a number of at most 1e+12"),
        ("importance=depth=-1e300", "importance of depth: expected a number of at most 1e+12"),
        ("budget=nan", "budget: expected a finite number, found 'nan'"),
    ],
)
def test_excessive_numbers_are_reported(page: str, query: str, message: str) -> None:
    response, body = get(page, f"/export/taxonomy.json?{query}")
    assert response.status == 400
    assert message in body.decode()
    shown = graphs(page, query)
    assert message in shown["problem"]["children"]
    assert shown["graph"]["elements"] == []  # not what was drawn before


def test_a_second_table_that_is_missing_leaves_the_first(page: str) -> None:
    shown = graphs(page, "budget=3&against=table&second_table=nothing")
    assert "no table 'nothing'" in shown["problem"]["children"]
    assert shown["graph"]["elements"] == graphs(page, "budget=3")["graph"]["elements"]
    assert shown["second-graph-box"]["hidden"] is True


def test_idle_connections_are_dropped(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app._Quiet, "timeout", 0.3)
    address = ("127.0.0.1", int(page.rpartition(":")[2]))
    head = b"POST /_dash-update-component HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for begun in (b"", b"GET / HT", head, head + b"Content-Length: 100\r\n\r\n{"):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(begun)
            start = time.monotonic()
            while connection.recv(4096):
                pass
            assert time.monotonic() - start < 8
