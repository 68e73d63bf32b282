"""Addresses of the page: any address of this machine, and a proxy's path and host name."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.addresses import answered_names, in_address, is_loopback, read_prefix
from lightning_taskonomy.explorer.app import serve
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import Tables
from tests.explorer.asking import get, graphs

PREFIX = "/user/me/proxy/8050/"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def running(own: Path, host: str, prefix: str = "/", allowed: tuple[str, ...] = ()) -> Iterator[str]:
    server = serve(Explorer(Tables([own])), host, 0, prefix, allowed)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def proxied(own: Path) -> Iterator[str]:
    """The address of a page behind a proxy."""
    yield from running(own, "127.0.0.1", "user/me/proxy/8050", ("Hub.example.org",))


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_addresses_of_ipv6_are_served(own: Path, host: str) -> None:
    for page in running(own, host):
        port = page.rpartition(":")[2]
        assert get(f"http://[::1]:{port}", "/")[0].status == 200
        if host == "::":
            assert get(page, "/")[0].status == 200  # IPv4 as well


@pytest.mark.parametrize("name", ["LOCALHOST", "LocalHost:8050", "[::1]", "127.0.0.1"])
def test_names_of_this_machine_in_any_case(page: str, name: str) -> None:
    assert get(page, "/", Host=name)[0].status == 200


@pytest.mark.parametrize("path", ["/", PREFIX, PREFIX[:-1]])
def test_a_proxy_may_strip_its_prefix_or_keep_it(proxied: str, path: str) -> None:
    response, body = get(proxied, path, Host="hub.example.org")
    assert response.status == 200
    loaded = re.findall(r'(?:href|src)="([^"]*)"', body.decode())
    assert any(name.startswith(f"{PREFIX}assets/base.css") for name in loaded)
    assert all(name.startswith(PREFIX) for name in loaded)


def test_behind_a_proxy_everything_answers_below_its_path(proxied: str) -> None:
    assert graphs(proxied, "budget=3")["problem"]["children"] == ""
    assert get(proxied, f"{PREFIX}export/taxonomy.json?budget=3", Host="HUB.example.org:443")[0].status == 200
    assert get(proxied, f"{PREFIX}_dash-layout", Host="hub.example.org")[0].status == 200
    assert get(proxied, "/", Host="elsewhere.example.org")[0].status == 403
    assert get(proxied, "/", Host="localhost")[0].status == 200


def test_a_public_page_may_be_limited_to_host_names() -> None:
    assert answered_names("0.0.0.0", ()) is None
    assert answered_names("127.0.0.1", ()) == frozenset({"127.0.0.1", "localhost", "[::1]"})
    names = answered_names("0.0.0.0", ("Hub.Example.org",))
    assert names is not None
    assert "hub.example.org" in names
    assert "elsewhere.org" not in names


@pytest.mark.parametrize(
    ("given", "expected"), [("/", "/"), ("", "/"), ("a", "/a/"), ("/a/b", "/a/b/"), ("/node/h-1.x/80/", None)]
)
def test_prefixes(given: str, expected: str | None) -> None:
    assert read_prefix(given) == (given if expected is None else expected)


@pytest.mark.parametrize("prefix", ["/a/../b", 'x"y', "a b", "http://x/y?z", "<script>"])
def test_invalid_prefixes_are_refused(prefix: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="prefix: expected a path such as"):
        read_prefix(prefix)
    assert main(["explore", "--transfers", str(own), "--port", "0", "--prefix", prefix]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_loopback_and_brackets() -> None:
    assert [
        is_loopback(host) for host in ("::1", "[::1]", "127.9.9.9", "LOCALHOST", "::", "10.0.0.1", "x")
    ] == [
        *[True] * 4,
        *[False] * 3,
    ]
    assert [in_address(host) for host in ("::1", "[::1]", "10.0.0.1", "x")] == [
        "[::1]",
        "[::1]",
        "10.0.0.1",
        "x",
    ]
