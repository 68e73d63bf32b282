"""Compiled loops over pixels and rays, cached on disk between runs where a folder is writable."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Loop = TypeVar("Loop", bound=Callable[..., Any])


class _Cache(FunctionCache):
    """numba's cache, but a full disk or a damaged file only costs a recompilation."""

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        with suppress(OSError, EOFError, ValueError, pickle.UnpicklingError):
            yield


def compiled(function: Loop) -> Loop:
    """Compile `function` with numba when it is first called; later runs load it from the cache.

    Where neither the package's folder nor the user's cache folder is writable, every run compiles again.
    """
    dispatcher: Any = numba.njit(error_model="numpy")(function)
    # numba raises it where no folder is writable: the package belongs to root, the user has no home.
    with suppress(RuntimeError):
        dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return cast(Loop, dispatcher)
