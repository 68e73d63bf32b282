"""Compiled loops over pixels and rays, kept on disk between runs where there is a place for them."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Loop = TypeVar("Loop", bound=Callable[..., Any])


class _Cache(FunctionCache):
    """numba's; but what cannot be kept or read is compiled anew: a full disk, a damaged file."""

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        with suppress(OSError, EOFError, ValueError, pickle.UnpicklingError):
            yield


def compiled(function: Loop) -> Loop:
    """Compile `function` with numba when it is first called; later runs load it from the cache.

    Where neither the package's folder nor the user's own may be written to, every run compiles anew.
    """
    dispatcher: Any = numba.njit(error_model="numpy")(function)
    # numba's word for no place to write to: an installation of root's, a user without a home.
    with suppress(RuntimeError):
        dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return cast(Loop, dispatcher)
