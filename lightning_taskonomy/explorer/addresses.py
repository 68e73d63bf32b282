"""Addresses to listen on, host names to answer to, and the path prefix of a proxy."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

from lightning_taskonomy.core.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Loopback names of this machine, as written in a URL."""
_WAITING = 256


def is_loopback(host: str) -> bool:
    """Whether an address can be reached only from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def in_address(host: str) -> str:
    """A host as written in a URL."""
    bare = host.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; the IPv6 wildcard address accepts IPv4 as well.

    Raises:
        InputError: the port is out of range, or the address is not available.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"port: expected a number from 0 to {2**16 - 1}, found {port}")
    bare = host.strip("[]")
    try:
        found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        both = family == socket.AF_INET6 and bare == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=_WAITING, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"port: cannot listen on {in_address(host)}:{port} ({reason}); choose another with --port"
        ) from error


def answered_names(host: str, allowed: Iterable[str]) -> frozenset[str] | None:
    """The host names to answer to; None for any, if other machines may connect.

    Args:
        host: The address it listens on.
        allowed: Additional names, such as that of a proxy.
    """
    names = {in_address(name).lower() for name in allowed}
    if not names and not is_loopback(host):
        return None
    return frozenset({*LOOPBACK, in_address(host).lower(), *names})


def read_prefix(prefix: str) -> str:
    """Normalise a prefix to a path with a slash at both ends.

    Raises:
        InputError: it is not a path.
    """
    path = f"/{prefix.strip('/')}/".replace("//", "/")
    plain = path.replace("/", "").translate(str.maketrans("", "", "-._~%@:+,="))
    if ".." in path.split("/") or (plain and not (plain.isascii() and plain.isalnum())):
        raise InputError(f"prefix: expected a path such as /user/me/proxy/8050/, found {prefix!r}")
    return path


class WithPrefix:
    """A WSGI application behind a proxy's path prefix, whether the proxy strips the prefix or not.

    Args:
        application: The wrapped application.
        prefix: The path, with a slash at both ends.
    """

    def __init__(self, application: Callable[..., Any], prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401 - WSGI
        """Answer a request to the path without the prefix."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(self._prefix) or path == self._prefix[:-1]:
            environ["PATH_INFO"] = "/" + path[len(self._prefix) :]
        return self._application(environ, start_response)
