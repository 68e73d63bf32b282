"""Several networks computed in parallel on a CPU, each by one thread, without affecting one another."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import torch

Result = TypeVar("Result")


class SideBySide:
    """A pool of threads, one core each, created when first needed.

    Small layers gain little from a second core, while independent networks scale with the cores. What one
    core computes for a network is bitwise the same, whatever runs in parallel.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def each(
        self,
        compute: Callable[[str], Result],
        names: Sequence[str],
        device: torch.device,
        precision: Callable[[], AbstractContextManager[None]],
    ) -> list[Result]:
        """The result of a function for each name: in parallel on a CPU, elsewhere one after another.

        Args:
            compute: the function; it must not touch what belongs to another name.
            names: of the networks.
            device: of the networks.
            precision: creates the trainer's precision context for calling networks.
        """
        if device.type != "cpu":
            return [compute(name) for name in names]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)
            )

        def computed(name: str) -> Result:
            with precision():  # contexts are per thread
                return compute(name)

        return list(self._pool.map(computed, names))

    def close(self) -> None:
        """Shut down the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
