"""Several networks computed at a time on a CPU, each by one thread: none changes what another does."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import torch

Result = TypeVar("Result")


class SideBySide:
    """Threads of one core each, made when they are first needed.

    Small layers gain little from a second core. Networks that have nothing in common gain all of it, and what
    one core computes for a network is the same to the last bit whatever is computed beside it.
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
        """What is computed for each name: on a CPU several at a time, elsewhere one after another.

        Args:
            compute: what there is to do; must not touch what belongs to another name.
            names: of the networks.
            device: where they are.
            precision: makes the context in which networks of the run are called.
        """
        if device.type != "cpu":
            return [compute(name) for name in names]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)
            )

        def computed(name: str) -> Result:
            with precision():  # a new thread has none yet
                return compute(name)

        return list(self._pool.map(computed, names))

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
