"""Compiled loops over pixels and rays, kept on disk between runs."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(function: Loop) -> Loop:
    """Compile `function` with numba when it is first called; later runs load it from the cache."""
    return cast(Loop, numba.njit(cache=True, error_model="numpy")(function))
